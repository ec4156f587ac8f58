package preview

import (
	"strings"

	"mailops/schema"
)

// An Explanation tells what an effect of plans is.
type Explanation struct {
	ID      string
	Short   string // in a few words
	Purpose string // why people are told of it, and what to look at
}

// Explanations lists what every effect is, by id.
func Explanations() []Explanation { return explanations }

// Explained returns what an effect is.
func Explained(id string) (Explanation, bool) {
	for _, e := range explanations {
		if e.ID == id {
			return e, true
		}
	}
	return Explanation{}, false
}

// described is what a rule or an effect is, in few words and in full; "" for an
// unknown one.
func described(id string) (short, full string) {
	if e, ok := Explained(id); ok {
		return e.Short, e.Purpose
	}
	rule, ok := schema.RuleNamed(id)
	if !ok {
		return "", ""
	}
	words := strings.Join(strings.Fields(rule.Purpose), " ")
	first, _, more := strings.Cut(words, ". ")
	if more {
		first += "."
	}
	return first, words
}

var explanations = []Explanation{
	{"admin-gained", "Somebody becomes an administrator", "An administrator manages other users; a super administrator also manages administrators. Make sure that this person is meant to."},
	{"admin-lost", "Somebody is no longer an administrator", "Whoever asked them for help needs to know whom to ask now. The rules min-admins and admin-lockout see to it that somebody is left."},
	{"backup-off", "Mail of somebody is no longer backed up", "When they are deactivated, no copy of their mail is made, and they can be deleted without one. The law may ask for it."},
	{"by-hand", "What somebody did by hand is overwritten", "The live store is otherwise than it was asked for, and this change writes over that. Whoever did it by hand may have had a reason."},
	{"by-hand-kept", "What somebody did by hand is asked for now", "The live store has it already, and no commit asked for it. Nothing changes, and from now on it is as it should be: look at it as if it were new."},
	{"catch-all-lost", "Mail to unknown addresses of a domain is refused", "The domain's catch-all is taken away: mail to addresses that nobody has was read by somebody, and comes back to its sender now."},
	{"catch-all-set", "Mail to unknown addresses of a domain goes to somebody", "A catch-all gets the mail of every misspelt address, and much spam."},
	{"domain-lost", "A domain is no longer the organization's", "All mail to all its addresses is refused, also to those that nobody has looked at for long."},
	{"features-gained", "Somebody may set more by themselves", "They do it in their own panel, and no pull request shows it. Whoever may set forwarding can send all their mail out of the organization."},
	{"features-lost", "Somebody may set less by themselves", "An administrator has to do it for them."},
	{"forward-outside", "Mail goes out of the organization", "A forward, an alias, a list or a catch-all begins to send mail to an address of somebody else. What is sent there cannot be taken back."},
	{"grant-without-end", "Somebody gets something for a while that has no end", "Travel mode lifts trusted networks. With no end, nobody is reminded to take it back."},
	{"handed-over", "A mailbox is in the name of somebody else", "Whoever signs in to it reads all the mail that is in it. Somebody new gets a mailbox of their own."},
	{"hours-changed", "Somebody can sign in at other hours", "Hours at which they could sign in go, and others come."},
	{"hours-lifted", "Somebody can sign in at any hour", "Their access hours are taken away."},
	{"hours-narrowed", "Somebody can sign in at fewer hours", "Outside of them they cannot read or send mail."},
	{"hours-set", "Somebody can sign in during access hours only", "Outside of them they cannot read or send mail."},
	{"hours-widened", "Somebody can sign in at more hours", "Their access hours allow more than before."},
	{"licence-pressure", "A licence is nearly used up", "The next ones may be refused. Buy more in time, or take some back."},
	{"locked", "A mail add-on is locked", "The user can no longer change the configuration of their mail add-on."},
	{"mail-accepted", "Mail to somebody is accepted again", "It was refused before. What was sent meanwhile does not come back."},
	{"mail-refused", "Mail to an address is refused", "Whoever writes to it is told so. Make sure that nobody expects mail there, or give the address to somebody else."},
	{"mail-to-catch-all", "Mail to an address goes to the catch-all", "The address is gone, and the domain has a catch-all: whoever reads that reads this mail too."},
	{"mailbox-deleted", "A mailbox is deleted with all its mail", "mailops cannot bring the mail back. Deactivate the user first and take a backup, if anybody may still need it."},
	{"networks-changed", "Somebody can sign in from other networks", "Networks from which they could sign in go, and others come."},
	{"networks-lifted", "Somebody can sign in from any network", "Their trusted networks are taken away, or do not hold for a while."},
	{"networks-narrowed", "Somebody can sign in from fewer networks", "From the others they cannot read or send mail."},
	{"networks-set", "Somebody can sign in from some networks only", "From elsewhere they cannot read or send mail: at home, on a journey, on a telephone."},
	{"networks-widened", "Somebody can sign in from more networks", "Make sure that those are the organization's own, or of somebody whom it trusts."},
	{"new-outside", "Somebody new can sign in from anywhere", "A new user has ways to sign in from outside of the organization, with no trusted networks."},
	{"new-person", "Somebody is new", "How they can sign in, or why they cannot."},
	{"no-reader", "Nobody reads mail to an address", "The address accepts mail, or is a list or an alias, and no mailbox gets it in the end."},
	{"over-quota", "A mailbox holds more than its quota", "Mail to it is refused until its user deletes some."},
	{"password-replaced", "The password of somebody is replaced", "The old one no longer opens the mailbox, and the new one does. Make sure that it is the person's own, who asked for it."},
	{"password-set", "Somebody gets a password", "They had none, or one that mailops did not know of. Make sure that it is the person's own."},
	{"posting-narrowed", "Fewer people can write to a list", "Mail of the others to it is refused."},
	{"posting-widened", "More people can write to a list", "Mail of people who could not write to it reaches all its members."},
	{"quota-cut", "A mailbox gets less room", "When it is full, mail to it is refused."},
	{"readers-gained", "Mail to an address reaches more people", "They read what is written to it from now on."},
	{"readers-lost", "Mail to an address no longer reaches somebody", "Make sure that they do not need it, and that somebody else reads it."},
	{"renamed", "A mailbox goes on under another address", "The mail stays. Mail to the old address is refused, unless an alias takes it."},
	{"send-as-gained", "Somebody may send in the name of another address", "Who gets such mail cannot see who wrote it."},
	{"send-as-lost", "Somebody may no longer send in the name of another address", "Their mail in that name is refused."},
	{"send-gained", "Somebody can send", "They could not before."},
	{"send-local", "Somebody can send within the organization only", "Their mail to anybody else is refused."},
	{"send-outside", "Somebody can send out of the organization", "They could write to its own domains only."},
	{"send-lost", "Somebody can no longer send", "Their mail is refused, in every way in which they could send it."},
	{"sign-in-gained", "Somebody can sign in", "They could not before, or not in this way."},
	{"sign-in-lost", "Somebody can no longer sign in", "They have no way left to read their mail."},
	{"sign-in-narrowed", "Somebody can no longer sign in in some way", "Programs and telephones that use it stop getting mail."},
	{"sign-in-widened", "Somebody can sign in in one more way", "POP, IMAP and ActiveSync reach the mailbox from outside, with a password alone."},
	{"spam-check-off", "Mail to somebody is not checked for spam", "Harmful mail reaches them unseen."},
	{"storage-pressure", "The licence for storage is nearly used up", "The quotas promise nearly all that there is. Buy more in time, or take some back."},
	{"unlocked", "A mail add-on is unlocked", "The user can change the configuration of their mail add-on again."},
}

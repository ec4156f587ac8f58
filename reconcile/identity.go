package reconcile

import (
	"fmt"
	"strings"
	"unicode"

	"mailops/schema"
)

// The effects of this file are about whose a mailbox is: its name, and the password
// that opens it.

// password says when somebody gets a password: whoever wrote it can sign in.
func (e *effects) password(key schema.Key, was, will *schema.User) {
	if will.Password == "" || was.Password == will.Password {
		return
	}
	severity, whose := Warning, who(will)
	if is := rank[will.Role]; is != "" {
		severity, whose = Severe, whose+", "+is+","
	}
	if was.Password == "" {
		e.say(severity, "password-set", key, "the password of %s is set: whoever has it can sign in", whose)
		return
	}
	e.say(severity, "password-replaced", key, "the password of %s is replaced: whoever has the new one can sign in", whose)
}

// handed says when a mailbox gets the name of somebody else. What the address tells
// is not asked: people marry, and office@ is many people's.
func (e *effects) handed(key schema.Key, was, will *schema.User) {
	if was.Address == will.Address && another(was.Name, will.Name) {
		e.say(Warning, "handed-over", key, "the mailbox of %s is in the name of %s from now on, with all the mail in it: the two names share no word", who(was), readable(will.Name))
	}
}

// becomes says what a mailbox is called after a rename, and what comes with it.
func (e *effects) becomes(key schema.Key, was *schema.User, heir schema.Address) {
	text, severity, why := string(heir), Info, ""
	if will, ok := e.after.Find(userKey(heir)).(*schema.User); ok {
		if will.Name != was.Name {
			text = who(will)
		}
		switch {
		case will.Password == "" || will.Password == was.Password:
		case was.Password == "":
			text += " with a password"
		default:
			text += " with another password"
		}
		if another(was.Name, will.Name) {
			severity, why = Warning, ": the two names share no word"
		}
	}
	e.say(severity, "renamed", key, "%s becomes %s and keeps the mailbox%s", who(was), text, why)
}

// another reports whether two names look like those of two people: both are names,
// and they share no word.
func another(was, will string) bool {
	before, after := wordsOf(was), wordsOf(will)
	return len(before) > 0 && len(after) > 0 && len(without(after, before)) == len(after)
}

// wordsOf are the words of a name, as far as one can recognize somebody by them.
func wordsOf(name string) []string {
	var out []string
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		if len([]rune(word)) > 2 { // "de" and "da" are in half of all names
			out = append(out, word)
		}
	}
	return out
}

func who(u *schema.User) string {
	if u.Name == "" {
		return string(u.Address)
	}
	return fmt.Sprintf("%s (%s)", u.Address, readable(u.Name))
}

// readable is a text that JSON holds as it is: a plan must read as it was written.
func readable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

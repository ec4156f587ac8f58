package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// This file says what comes to nothing in a store that cannot do everything.

// An Unmet is what a store cannot do of what is asked for, and to whom.
type Unmet struct {
	Lack
	Keys []schema.Key
}

// saidInVain adds what declarations say of fields that the store does not hold, in the
// words that it has for everybody: nothing differs, and nobody knows what is there.
func (in Input) saidInVain(unmet []Unmet) []Unmet {
	if in.Provenance == nil {
		return unmet
	}
	for i := range in.Lacks {
		l := &in.Lacks[i]
		if _, ok := schema.FieldAt(l.Kind, l.Path); !ok || l.Cannot != CannotHold {
			continue
		}
		at := slices.IndexFunc(unmet, func(u Unmet) bool { return u.Kind == l.Kind && u.Path == l.Path && u.Store == l.Store })
		known := make(map[schema.Key]bool)
		if at >= 0 {
			for _, key := range unmet[at].Keys {
				known[key] = true
			}
		}
		var keys []schema.Key
		for _, r := range in.Want {
			if key := r.Key(); l.about(key) && (known[key] || in.says(key, l.Path)) {
				keys = append(keys, key)
			}
		}
		switch {
		case at >= 0:
			unmet[at].Keys = keys
		case len(keys) > 0:
			unmet = append(unmet, Unmet{*l, keys})
		}
	}
	return unmet
}

// says reports whether a resource, or a profile that somebody wrote for it, sets a field.
func (in Input) says(key schema.Key, path string) bool {
	origin := in.Provenance.Origin(key, path)
	return origin != nil && (origin.Via == "" || strings.HasPrefix(origin.Via, "profile "))
}

// Since leaves of what a store cannot do what is about resources that two wants
// have different: the rest was so before.
func Since(unmet []Unmet, was, will schema.State) []Unmet {
	var out []Unmet
	for _, u := range unmet {
		u.Keys = slices.DeleteFunc(slices.Clone(u.Keys), func(k schema.Key) bool {
			before, after := was.Find(k), will.Find(k)
			return before == after || before != nil && after != nil && schema.Same(before, after)
		})
		if len(u.Keys) > 0 {
			out = append(out, u)
		}
	}
	return out
}

// Told leaves out of what a store cannot do the time zones that users have because
// their domain or the organization does: everybody has one, and nobody asked for it.
func Told(unmet []Unmet, want schema.State, org schema.Organization) []Unmet {
	var out []Unmet
	for _, u := range unmet {
		if u.Kind == schema.KindUser && u.Path == "timezone" {
			u.Keys = slices.DeleteFunc(slices.Clone(u.Keys), func(k schema.Key) bool {
				user, ok := want.Find(k).(*schema.User)
				domain, _ := want.Find(schema.Key{Kind: schema.KindDomain, Name: k.Domain()}).(*schema.Domain)
				return ok && (user.Timezone == org.Timezone || domain != nil && user.Timezone == domain.Timezone)
			})
		}
		if len(u.Keys) > 0 {
			out = append(out, u)
		}
	}
	return out
}

// Unfit tells of what a store cannot do, once for each field.
func Unfit(unmet []Unmet) []Finding {
	var out []Finding
	for i := range unmet {
		out = append(out, unmet[i].finding())
	}
	return out
}

var unmetWords = map[schema.Kind][2]string{
	schema.KindDomain: {"domain", "domains"}, schema.KindUser: {"user", "users"},
	schema.KindAlias: {"alias", "aliases"}, schema.KindList: {"list", "lists"},
}

func (u *Unmet) finding() Finding {
	words := unmetWords[u.Kind]
	who := number(len(u.Keys), words[0], words[1])
	if few := 3; len(u.Keys) == 1 || u.Cannot == CannotTake && len(u.Keys) <= few { // who is left out is to be seen
		who = names(u.Keys)
	}
	store := cmp.Or(u.Store, "this store")
	text := fmt.Sprintf("%s cannot set %s: it stays as it is for %s", store, u.name(), who)
	switch {
	case u.Cannot == CannotTake:
		text = fmt.Sprintf("%s cannot set %s to what is asked for: it stays as it is for %s, and what is new there is left out", store, u.name(), who)
	case u.Cannot == CannotLeave:
		text = fmt.Sprintf("a mailbox cannot go from one store to another: the address stays as it is for %s", who)
	case u.Path == "":
		text = fmt.Sprintf("%s cannot make, change or delete %s: %s as it is", store, words[1], number(len(u.Keys), "stays", "stay"))
	}
	if u.Reason != "" {
		text += " (" + u.Reason + ")"
	}
	severity := Warning
	if u.Path == PathRename { // others are asked to send to the new address
		severity = Refuse
	}
	return Finding{Rule: "cannot-set", Severity: severity, Text: text, Keys: u.Keys}
}

// name is what the lack is about, as plans say it.
func (l *Lack) name() string {
	if l.Path == "" {
		return string(l.Kind)
	}
	if l.Path == PathRename {
		return "the address of a mailbox"
	}
	if l.Kind == schema.KindUser {
		return l.Path
	}
	return string(l.Kind) + "." + l.Path
}

// newMailboxes tells whose mail does not come back with the user: a store that cannot
// give a mailbox another address has no hold of mailboxes at all.
func newMailboxes(changes []Change, lacks []Lack) []Finding {
	var out []Finding
	for i := range lacks {
		l := &lacks[i]
		if l.Path != PathRename || l.Cannot != CannotSet {
			continue
		}
		var keys []schema.Key
		for _, c := range changes {
			if c.Op == OpCreate && l.about(c.Key) {
				keys = append(keys, c.Key)
			}
		}
		if len(keys) > 0 {
			out = append(out, Finding{Rule: "cannot-set", Severity: Warning, Keys: keys, Text: fmt.Sprintf(
				"%s cannot bring back the mail of %s: the mailbox is a new one", cmp.Or(l.Store, "this store"), number(len(keys), "user", "users"))})
		}
	}
	return out
}

// names are those of resources, as plans say them.
func names(keys []schema.Key) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.Name
	}
	return strings.Join(out, ", ")
}

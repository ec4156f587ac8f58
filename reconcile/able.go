package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// A Limited is a store that cannot do all that declarations ask for. What it
// cannot do is said when planning, once for each field, and never half-way in an
// apply.
type Limited interface {
	// Lacks lists what the store cannot do, at most once for each field.
	Lacks() []Lack
}

// A Lack is what a store cannot do with a field, or with a kind as a whole.
type Lack struct {
	Kind   schema.Kind  `json:"kind"`
	Path   string       `json:"path,omitempty"` // of the field; "": the resources of the kind
	Cannot Inability    `json:"cannot"`
	Value  schema.Value `json:"value"`            // of a field that cannot be set: what a new resource has
	Reason string       `json:"reason,omitempty"` // such as "its API has no action for it"
}

// An Inability is what a store cannot do.
type Inability string

// The inabilities. Of what cannot be held, a read yields the value of the [Lack];
// of what cannot be observed, what mailops has set itself, which others may have
// changed since.
const (
	CannotSet     Inability = "set"
	CannotObserve Inability = "observe"
	CannotHold    Inability = "hold" // neither
)

// name is what the lack is about, as plans say it.
func (l *Lack) name() string {
	if l.Path == "" {
		return string(l.Kind)
	}
	if l.Kind == schema.KindUser {
		return l.Path
	}
	return string(l.Kind) + "." + l.Path
}

// An Unmet is what a store cannot do of what is asked for, and to whom.
type Unmet struct {
	Lack
	Keys []schema.Key
}

// Attainable edits a want so that what mailops does not manage (see [LeaveAlone])
// and what the store cannot set is as it is live, and lists the second. It edits
// the want, and not the difference, so that no later step needs to know.
func Attainable(want, live schema.State, leave []string, lacks []Lack) (schema.State, []Unmet) {
	want = LeaveAlone(want, live, leave)
	var unmet []Unmet
	for i := range lacks {
		l := &lacks[i]
		var keys []schema.Key
		field, known := schema.FieldAt(l.Kind, l.Path)
		switch {
		case l.Cannot == CannotObserve:
		case l.Path == "":
			want, keys = likeLive(want, live, l.Kind)
		case known:
			want, keys = l.keep(field, want, live)
		}
		if len(keys) > 0 {
			unmet = append(unmet, Unmet{*l, keys})
		}
	}
	return want, unmet
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
	text := fmt.Sprintf("this store cannot set %s: it stays as it is for %s", u.name(), who)
	if u.Path == "" {
		text = fmt.Sprintf("this store cannot make, change or delete %s: %s as it is", words[1], number(len(u.Keys), "stays", "stay"))
	}
	if u.Reason != "" {
		text += " (" + u.Reason + ")"
	}
	return Finding{Rule: "cannot-set", Severity: Warning, Text: text, Keys: u.Keys}
}

// likeLive takes all of a kind from the live store, and tells what differs. What
// stays there keeps its address, which nothing else can have then, and its domain.
func likeLive(want, live schema.State, kind schema.Kind) (schema.State, []schema.Key) {
	asked, others := split(want, kind)
	is, _ := split(live, kind)
	var keys []schema.Key
	taken, domains := make(map[string]bool), make(map[schema.Key]bool)
	for _, c := range Diff(is, asked) {
		if keys = append(keys, c.Key); c.Op == OpDelete {
			taken[c.Name] = true
			domains[schema.Key{Kind: schema.KindDomain, Name: c.Domain()}] = true
		}
	}
	out := slices.DeleteFunc(others, func(r schema.Resource) bool { return taken[r.Key().Name] })
	for key := range domains {
		if d := live.Find(key); d != nil && out.Find(key) == nil {
			is = append(is, d)
		}
	}
	out = append(out, is...)
	out.Sort()
	return out, keys
}

// split parts the resources of a kind from the others.
func split(s schema.State, kind schema.Kind) (of, others schema.State) {
	for _, r := range s {
		if r.Key().Kind == kind {
			of = append(of, r)
		} else {
			others = append(others, r)
		}
	}
	return of, others
}

// keep gives a field the value that it has live, or gets when it is created.
func (l *Lack) keep(field schema.Field, want, live schema.State) (schema.State, []schema.Key) {
	var keys []schema.Key
	out, shared := want, true
	for i, r := range want {
		if r.Key().Kind != l.Kind {
			continue
		}
		var is schema.Resource
		is, live = live.Next(r)
		value := l.Value
		if is != nil {
			if is == r || field.Equal(is, r) {
				continue
			}
			value = field.Get(is)
		}
		kept := schema.Clone(r)
		if err := field.Set(kept, value); err != nil || field.Equal(kept, r) {
			continue
		}
		if shared {
			out, shared = slices.Clone(want), false
		}
		out[i] = kept
		keys = append(keys, r.Key())
	}
	return out, keys
}

// unseen are the fields that a store cannot observe: that nobody has changed them
// is not known.
func unseen(lacks []Lack) []string {
	var out []string
	for i := range lacks {
		if lacks[i].Cannot == CannotObserve {
			out = append(out, lacks[i].name())
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

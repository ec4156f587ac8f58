package reconcile

import (
	"encoding/json"
	"slices"
	"strings"

	"mailops/schema"
)

// A Limited is a store that cannot do all that declarations ask for. What it
// cannot do is said when planning, once for each field, and never half-way in an
// apply.
type Limited interface {
	// Lacks lists what the store cannot do, at most once for each field and
	// inability.
	Lacks() []Lack
}

// A Lack is what a store cannot do with a field, or with a kind as a whole.
type Lack struct {
	Kind   schema.Kind  `json:"kind"`
	Path   string       `json:"path,omitempty"` // of the field, or PathRename; "": the resources of the kind
	Cannot Inability    `json:"cannot"`
	Value  schema.Value `json:"value"`            // of a field that cannot be set: what a new resource has
	Once   bool         `json:"once,omitempty"`   // it can be set when a resource is created, and not after
	Bounds *Bounds      `json:"bounds,omitempty"` // of CannotTake: the values that can be
	Reason string       `json:"reason,omitempty"` // such as "its API has no action for it"

	Store string   `json:"store,omitempty"` // which of several it is about; "": there is one
	In    []string `json:"in,omitempty"`    // the domains that it is about alone; none: all
	NotIn []string `json:"notIn,omitempty"` // the domains that it is not about
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
	CannotTake    Inability = "take" // values beyond the bounds

	// CannotLeave is of PathRename: a mailbox can get another address among those
	// that the lack is about, and among the others, and not from one to another.
	CannotLeave Inability = "leave"
)

// PathRename is the path of a [Lack] of users: that a mailbox cannot get another
// address. To make a new one and delete the old one would lose the mail in it.
const PathRename = "renamedFrom"

// Bounds are the values of a field that a store can take. Of the zero value, all.
type Bounds struct {
	OneOf []schema.Value `json:"oneOf,omitempty"`
	Not   []schema.Value `json:"not,omitempty"`
	Least int            `json:"least,omitempty"` // entries of a list
	Most  int            `json:"most,omitempty"`  // entries of a list; 0: any number
	Users bool           `json:"users,omitempty"` // entries are addresses of users, as they are wanted
}

// about reports whether the lack is about a resource.
func (l *Lack) about(key schema.Key) bool {
	return key.Kind == l.Kind && (len(l.In) == 0 || slices.Contains(l.In, key.Domain())) && !slices.Contains(l.NotIn, key.Domain())
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
			want, keys = l.likeLive(want, live)
		case l.Path == PathRename:
			want, keys = l.keepAddresses(want, live)
		case l.Cannot == CannotTake && known:
			want, keys = l.bound(field, want, live)
		case known:
			want, keys = l.keep(field, want, live)
		}
		if len(keys) > 0 {
			unmet = append(unmet, Unmet{*l, keys})
		}
	}
	return want, unmet
}

// likeLive takes all that it is about from the live store, and tells what differs. What
// stays there keeps its address, which nothing else can have then, and its domain.
func (l *Lack) likeLive(want, live schema.State) (schema.State, []schema.Key) {
	asked, others := l.split(want)
	is, _ := l.split(live)
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

// keepAddresses gives back their addresses to users who are to be renamed. Nothing
// else can have these then.
func (l *Lack) keepAddresses(want, live schema.State) (schema.State, []schema.Key) {
	var keys []schema.Key
	back, gone := make(map[string]schema.Resource), make(map[schema.Key]bool)
	for u := range want.Users() {
		if renames(u, want, live) && l.keepsAddress(u) {
			keys = append(keys, u.Key())
			gone[u.Key()] = true
			back[string(u.RenamedFrom)] = live.Find(userKey(u.RenamedFrom))
		}
	}
	if len(keys) == 0 {
		return want, nil
	}
	out := slices.DeleteFunc(slices.Clone(want), func(r schema.Resource) bool {
		return gone[r.Key()] || back[r.Key().Name] != nil
	})
	for _, old := range back {
		if domain := (schema.Key{Kind: schema.KindDomain, Name: old.Key().Domain()}); out.Find(domain) == nil {
			if d := live.Find(domain); d != nil {
				out = append(out, d)
				out.Sort()
			}
		}
		out = append(out, old)
	}
	out.Sort()
	return out, keys
}

// keepsAddress reports whether it is about a user who is to be renamed.
func (l *Lack) keepsAddress(u *schema.User) bool {
	was, is := l.about(userKey(u.RenamedFrom)), l.about(u.Key())
	if l.Cannot == CannotLeave {
		return was != is
	}
	return was || is
}

// bound gives a field beyond the bounds the value that it has live. What is not
// there yet is left out: what it could be given instead, nobody has asked for.
func (l *Lack) bound(field schema.Field, want, live schema.State) (schema.State, []schema.Key) {
	var keys []schema.Key
	out := make(schema.State, 0, len(want))
	for _, r := range want {
		var is schema.Resource
		is, live = live.Next(r)
		if !l.about(r.Key()) || is == r || is != nil && field.Equal(is, r) || l.Bounds.hold(field.Get(r), want) {
			out = append(out, r)
			continue
		}
		keys = append(keys, r.Key())
		if is == nil || !l.Bounds.hold(field.Get(is), want) {
			continue // what it has live goes along with something else
		}
		kept := schema.Clone(r)
		if field.Set(kept, field.Get(is)) == nil {
			r = kept
		}
		out = append(out, r)
	}
	if len(keys) == 0 {
		return want, nil
	}
	return out, keys
}

// hold reports whether a value is within the bounds.
func (b *Bounds) hold(v schema.Value, want schema.State) bool {
	if b == nil {
		return true
	}
	if len(b.OneOf) > 0 && !slices.Contains(b.OneOf, v) || slices.Contains(b.Not, v) {
		return false
	}
	if b.Least == 0 && b.Most == 0 && !b.Users {
		return true
	}
	var entries []schema.Address
	if json.Unmarshal([]byte(v), &entries) != nil && v != "" {
		return true // no list
	}
	if len(entries) < b.Least || b.Most > 0 && len(entries) > b.Most {
		return false
	}
	return !b.Users || !slices.ContainsFunc(entries, func(a schema.Address) bool { return want.Find(userKey(a)) == nil })
}

// split parts the resources that it is about from the others.
func (l *Lack) split(s schema.State) (of, others schema.State) {
	for _, r := range s {
		if l.about(r.Key()) {
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
		if !l.about(r.Key()) {
			continue
		}
		var is schema.Resource
		is, live = live.Next(r)
		value := l.Value
		if is == nil && l.Once {
			continue
		}
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
			name := lacks[i].name()
			if lacks[i].Store != "" {
				name += " in " + lacks[i].Store
			}
			out = append(out, name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Key names a resource of the live store.
type Key struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// String prints Kind/name, the form that --only and --exclude take.
func (k Key) String() string { return string(k.Kind) + "/" + k.Name }

// Address is the name as an address; a domain has an empty local part.
func (k Key) Address() Address { return Address(k.Name) }

// Domain is the mail domain that the resource belongs to.
func (k Key) Domain() string { return Address(k.Name).Domain() }

// Compare orders keys by kind (as in [LiveKinds]), domain and local part.
func (k Key) Compare(l Key) int {
	if k == l { // as a rule, where two states are gone through side by side
		return 0
	}
	return cmp.Or(slices.Index(LiveKinds, k.Kind)-slices.Index(LiveKinds, l.Kind),
		Address(k.Name).Compare(Address(l.Name)))
}

// A Resource is a *Domain, *User, *Alias or *List: what a live store holds.
// Nobody changes a resource that they were given; they change a [Clone].
type Resource interface {
	Key() Key
	resource()
}

// Key names the domain.
func (d *Domain) Key() Key { return Key{KindDomain, d.Name} }

// Key names the user.
func (u *User) Key() Key { return Key{KindUser, string(u.Address)} }

// Key names the alias.
func (a *Alias) Key() Key { return Key{KindAlias, string(a.Address)} }

// Key names the list.
func (l *List) Key() Key { return Key{KindList, string(l.Address)} }

func (*Domain) resource() {}
func (*User) resource()   {}
func (*Alias) resource()  {}
func (*List) resource()   {}

// New returns an empty resource of a live kind.
func New(key Key) (Resource, error) {
	switch key.Kind {
	case KindDomain:
		return &Domain{Name: key.Name}, nil
	case KindUser:
		return &User{Address: Address(key.Name)}, nil
	case KindAlias:
		return &Alias{Address: Address(key.Name)}, nil
	case KindList:
		return &List{Address: Address(key.Name)}, nil
	}
	return nil, fmt.Errorf("%q is not a kind that a live store holds", key.Kind)
}

// Clone copies a resource, so that the copy can be changed by [Field.Set].
func Clone(r Resource) Resource {
	switch r := r.(type) {
	case *Domain:
		c := *r
		return &c
	case *User:
		c := *r
		return &c
	case *Alias:
		c := *r
		return &c
	case *List:
		c := *r
		return &c
	}
	return nil
}

// Targets are where a resource sends mail on to: a user's forwardings, an alias's
// targets, a list's members.
func Targets(r Resource) []Address {
	switch r := r.(type) {
	case *User:
		return r.Forwarding.To
	case *Alias:
		return r.To
	case *List:
		return r.Members
	}
	return nil
}

// Normalize puts the sets of a resource in order, in place, so that two ways
// to write one value are equal.
func Normalize(r Resource) {
	switch r := r.(type) {
	case *User:
		r.Settings.normalize()
	case *Alias:
		r.To = sortedSet(r.To)
	case *List:
		r.Members = sortedSet(r.Members)
	}
}

// State is a set of resources in key order: what is wanted, or what is live.
type State []Resource

// Sort puts the state in key order.
func (s State) Sort() {
	slices.SortFunc(s, func(a, b Resource) int { return a.Key().Compare(b.Key()) })
}

// Find returns the resource of that key, nil when there is none.
func (s State) Find(key Key) Resource {
	i, ok := slices.BinarySearchFunc(s, key, func(r Resource, k Key) int { return r.Key().Compare(k) })
	if !ok {
		return nil
	}
	return s[i]
}

// Next returns the resource of r's key, nil when there is none, and the rest of
// the state from there on: for walking through two states side by side, where
// most resources are one value in both.
func (s State) Next(r Resource) (Resource, State) {
	if len(s) > 0 && s[0] == r {
		return r, s[1:]
	}
	key := r.Key()
	for len(s) > 0 {
		switch c := s[0].Key().Compare(key); {
		case c == 0:
			return s[0], s[1:]
		case c > 0:
			return nil, s
		}
		s = s[1:]
	}
	return nil, nil
}

// Users yields the users of the state, in order.
func (s State) Users() func(yield func(*User) bool) {
	return func(yield func(*User) bool) {
		for _, r := range s {
			if u, ok := r.(*User); ok && !yield(u) {
				return
			}
		}
	}
}

// Version identifies the content of a resource's live fields: equal content,
// equal version, on every store. It is what a plan saw, and what an apply
// compares. The version of nil, a resource that does not exist, is "".
func Version(r Resource) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(r.Key().String())
	for _, f := range Fields(r.Key().Kind) {
		if v := f.Get(r); v != "" {
			b.WriteString("\n" + f.Path + "=" + string(v))
		}
	}
	return digest(b.String())
}

// Digest identifies the content of a whole state.
func (s State) Digest() string {
	h := sha256.New()
	for _, r := range s {
		h.Write([]byte(Version(r)))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// SetKind makes a resource say its kind, in place, as a declaration would.
func SetKind(r Resource) {
	switch r := r.(type) {
	case *Domain:
		r.Kind = KindDomain
	case *User:
		r.Kind = KindUser
	case *Alias:
		r.Kind = KindAlias
	case *List:
		r.Kind = KindList
	}
}

package reconcile

import (
	"slices"

	"mailops/schema"
)

// A Hop is one station of mail on its way: what an address is, and where its
// mail goes from there.
type Hop struct {
	Address schema.Address `json:"address"`
	Is      HopKind        `json:"is"`
	Next    []Hop          `json:"next,omitempty"`
}

// A HopKind says what happens to mail at a station.
type HopKind string

// The stations. Delivered and Outside are where mail is read; NoReader, Refused,
// Unknown and Circle are where it is not.
const (
	Delivered HopKind = "mailbox"  // a user's mailbox; Next are the user's forwardings
	Forwarded HopKind = "forward"  // a user who forwards and keeps no copy
	Refused   HopKind = "refused"  // a user who accepts no mail
	ViaAlias  HopKind = "alias"    // an alias; Next are its targets
	ViaList   HopKind = "list"     // a distribution list; Next are its members
	CatchAll  HopKind = "catchAll" // unknown, and taken by the domain's catch-all
	Unknown   HopKind = "unknown"  // no such address in a domain of ours
	Outside   HopKind = "outside"  // somebody else's domain
	Circle    HopKind = "circle"   // a station that the mail has passed before
)

// A Router follows mail through a state.
type Router struct {
	addresses map[schema.Address]schema.Resource
	domains   map[string]*schema.Domain
	readable  map[schema.Address]bool // memo of Reads
}

// NewRouter prepares a state for routing.
func NewRouter(s schema.State) *Router {
	r := &Router{addresses: make(map[schema.Address]schema.Resource, len(s)), domains: make(map[string]*schema.Domain), readable: make(map[schema.Address]bool)}
	for _, resource := range s {
		if d, ok := resource.(*schema.Domain); ok {
			r.domains[d.Name] = d
			continue
		}
		r.addresses[resource.Key().Address()] = resource
	}
	return r
}

// Route returns where mail to an address ends up.
func (r *Router) Route(to schema.Address) Hop { return r.follow(to, nil) }

func (r *Router) follow(to schema.Address, passed []schema.Address) Hop {
	hop := Hop{Address: to}
	if slices.Contains(passed, to) {
		hop.Is = Circle
		return hop
	}
	var next []schema.Address
	hop.Is, next = r.station(to)
	for _, n := range next {
		hop.Next = append(hop.Next, r.follow(n, append(passed, to)))
	}
	return hop
}

// station says what an address is, and where its mail goes next.
func (r *Router) station(to schema.Address) (HopKind, []schema.Address) {
	switch at := r.addresses[to].(type) {
	case *schema.User:
		switch {
		case !at.AcceptsMail():
			return Refused, nil
		case len(at.Forwarding.To) > 0 && !at.Forwarding.KeepCopy:
			return Forwarded, at.Forwarding.To
		}
		return Delivered, at.Forwarding.To
	case *schema.Alias:
		return ViaAlias, at.To
	case *schema.List:
		return ViaList, at.Members
	}
	domain, ours := r.domains[to.Domain()]
	switch {
	case !ours:
		return Outside, nil
	case domain.CatchAll != "" && domain.CatchAll != to:
		return CatchAll, []schema.Address{domain.CatchAll}
	}
	return Unknown, nil
}

// Reads reports whether mail to an address reaches somebody: a mailbox, or
// somebody outside.
func (r *Router) Reads(to schema.Address) bool {
	if answer, ok := r.readable[to]; ok {
		return answer
	}
	r.readable[to] = false // while it is being asked: a circle reads nothing
	is, next := r.station(to)
	answer := is == Delivered || is == Outside || slices.ContainsFunc(next, r.Reads)
	r.readable[to] = answer
	return answer
}

// IsOurs reports whether an address is in a domain of the state.
func (r *Router) IsOurs(a schema.Address) bool { return r.domains[a.Domain()] != nil }

// Exists reports whether an address is a user, an alias or a list.
func (r *Router) Exists(a schema.Address) bool { return r.addresses[a] != nil }

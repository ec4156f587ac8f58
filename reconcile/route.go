package reconcile

import (
	"maps"
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

// The stations. Delivered and Outside are where mail may be read; Refused,
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
	Shown     HopKind = "shown"    // a station that another branch of the way shows; Next is there
)

// A Router follows mail through a state. It belongs to one goroutine.
type Router struct {
	state     schema.State
	domains   map[string]*schema.Domain
	asked     int                                // how many addresses have been looked up
	addresses map[schema.Address]schema.Resource // once many have been
	readable  map[schema.Address]bool            // answers of Reads for all addresses that the state names, once many have been asked for
}

// many is how often one looks into a state before it pays to take it apart.
const many = 2000

// NewRouter prepares a state for routing.
func NewRouter(s schema.State) *Router {
	r := &Router{state: s, domains: make(map[string]*schema.Domain)}
	for _, resource := range s {
		d, ok := resource.(*schema.Domain)
		if !ok {
			break // domains come first
		}
		r.domains[d.Name] = d
	}
	return r
}

// at returns the user, alias or list of an address; nil when there is none.
func (r *Router) at(a schema.Address) schema.Resource {
	if r.asked++; r.addresses == nil && r.asked > many {
		r.index()
	}
	if r.addresses != nil {
		return r.addresses[a]
	}
	for _, kind := range schema.LiveKinds[1:] {
		if is := r.state.Find(schema.Key{Kind: kind, Name: string(a)}); is != nil {
			return is
		}
	}
	return nil
}

func (r *Router) index() {
	r.addresses = make(map[schema.Address]schema.Resource, len(r.state))
	for _, resource := range r.state[len(r.domains):] {
		r.addresses[resource.Key().Address()] = resource
	}
}

// Route returns where mail to an address ends up. A station that sends mail on
// is followed once, so that lists of lists do not multiply.
func (r *Router) Route(to schema.Address) Hop {
	return r.follow(to, make(map[schema.Address]HopKind))
}

// follow keeps in passed what to say of a station when it is met again: that it
// is a circle as long as the way goes through it, later that it is shown.
func (r *Router) follow(to schema.Address, passed map[schema.Address]HopKind) Hop {
	if is := passed[to]; is != "" {
		return Hop{Address: to, Is: is}
	}
	is, next := r.station(to)
	hop := Hop{Address: to, Is: is}
	if len(next) == 0 {
		return hop
	}
	passed[to] = Circle
	for _, n := range next {
		hop.Next = append(hop.Next, r.follow(n, passed))
	}
	passed[to] = Shown
	return hop
}

// station says what an address is, and where its mail goes next.
func (r *Router) station(to schema.Address) (HopKind, []schema.Address) {
	switch at := r.at(to).(type) {
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

// Reads reports whether mail to an address reaches somebody: a mailbox that its
// user can open, or somebody outside.
func (r *Router) Reads(to schema.Address) bool {
	if r.readable == nil && r.asked > many {
		r.findReaders()
	}
	if r.readable != nil {
		if answer, ok := r.readable[to]; ok {
			return answer
		}
		is, next := r.station(to)
		return is == Outside || slices.ContainsFunc(next, r.Reads)
	}
	passed := map[schema.Address]bool{to: true}
	for open := []schema.Address{to}; len(open) > 0; {
		to, open = open[len(open)-1], open[:len(open)-1]
		is, next := r.station(to)
		if r.read(to, is) {
			return true
		}
		for _, n := range next {
			if !passed[n] {
				passed[n] = true
				open = append(open, n)
			}
		}
	}
	return false
}

// Audience lists, in order, where mail to an address ends up: mailboxes, and
// addresses that are not ours.
func (r *Router) Audience(to schema.Address) []schema.Address {
	var out []schema.Address
	passed := map[schema.Address]bool{to: true}
	for open := []schema.Address{to}; len(open) > 0; open = open[1:] {
		is, next := r.station(open[0])
		if is == Delivered || is == Outside {
			out = append(out, open[0])
		}
		for _, n := range next {
			if !passed[n] {
				passed[n] = true
				open = append(open, n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// read reports whether mail is read at a station itself.
func (r *Router) read(at schema.Address, is HopKind) bool {
	return is == Outside || is == Delivered && r.opens(at)
}

// findReaders fills readable by going against the way of the mail, from where
// it is read: each station once, whatever circles there are.
func (r *Router) findReaders() {
	r.index()
	senders := make(map[schema.Address][]schema.Address)
	r.readable = make(map[schema.Address]bool, len(r.addresses))
	var read []schema.Address
	for open := r.named(); len(open) > 0; {
		to := open[len(open)-1]
		open = open[:len(open)-1]
		if _, seen := r.readable[to]; seen {
			continue
		}
		is, next := r.station(to)
		r.readable[to] = r.read(to, is)
		if r.readable[to] {
			read = append(read, to)
		}
		for _, n := range next {
			senders[n] = append(senders[n], to)
		}
		open = append(open, next...)
	}
	for len(read) > 0 {
		to := read[len(read)-1]
		read = read[:len(read)-1]
		for _, from := range senders[to] {
			if !r.readable[from] {
				r.readable[from] = true
				read = append(read, from)
			}
		}
	}
}

// named lists the addresses that exist, and the catch-alls, which need not.
func (r *Router) named() []schema.Address {
	out := slices.Collect(maps.Keys(r.addresses))
	for _, d := range r.domains {
		if d.CatchAll != "" {
			out = append(out, d.CatchAll)
		}
	}
	return out
}

// opens reports whether a user can open their mailbox.
func (r *Router) opens(a schema.Address) bool {
	u, ok := r.at(a).(*schema.User)
	return ok && len(u.SignInWays()) > 0
}

// IsOurs reports whether an address is in a domain of the state.
func (r *Router) IsOurs(a schema.Address) bool { return r.domains[a.Domain()] != nil }

// Exists reports whether an address is a user, an alias or a list.
func (r *Router) Exists(a schema.Address) bool { return r.at(a) != nil }

package emailarray

import (
	"fmt"
	"slices"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A Shortfall is a field of a resource that the service cannot hold as it is
// wanted.
type Shortfall struct {
	Field string
	Text  string // what is wrong, and what to declare instead
	Near  bool   // something close is held in its place, so that the change can be made
}

// Held is a resource as the service holds it once it is written. Live state is
// compared with it, so that a quota that cannot be held exactly is no change
// for ever; [Settings.Audit] tells of it.
func (s Settings) Held(r schema.Resource) schema.Resource {
	u, ok := r.(*schema.User)
	if !ok {
		return r
	}
	held, ok := s.Hold(u.Quota)
	if !ok || held == u.Quota {
		return r
	}
	copied := *u
	copied.Quota = held
	return &copied
}

// Audit says what of a wanted resource the service cannot hold, for lack of a
// value and not of an action: that is [AbilityOf].
func (s Settings) Audit(r schema.Resource) []Shortfall {
	switch r := r.(type) {
	case *schema.User:
		return s.auditUser(r)
	case *schema.Alias:
		if len(r.To) != 1 {
			return []Shortfall{{Field: "to", Text: fmt.Sprintf("an alias leads to one mailbox, and this one to %d: declare a list", len(r.To))}}
		}
	}
	return nil
}

func (s Settings) auditUser(u *schema.User) (out []Shortfall) {
	held, ok := s.Hold(u.Quota)
	switch {
	case !ok:
		out = append(out, Shortfall{Field: "quota", Text: "there is no unlimited quota: declare an amount"})
	case held != u.Quota:
		out = append(out, Shortfall{Field: "quota", Near: true, Text: fmt.Sprintf("%s is no multiple of %s, in which quotas are kept: the mailbox gets %s", u.Quota, s.step(), held)})
	}
	if u.Status != schema.StatusActive && u.Status != s.disabled() {
		out = append(out, Shortfall{Field: "status", Text: fmt.Sprintf("a user is %s or %s, and not %s", schema.StatusActive, s.disabled(), u.Status)})
	}
	if accountNumber(u.AccountType) == "" {
		out = append(out, Shortfall{Field: "accountType", Text: fmt.Sprintf("there is no account type %q", u.AccountType)})
	}
	return out
}

// Calls are the calls that make one resource of another, in the order in which
// they are sent: what takes access away is first, what gives it is last. before
// is nil for what is created, after for what is deleted. What the service cannot
// hold is an error; a field that nothing sets brings no call.
func (s Settings) Calls(before, after schema.Resource) ([]hosted.Call, error) {
	if after != nil {
		for _, f := range s.Audit(after) {
			if !f.Near {
				return nil, fmt.Errorf("%s of %s: %s", f.Field, after.Key(), f.Text)
			}
		}
	}
	of := after
	if of == nil {
		of = before
	}
	switch of.(type) {
	case *schema.User:
		return s.userCalls(as[*schema.User](before), as[*schema.User](after)), nil
	case *schema.Alias:
		return aliasCalls(as[*schema.Alias](before), as[*schema.Alias](after)), nil
	case *schema.List:
		return listCalls(as[*schema.List](before), as[*schema.List](after)), nil
	case *schema.Domain:
		return domainCalls(as[*schema.Domain](before), as[*schema.Domain](after)), nil
	}
	return nil, fmt.Errorf("%T is nothing that the service holds", of)
}

// Requests is how many requests calls take, of a client that has an administrator's
// token alone: a user's token is two more, once for each user.
func Requests(calls []hosted.Call) int {
	users := make(map[schema.Address]bool)
	for _, c := range calls {
		if user := userOf(c); user != "" {
			users[user] = true
		}
	}
	return len(calls) + 2*len(users)
}

// as is a resource as its type; nil is nil.
func as[T schema.Resource](r schema.Resource) T {
	t, _ := r.(T)
	return t
}

func (s Settings) userCalls(before, after *schema.User) (out []hosted.Call) {
	if after == nil {
		return []hosted.Call{RemoveUser(before.Address)}
	}
	will := s.Held(after).(*schema.User)
	on := after.Status == schema.StatusActive
	was, wasOn := before, true
	if before == nil {
		out = append(out, AddUser(will))
		was = will
	} else {
		wasOn = before.Status == schema.StatusActive
	}
	if wasOn && !on {
		out = append(out, DisableUser(after.Address))
	}
	if was.Name != will.Name || was.AccountType != will.AccountType || was.Quota != will.Quota {
		out = append(out, UpdateUser(will))
	}
	var to []schema.Address
	if before != nil {
		to = before.Forwarding.To
	}
	for _, gone := range without(to, after.Forwarding.To) {
		out = append(out, RemoveForward(after.Address, gone))
	}
	for _, come := range without(after.Forwarding.To, to) {
		out = append(out, AddForward(after.Address, come))
	}
	if on && !wasOn {
		out = append(out, EnableUser(after.Address))
	}
	return out
}

// aliasCalls replaces an alias that leads elsewhere: nothing changes one.
func aliasCalls(before, after *schema.Alias) (out []hosted.Call) {
	if before != nil && after != nil && slices.Equal(before.To, after.To) {
		return nil
	}
	if before != nil {
		out = append(out, RemoveAlias(before.Address))
	}
	if after != nil {
		out = append(out, AddAlias(after.Address, after.To[0]))
	}
	return out
}

func listCalls(before, after *schema.List) (out []hosted.Call) {
	var was []schema.Address
	switch {
	case after == nil:
		return []hosted.Call{RemoveList(before.Address)}
	case before == nil:
		out = append(out, AddList(after.Address))
	default:
		was = before.Members
	}
	for _, gone := range without(was, after.Members) {
		out = append(out, RemoveMember(after.Address, gone))
	}
	for _, come := range without(after.Members, was) {
		out = append(out, AddMember(after.Address, come))
	}
	return out
}

func domainCalls(before, after *schema.Domain) []hosted.Call {
	switch {
	case after == nil:
		return []hosted.Call{RemoveDomain(before.Name)}
	case before == nil:
		return []hosted.Call{AddDomain(after.Name)}
	}
	return nil
}

// without are the addresses that are not among others.
func without(all, others []schema.Address) (out []schema.Address) {
	for _, a := range all {
		if !slices.Contains(others, a) {
			out = append(out, a)
		}
	}
	return out
}

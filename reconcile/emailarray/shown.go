package emailarray

import (
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// shown is what a read brings of a resource that is as it is wanted: with the quota
// that the service holds for it, so that one which cannot be held exactly is no
// change for ever.
func (s Settings) shown(r schema.Resource) schema.Resource {
	switch r := r.(type) {
	case *schema.User:
		return s.shownUser(r)
	case *schema.Alias:
		out := &schema.Alias{Address: r.Address, To: r.To}
		schema.Normalize(out)
		return out
	case *schema.List:
		out := &schema.List{Address: r.Address, Members: r.Members, Posting: schema.PostingAnyone}
		schema.Normalize(out)
		return out
	case *schema.Domain:
		return &schema.Domain{Name: r.Name, CatchAll: r.CatchAll, Timezone: r.Timezone}
	}
	return r
}

func (s Settings) shownUser(u *schema.User) *schema.User {
	out := hosted.BlankUser(u.Address)
	out.Name, out.Status, out.AccountType = u.Name, u.Status, u.AccountType
	out.Quota, _ = s.Hold(u.Quota)
	out.Forwarding.To = u.Forwarding.To
	schema.Normalize(out)
	return out
}

// newcomer is a resource right after it was created: active, without forwards and
// members, as what creates it takes none.
func (s Settings) newcomer(want schema.Resource) schema.Resource {
	switch want := want.(type) {
	case *schema.User:
		out := s.shownUser(want)
		out.Status, out.Forwarding.To = schema.StatusActive, nil
		return out
	case *schema.Alias:
		return s.shown(want)
	}
	return hosted.Blank(want.Key())
}

package schema

import (
	"reflect"
	"slices"
)

// Same reports whether two resources of one key agree on every live field: what
// [Field.Equal] says of each, without reflection. A plan of a hundred thousand
// users compares them all, and finds nearly all the same.
func Same(a, b Resource) bool {
	if a == b {
		return true
	}
	switch a := a.(type) {
	case *Domain:
		b, ok := b.(*Domain)
		return ok && a.CatchAll == b.CatchAll && a.Timezone == b.Timezone
	case *User:
		b, ok := b.(*User)
		return ok && a.same(b)
	case *Alias:
		b, ok := b.(*Alias)
		return ok && slices.Equal(a.To, b.To)
	case *List:
		b, ok := b.(*List)
		return ok && a.Posting == b.Posting && slices.Equal(a.Members, b.Members)
	}
	return false
}

func (u *User) same(v *User) bool {
	return u.Name == v.Name && u.Password == v.Password && u.Settings.same(&v.Settings) &&
		(u.TravelMode == v.TravelMode || reflect.DeepEqual(u.TravelMode, v.TravelMode))
}

func (s *Settings) same(t *Settings) bool {
	return s.Role == t.Role && s.Status == t.Status && s.AccountType == t.AccountType &&
		s.Quota == t.Quota && s.Language == t.Language && s.Timezone == t.Timezone &&
		s.Forwarding.KeepCopy == t.Forwarding.KeepCopy && slices.Equal(s.Forwarding.To, t.Forwarding.To) &&
		s.MailboxActions == t.MailboxActions && s.Permissions.same(&t.Permissions) &&
		s.MailAddOn == t.MailAddOn && s.Lock == t.Lock
}

func (p *Permissions) same(q *Permissions) bool {
	return p.Features == q.Features && p.Services == q.Services && p.OnlyLocalSMTP == q.OnlyLocalSMTP &&
		slices.Equal(p.SendAs, q.SendAs) && slices.Equal(p.TrustedNetworks, q.TrustedNetworks) &&
		(p.AccessHours == q.AccessHours || reflect.DeepEqual(p.AccessHours, q.AccessHours))
}

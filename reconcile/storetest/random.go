package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"mailops/schema"
)

// Random returns a state of n users, some domains, aliases and lists, as the
// law would accept it: realistic for the most part, and nasty for the rest. The
// secrets are the hashes of its passwords.
func Random(rng *rand.Rand, n int) (schema.State, schema.Secrets) {
	g := generator{Rand: rng, secrets: make(schema.Secrets)}
	for i := range 1 + n/40 {
		g.domains = append(g.domains, domainName(i))
	}
	var s schema.State
	taken := make(map[schema.Address]bool)
	for len(taken) < n {
		if a := g.address(); !taken[a] {
			taken[a] = true
			g.users = append(g.users, a)
		}
	}
	for _, a := range g.users {
		s = append(s, g.user(a))
	}
	for range n / 4 {
		if a := g.address(); !taken[a] {
			taken[a] = true
			s = append(s, g.target(a, g.IntN(2) == 0))
		}
	}
	for _, name := range g.domains {
		s = append(s, g.domain(name))
	}
	s.Sort()
	return s, g.secrets
}

func domainName(i int) string {
	return [...]string{"acme.example", "xn--bcher-kva.example", "a.acme.example", "acme-2.example"}[i%4] + strings.Repeat(".test", i/4)
}

// A generator makes resources for the domains and users that it knows.
type generator struct {
	*rand.Rand
	secrets schema.Secrets
	domains []string
	users   []schema.Address
}

// nasty are local parts that the law allows and careless code breaks on.
var nasty = []string{
	"o'neill", "100%", "%s", "a+b=c", "null", "true", "0", "-1", "{}", "a|b", "~", "$1", "x/../y", "#", "!", "a&b",
	"josé", "ñ", "名前", "straße", "ﬃ", strings.Repeat("x", 64), strings.Repeat("é", 32),
}

func (g *generator) address() schema.Address {
	local := fmt.Sprintf("%s.%s%d", pick(g, "ana", "bruno", "carla", "davi"), pick(g, "silva", "costa", "melo"), g.IntN(100000))
	if g.IntN(6) == 0 {
		local = pick(g, nasty...)
	}
	return schema.Address(local + "@" + pick(g, g.domains...))
}

// someone is a user, or an address elsewhere.
func (g *generator) someone() schema.Address {
	if len(g.users) == 0 || g.IntN(4) == 0 {
		return schema.Address(fmt.Sprintf("partner%d@elsewhere.example", g.IntN(50)))
	}
	return pick(g, g.users...)
}

func (g *generator) some(most int) []schema.Address {
	var out []schema.Address
	for range g.IntN(most + 1) {
		out = append(out, g.someone())
	}
	return out
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) coin() bool { return g.IntN(2) == 0 }

func (g *generator) user(a schema.Address) *schema.User {
	u := NewUser(a)
	u.Name = pick(g, "", "Ana Silva", "Bruno Costa", `Robert'); DROP TABLE mailuser;--`, `100% "sure" \ $1`, "Ünïcødé 名前 👩‍👧", "null", strings.Repeat("long ", 40))
	if g.IntN(3) > 0 {
		u.Password = g.secrets.Add(fmt.Sprintf("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$%016x$%016x", g.Uint64(), g.Uint64()))
	}
	u.Role = pick(g, schema.RoleMember, schema.RoleMember, schema.RoleMember, schema.RoleAdmin, schema.RoleSuperAdmin)
	u.Status = pick(g, schema.StatusActive, schema.StatusActive, schema.StatusSuspended, schema.StatusDeactivated)
	u.AccountType = pick(g, schema.AccountBasic, schema.AccountEnhanced)
	u.Quota = pick(g, schema.Unlimited, 5<<30, 50e9, 1, 1<<62)
	u.Language, u.Timezone = pick(g, "", "pt", "en-GB"), pick(g, "", "Europe/Lisbon", "America/Argentina/Ushuaia")
	u.Forwarding = schema.Forwarding{To: g.some(2), KeepCopy: g.coin()}
	u.MailboxActions = schema.MailboxActions{Incoming: g.coin(), Outgoing: g.coin(), SpamCheck: g.coin(), IMAP: g.coin(), POP: g.coin(), ActiveSync: g.coin()}
	u.Permissions = g.permissions()
	u.MailAddOn.Backup = pick(g, schema.BackupOff, schema.BackupOnDeactivation)
	u.Lock.MailAddOn = pick(g, schema.Unlocked, schema.Unlocked, schema.Locked)
	if g.IntN(8) == 0 {
		u.TravelMode = &schema.TravelMode{Until: fmt.Sprintf("2026-12-%02dT22:59:59Z", 1+g.IntN(28))}
	}
	schema.Normalize(u)
	return u
}

func (g *generator) permissions() schema.Permissions {
	return schema.Permissions{
		Features: schema.Features{Autoresponder: g.coin(), Forwarding: g.coin(), Filters: g.coin(),
			AllowBlockList: g.coin(), SharedFolders: g.coin(), ChangePassword: g.coin()},
		Services:        schema.Services{Webmail: g.coin(), SMTP: g.coin(), ManageSieve: g.coin()},
		OnlyLocalSMTP:   g.coin(),
		AccessHours:     g.hours(),
		SendAs:          g.some(2),
		TrustedNetworks: pick(g, nil, nil, []string{"10.0.0.0/8"}, []string{"192.0.2.7/32", "2001:db8::/32"}),
	}
}

// hours are windows that do not overlap; a day may be closed, and all may be.
func (g *generator) hours() *schema.AccessHours {
	if g.IntN(3) > 0 {
		return nil
	}
	h := &schema.AccessHours{Timezone: pick(g, "", "Europe/Madrid")}
	for _, day := range h.Days() {
		for start := g.IntN(2000); start < 1439; start += g.IntN(1000) {
			end := start + 1 + g.IntN(1440-start)
			*day = append(*day, schema.Hours{Start: start, End: end})
			start = end
		}
	}
	return h
}

// target is an alias or a list.
func (g *generator) target(a schema.Address, list bool) schema.Resource {
	var r schema.Resource = &schema.Alias{Address: a, To: append(g.some(3), g.someone())}
	if list {
		r = &schema.List{Address: a, Members: g.some(8), Posting: pick(g, schema.PostingAnyone, schema.PostingMembers, schema.PostingOrganization)}
	}
	schema.Normalize(r)
	return r
}

func (g *generator) domain(name string) *schema.Domain {
	d := &schema.Domain{Name: name, Timezone: pick(g, "", "Europe/Lisbon")}
	if g.coin() {
		d.CatchAll = g.someone()
	}
	return d
}

// like makes another resource of the same key.
func (g *generator) like(r schema.Resource) schema.Resource {
	switch r := r.(type) {
	case *schema.Domain:
		return g.domain(r.Name)
	case *schema.User:
		return g.user(r.Address)
	}
	return g.target(r.Key().Address(), r.Key().Kind == schema.KindList)
}

// Mutate returns a state some changes away that the law would accept as well:
// fields set, resources created, deleted, renamed, turned into another kind, a
// domain dropped. The secrets are the hashes of its new passwords.
func Mutate(rng *rand.Rand, s schema.State) (schema.State, schema.Secrets) {
	g := generator{Rand: rng, secrets: make(schema.Secrets)}
	for _, r := range s {
		if d, ok := r.(*schema.Domain); ok {
			g.domains = append(g.domains, d.Name)
		}
	}
	if len(g.domains) == 0 {
		g.domains = []string{domainName(rng.IntN(8))}
		s = with(s, g.domain(g.domains[0]))
	}
	for u := range s.Users() {
		g.users = append(g.users, u.Address)
	}
	for range 1 + rng.IntN(1+len(s)/4) {
		s = g.mutate(s)
	}
	return mend(s), g.secrets
}

func (g *generator) mutate(s schema.State) schema.State {
	if len(s) == 0 {
		return with(s, g.domain(g.domains[0]))
	}
	r := pick(g, s...)
	switch g.IntN(12) {
	case 0:
		return g.add(s)
	case 1:
		if r.Key().Kind != schema.KindDomain {
			return without(s, r.Key())
		}
	case 2:
		return g.turn(s, r)
	case 3:
		if u, ok := r.(*schema.User); ok {
			return g.rename(s, u)
		}
	case 4:
		if g.IntN(8) == 0 && len(g.domains) > 1 {
			return dropDomain(s, r.Key().Domain())
		}
	case 5:
		return with(s, g.domain(domainName(g.IntN(8))))
	}
	fields := schema.Fields(r.Key().Kind)
	f, changed := pick(g, fields...), schema.Clone(r)
	if err := f.Set(changed, f.Get(g.like(r))); err != nil {
		panic(err) // a value that was just got
	}
	return with(s, changed)
}

func (g *generator) add(s schema.State) schema.State {
	a := g.address()
	if s.Find(domainKey(a.Domain())) == nil || holder(s, a) != nil {
		return s
	}
	return with(s, g.user(a))
}

// turn replaces a resource by one of another kind at the same address.
func (g *generator) turn(s schema.State, r schema.Resource) schema.State {
	a := r.Key().Address()
	switch r.Key().Kind {
	case schema.KindDomain:
		return s
	case schema.KindUser:
		return with(without(s, r.Key()), g.target(a, g.coin()))
	}
	return with(without(s, r.Key()), g.user(a))
}

func (g *generator) rename(s schema.State, u *schema.User) schema.State {
	a := g.address()
	if s.Find(domainKey(a.Domain())) == nil || holder(s, a) != nil {
		return s
	}
	renamed := *u
	renamed.Address, renamed.RenamedFrom = a, u.Address
	s = with(without(s, u.Key()), &renamed)
	if g.coin() {
		s = with(s, &schema.Alias{Address: u.Address, To: []schema.Address{a}})
	}
	return s
}

func dropDomain(s schema.State, domain string) schema.State {
	return slices.DeleteFunc(slices.Clone(s), func(r schema.Resource) bool { return r.Key().Domain() == domain })
}

// holder returns the resource that has the address.
func holder(s schema.State, a schema.Address) schema.Resource {
	for _, kind := range schema.LiveKinds[1:] {
		if r := s.Find(schema.Key{Kind: kind, Name: string(a)}); r != nil {
			return r
		}
	}
	return nil
}

// mend drops references to addresses that the organization no longer has.
func mend(s schema.State) schema.State {
	out := slices.Clone(s)
	known := func(a schema.Address) bool {
		return a.Domain() == "elsewhere.example" || holder(s, a) != nil
	}
	keep := func(list []schema.Address) []schema.Address {
		return slices.DeleteFunc(slices.Clone(list), func(a schema.Address) bool { return !known(a) })
	}
	for i, r := range out {
		out[i] = schema.Clone(r)
		switch r := out[i].(type) {
		case *schema.Domain:
			if r.CatchAll != "" && !known(r.CatchAll) {
				r.CatchAll = ""
			}
		case *schema.User:
			r.Forwarding.To, r.Permissions.SendAs = keep(r.Forwarding.To), keep(r.Permissions.SendAs)
		case *schema.List:
			r.Members = keep(r.Members)
		case *schema.Alias:
			if r.To = keep(r.To); len(r.To) == 0 {
				r.To = []schema.Address{"partner0@elsewhere.example"}
			}
		}
	}
	return out
}

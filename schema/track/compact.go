package track

import (
	"slices"
	"strings"

	"mailops/schema"
	"mailops/schema/resolve"
)

// compact copies a state into a few large pieces of memory. What a load leaves
// behind is small values between much that is dropped; kept as they are, they
// would keep several times their size from being given back to the system.
func compact(s schema.State) schema.State {
	users, aliases, lists, addresses, letters := measure(s)
	c := compactor{
		users: make([]schema.User, 0, users), aliases: make([]schema.Alias, 0, aliases), lists: make([]schema.List, 0, lists),
		addresses: make([]schema.Address, 0, addresses),
		words:     make(map[string]string), texts: make(map[string][]string), hours: make(map[string]*schema.AccessHours),
	}
	c.letters.Grow(letters)
	for _, r := range s {
		c.spell(r)
	}
	c.text = c.letters.String()
	out := make(schema.State, len(s))
	for i, r := range s {
		out[i] = c.resource(r)
	}
	return out
}

// together copies texts into one piece of memory.
func together(texts []string) []string {
	all := strings.Join(texts, "")
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i], all = all[:len(t)], all[len(t):]
	}
	return out
}

// compactTimed copies what changes by itself: the same few things happen to many.
func compactTimed(timed map[schema.Address]resolve.Transition) map[schema.Address]resolve.Transition {
	c := compactor{words: make(map[string]string)}
	users := make([]string, 0, len(timed))
	for user := range timed {
		users = append(users, string(user))
	}
	out := make(map[schema.Address]resolve.Transition, len(timed))
	for _, user := range together(users) {
		t := timed[schema.Address(user)]
		t.User, t.Reason = schema.Address(user), c.word(t.Reason)
		out[t.User] = t
	}
	return out
}

// A compactor holds the large pieces, and what many resources share.
type compactor struct {
	users     []schema.User
	aliases   []schema.Alias
	lists     []schema.List
	addresses []schema.Address
	letters   strings.Builder
	text      string // all texts that are of one resource, one behind the other
	read      int    // how much of it has been handed out
	words     map[string]string
	texts     map[string][]string
	hours     map[string]*schema.AccessHours
}

// own visits the texts that a resource shares with few others.
func own(r schema.Resource, visit func(*string)) {
	address := func(a *schema.Address) { s := string(*a); visit(&s); *a = schema.Address(s) }
	many := func(list []schema.Address) {
		for i := range list {
			address(&list[i])
		}
	}
	switch r := r.(type) {
	case *schema.User:
		secret := string(r.Password)
		address(&r.Address)
		visit(&r.Name)
		visit(&secret)
		r.Password = schema.Secret(secret)
		many(r.Forwarding.To)
		many(r.Permissions.SendAs)
	case *schema.Alias:
		address(&r.Address)
		many(r.To)
	case *schema.List:
		address(&r.Address)
		many(r.Members)
	}
}

func measure(s schema.State) (users, aliases, lists, addresses, letters int) {
	for _, r := range s {
		switch r := r.(type) {
		case *schema.User:
			users++
			addresses += len(r.Forwarding.To) + len(r.Permissions.SendAs)
		case *schema.Alias:
			aliases++
			addresses += len(r.To)
		case *schema.List:
			lists++
			addresses += len(r.Members)
		}
		own(r, func(text *string) { letters += len(*text) })
	}
	return users, aliases, lists, addresses, letters
}

// spell writes the own texts of a resource.
func (c *compactor) spell(r schema.Resource) {
	own(r, func(text *string) { c.letters.WriteString(*text) })
}

// resource copies a resource. Its texts come in the order in which they were
// spelt.
func (c *compactor) resource(r schema.Resource) schema.Resource {
	var out schema.Resource
	switch r := r.(type) {
	case *schema.User:
		c.users = append(c.users, *r)
		u := &c.users[len(c.users)-1]
		u.Forwarding.To, u.Permissions.SendAs = c.list(r.Forwarding.To), c.list(r.Permissions.SendAs)
		c.shared(u)
		out = u
	case *schema.Alias:
		c.aliases = append(c.aliases, *r)
		a := &c.aliases[len(c.aliases)-1]
		a.To, a.Kind, a.APIVersion = c.list(r.To), schema.KindAlias, c.word(r.APIVersion)
		out = a
	case *schema.List:
		c.lists = append(c.lists, *r)
		l := &c.lists[len(c.lists)-1]
		l.Members, l.Posting, l.Kind, l.APIVersion = c.list(r.Members), c.word(r.Posting), schema.KindList, c.word(r.APIVersion)
		out = l
	default:
		return r
	}
	own(out, func(text *string) {
		*text = c.text[c.read : c.read+len(*text)]
		c.read += len(*text)
	})
	return out
}

func (c *compactor) list(from []schema.Address) []schema.Address {
	if len(from) == 0 {
		return from
	}
	at := len(c.addresses)
	c.addresses = append(c.addresses, from...)
	return c.addresses[at:len(c.addresses):len(c.addresses)]
}

// shared lets a user have one copy, with others, of what many say.
func (c *compactor) shared(u *schema.User) {
	u.Kind, u.APIVersion, u.RenamedFrom = schema.KindUser, c.word(u.APIVersion), schema.Address(c.word(string(u.RenamedFrom)))
	u.Profiles = c.many(u.Profiles)
	c.settings(&u.Settings)
	u.Schedule = slices.Clone(u.Schedule)
	for i := range u.Schedule {
		e := &u.Schedule[i]
		e.From, e.Until, e.Reason = c.word(e.From), c.word(e.Until), c.word(e.Reason)
		e.Set.Forwarding.To, e.Set.Permissions.SendAs = c.addressed(e.Set.Forwarding.To), c.addressed(e.Set.Permissions.SendAs)
		c.settings(&e.Set)
	}
}

func (c *compactor) settings(s *schema.Settings) {
	for _, w := range []*string{&s.Role, &s.Status, &s.AccountType, &s.Language, &s.Timezone, &s.MailAddOn.Backup, &s.Lock.MailAddOn} {
		*w = c.word(*w)
	}
	s.Permissions.TrustedNetworks = c.many(s.Permissions.TrustedNetworks)
	if hours := s.Permissions.AccessHours; hours != nil {
		f, _ := schema.FieldAt(schema.KindUser, "permissions.accessHours")
		key := string(f.Get(&schema.User{Settings: *s}))
		if c.hours[key] == nil {
			c.hours[key] = hours
		}
		s.Permissions.AccessHours = c.hours[key]
	}
}

// addressed are the addresses of a schedule's entry.
func (c *compactor) addressed(list []schema.Address) []schema.Address {
	list = slices.Clone(list)
	for i, a := range list {
		list[i] = schema.Address(c.word(string(a)))
	}
	return list
}

func (c *compactor) word(w string) string {
	if is, ok := c.words[w]; ok {
		return is
	}
	w = strings.Clone(w)
	c.words[w] = w
	return w
}

func (c *compactor) many(list []string) []string {
	if len(list) == 0 {
		return list
	}
	key := strings.Join(list, "\x00")
	if is, ok := c.texts[key]; ok {
		return is
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = c.word(list[i])
	}
	c.texts[key] = out
	return out
}

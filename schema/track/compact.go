package track

import (
	"strings"

	"mailops/schema"
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
		a.To = c.list(r.To)
		out = a
	case *schema.List:
		c.lists = append(c.lists, *r)
		l := &c.lists[len(c.lists)-1]
		l.Members, l.Posting = c.list(r.Members), c.word(r.Posting)
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
	for _, w := range []*string{&u.Role, &u.Status, &u.AccountType, &u.Language, &u.Timezone, &u.MailAddOn.Backup, &u.Lock.MailAddOn, &u.APIVersion} {
		*w = c.word(*w)
	}
	u.Kind = schema.KindUser
	u.Profiles = c.many(u.Profiles)
	u.Permissions.TrustedNetworks = c.many(u.Permissions.TrustedNetworks)
	if hours := u.Permissions.AccessHours; hours != nil {
		f, _ := schema.FieldAt(schema.KindUser, "permissions.accessHours")
		key := string(f.Get(u))
		if c.hours[key] == nil {
			c.hours[key] = hours
		}
		u.Permissions.AccessHours = c.hours[key]
	}
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

package reconcile_test

import (
	"fmt"
	"strings"

	"mailops/schema"
)

// choices turns the bytes of a fuzzer into decisions, so that it can learn
// which byte decides what. When they run out, every decision is the first one.
type choices struct{ left []byte }

// of returns a number below n.
func (c *choices) of(n int) int {
	if len(c.left) == 0 {
		return 0
	}
	b := c.left[0]
	c.left = c.left[1:]
	return int(b) % n
}

// one returns one of the values.
func one[T any](c *choices, values []T) T { return values[c.of(len(values))] }

var (
	domains = []string{"acme.example", "acme.test", "old.example"}
	// Local parts with what has a meaning in patterns, paths and JSON.
	locals = []string{"ana", "bruno", "a/b", "o'hara", "q?*", "<&>", "ünï"}
	// Values of fields; those that are not here are on or off, or one of texts.
	fieldValues = map[string][]schema.Value{
		"role":                        {`"member"`, `"admin"`, `"superAdmin"`},
		"status":                      {`"active"`, `"suspended"`, `"deactivated"`},
		"accountType":                 {`"basic"`, `"enhanced"`},
		"quota":                       {`"unlimited"`, `"5GiB"`, `"500MB"`},
		"password":                    {``, `"sha256:aa"`, `"sha256:bb"`},
		"travelMode":                  {``, `{"until":"2026-12-10T00:00:00Z"}`},
		"forwarding.to":               {``, `["ana@acme.example"]`, `["bruno@acme.test","out@partner.example"]`},
		"permissions.sendAs":          {``, `["ana@acme.example"]`, `["ana@acme.example","bruno@acme.example"]`},
		"permissions.trustedNetworks": {``, `["10.0.0.0/8"]`, `["2001:db8::/32"]`},
		"permissions.accessHours":     {``, `{}`, `{"mon":["09:00-18:00"]}`, `{"timezone":"Europe/Lisbon","sun":["00:00-24:00"]}`},
		"mailAddOn.backup":            {`"off"`, `"onDeactivation"`},
		"lock.mailAddOn":              {`"unlocked"`, `"locked"`},
		"posting":                     {`"anyone"`, `"members"`, `"organization"`},
		"to":                          {`["ana@acme.example"]`, `["bruno@acme.test","a/b@old.example"]`, `["o'hara@acme.example"]`},
		"members":                     {``, `["ana@acme.example","q?*@acme.test"]`, `["<\u0026\u003e@old.example"]`},
		"catchAll":                    {``, `"ana@acme.example"`, `"nobody@old.example"`},
	}
	texts = []schema.Value{``, `"x"`, `"<a href='\u0026'>\u2028\n\"é\""`}
)

// state makes a state in which each address has one kind.
func (c *choices) state() schema.State {
	var out schema.State
	for _, name := range domains {
		d := &schema.Domain{Kind: schema.KindDomain, Name: name}
		c.vary(d, c.of(2))
		out = append(out, d)
		for _, local := range locals {
			if r := c.resource(schema.Address(local + "@" + name)); r != nil {
				out = append(out, r)
			}
		}
	}
	out.Sort()
	return out
}

// resource makes a user, an alias, a list, or nothing.
func (c *choices) resource(a schema.Address) schema.Resource {
	var r schema.Resource
	switch c.of(5) {
	case 0:
		return nil
	case 1, 2:
		r = standard(a)
	case 3:
		r = &schema.Alias{Kind: schema.KindAlias, Address: a, To: []schema.Address{"ana@acme.example"}}
	default:
		r = &schema.List{Kind: schema.KindList, Address: a, Posting: schema.PostingAnyone}
	}
	c.vary(r, c.of(4))
	return r
}

// vary sets some fields.
func (c *choices) vary(r schema.Resource, n int) {
	fields := schema.Fields(r.Key().Kind)
	for range n {
		f := fields[c.of(len(fields))]
		values, ok := fieldValues[f.Path]
		switch is := f.Get(r); {
		case ok:
		case is == "true" || is == "false":
			values = []schema.Value{"true", "false"}
		default:
			values = texts
		}
		if err := f.Set(r, one(c, values)); err != nil {
			panic(fmt.Sprintf("fieldValues: %v", err))
		}
	}
	schema.Normalize(r)
}

// mutate makes what is wanted of a live state: some resources go, change or
// come, and users are renamed.
func (c *choices) mutate(live schema.State) schema.State {
	var out schema.State
	taken := make(map[schema.Address]bool)
	for _, r := range live {
		switch c.of(6) {
		case 0, 1:
		case 2:
			if r.Key().Kind != schema.KindDomain {
				continue
			}
		case 3:
			r = c.renamed(r)
		default:
			r = schema.Clone(r)
			c.vary(r, 1+c.of(3))
		}
		if !taken[r.Key().Address()] {
			out = append(out, r)
		}
		taken[r.Key().Address()] = true
	}
	for _, name := range domains {
		a := schema.Address(one(c, locals) + "@" + name)
		if r := c.resource(a); r != nil && !taken[a] {
			out = append(out, r)
		}
	}
	out.Sort()
	return out
}

func (c *choices) renamed(r schema.Resource) schema.Resource {
	u, ok := r.(*schema.User)
	if !ok {
		return r
	}
	u = schema.Clone(u).(*schema.User)
	u.RenamedFrom = u.Address
	u.Address = schema.Address(strings.Replace(string(u.Address), "@", ".new@", 1))
	return u
}

// organization makes an organization with guards, unmanaged fields and
// protected addresses.
func (c *choices) organization() schema.Organization {
	org := lenient()
	org.Guards.Deletes = schema.Guard{Max: schema.Percent(c.of(200)), AtLeast: int64(c.of(3))}
	org.Guards.Lockouts, org.Guards.Updates = org.Guards.Deletes, org.Guards.Deletes
	org.Guards.MinAdmins = int64(c.of(3))
	org.Unmanaged = one(c, [][]string{nil, {"quota"}, {"permissions", "name"}})
	org.Protected = one(c, [][]schema.Address{nil, {"ana@acme.example", "bruno@acme.test"}})
	return org
}

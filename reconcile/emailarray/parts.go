package emailarray

import (
	"maps"
	"slices"

	"mailops/schema"
)

// A part is what is to be read of one domain: some addresses of each kind, or
// everything when keys is nil. The domain itself is the key without a local part.
type part struct {
	domain string
	keys   map[schema.Kind]map[schema.Address]bool
}

// asks reports whether anything of a kind is to be read.
func (p part) asks(kind schema.Kind) bool { return p.keys == nil || len(p.keys[kind]) > 0 }

// has reports whether a resource is to be read.
func (p part) has(key schema.Key) bool { return p.keys == nil || p.keys[key.Kind][key.Address()] }

// partsOf are the parts that keys are in, in the order of their domains, of keys
// that something can have.
func partsOf(keys []schema.Key) []part {
	byDomain := make(map[string]part)
	for _, key := range keys {
		if !possible(key) {
			continue
		}
		p, ok := byDomain[key.Domain()]
		if !ok {
			p = part{key.Domain(), make(map[schema.Kind]map[schema.Address]bool)}
			byDomain[p.domain] = p
		}
		if p.keys[key.Kind] == nil {
			p.keys[key.Kind] = make(map[schema.Address]bool)
		}
		p.keys[key.Kind][key.Address()] = true
	}
	out := make([]part, 0, len(byDomain))
	for _, domain := range slices.Sorted(maps.Keys(byDomain)) {
		out = append(out, byDomain[domain])
	}
	return out
}

// wholes are the parts that are domains with all that is there.
func wholes(domains []string) (out []part) {
	for _, domain := range domains {
		out = append(out, part{domain: domain})
	}
	return out
}

// Requests is how many requests Read takes, of a client that has an
// administrator's token, when what keys name is there.
func (c *Client) Requests(keys []schema.Key, live schema.State) int {
	users, lists := make(map[string]int), make(map[string]int)
	var domains []string
	for _, r := range live {
		switch key := r.Key(); key.Kind {
		case schema.KindDomain:
			domains = append(domains, key.Name)
		case schema.KindUser:
			users[key.Domain()]++
		case schema.KindList:
			if keys == nil || slices.Contains(keys, key) {
				lists[key.Domain()]++
			}
		}
	}
	parts := partsOf(keys)
	if keys == nil {
		parts = wholes(domains)
	}
	n := 0
	if keys == nil || namesDomain(keys) {
		n++
	}
	for _, p := range parts {
		n += c.requestsOf(p, users[p.domain], lists[p.domain])
	}
	return n
}

// requestsOf is how many requests a part takes, of a domain with so many users, and
// so many lists that it is about.
func (c *Client) requestsOf(p part, users, lists int) (n int) {
	if p.asks(schema.KindDomain) {
		n++
	}
	if p.asks(schema.KindUser) {
		n += 1 + c.listing(p.domain, users)
		if c.singly(p, users) {
			n += len(p.keys[schema.KindUser]) - c.listing(p.domain, users)
		}
	}
	if p.asks(schema.KindAlias) {
		n++
	}
	if p.asks(schema.KindList) {
		n += 1 + lists
	}
	return n
}

// singly reports whether the users of a part take fewer requests one by one than
// as a list.
func (c *Client) singly(p part, users int) bool {
	return p.keys != nil && len(p.keys[schema.KindUser]) < c.listing(p.domain, users)
}

// namesDomain reports whether a key is a domain's.
func namesDomain(keys []schema.Key) bool {
	return slices.ContainsFunc(keys, func(k schema.Key) bool { return k.Kind == schema.KindDomain && possible(k) })
}

// possible reports whether something can have a key: a domain one without a local
// part, and all else one with it. Who looks for a name asks for it of every kind.
func possible(k schema.Key) bool {
	return (k.Kind == schema.KindDomain) == (k.Address().Local() == "")
}

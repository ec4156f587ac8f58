package sqlstore

import (
	"cmp"
	"iter"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// Read yields every resource in key order, an error last. Child tables are
// walked beside their parents, each in one ordered scan. Rows without a parent,
// which a writer leaves that has foreign keys off, are passed over.
func Read(c Conn) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		for _, kind := range schema.LiveKinds {
			for s, err := range scan(c, kind, all) {
				if !yield(s.Row, err) || err != nil {
					return
				}
			}
		}
	}
}

// A scope is what of a table a scan reads, in key order.
type scope struct {
	which int   // indexes a query
	keys  []any // of what is named: names of domains, or domain and local part of addresses
}

// The scopes. The third, [these], needs keys.
var (
	all     = scope{which: 0}
	touched = scope{which: 1} // what a batch touches: see stage
)

func these(keys []any) scope { return scope{which: 2, keys: keys} }

// A query has one text for each scope. The third has a place for keys.
type query [3]string

const keysHere = "@KEYS@"

func (s scope) run(c Conn, q query) Rows {
	text := q[s.which]
	switch {
	case s.keys == nil:
		return c.Query(text)
	case q == selectDomains:
		return c.Query(strings.Replace(text, keysHere, parameters(1, len(s.keys)), 1), s.keys...)
	}
	pairs := make([]string, len(s.keys)/2)
	for i := range pairs {
		pairs[i] = "(" + parameters(1+2*i, 2) + ")"
	}
	return c.Query(strings.Replace(text, keysHere, "VALUES "+strings.Join(pairs, ", "), 1), s.keys...)
}

// keyed makes the query of a table whose rows begin with domain and local.
func keyed(columns, table, condition, order string) query {
	columns = "domain, local, " + columns
	order = " ORDER BY " + strings.TrimSuffix("domain, local, "+order, ", ")
	whole, staged := "SELECT "+columns+" FROM "+table, beside(columns, table, is(stagedTouched))
	named := whole + " WHERE (domain, local) IN (" + keysHere + ")"
	if condition != "" {
		whole, staged, named = whole+" WHERE "+condition, staged+" AND "+condition, named+" AND "+condition
	}
	return query{whole + order, staged + order, named + order}
}

var (
	selectDomains = query{
		"SELECT name, catch_all, timezone FROM domain ORDER BY name",
		"SELECT name, catch_all, timezone FROM domain WHERE name IN (" + words(stagedTouched) + ") ORDER BY name",
		"SELECT name, catch_all, timezone FROM domain WHERE name IN (" + keysHere + ") ORDER BY name",
	}
	selectUsers    = keyed(derived+", "+plain, "mailuser", "", "")
	selectAliases  = keyed("kind", "address", "kind = 'alias'", "")
	selectLists    = keyed("posting", "listprop", "", "")
	selectForwards = keyed("dest", "forwarding", "", "dest")
	selectDelegate = keyed("delegate", "send_as", "", "delegate")
	selectNetworks = keyed("network", "trusted_network", "", "network")
	selectWindows  = keyed("dow, start_min, end_min", "access_window", "", "dow, n")
	selectObserved = query{keyed(observed, "live_observed", "", "")[0], keyed(observed, "observed", "", "")[1], keyed(observed, "live_observed", "", "")[2]}
)

// scan yields the resources of one kind.
func scan(c Conn, kind schema.Kind, s scope) iter.Seq2[stored, error] {
	switch kind {
	case schema.KindDomain:
		return scanDomains(c, s)
	case schema.KindUser:
		return scanUsers(c, s)
	}
	return scanTargets(c, kind, s)
}

func scanDomains(c Conn, s scope) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		rows := s.run(c, selectDomains)
		defer rows.Close()
		for rows.Next() {
			v := rows.Values()
			d := &schema.Domain{Name: text(v[0]), CatchAll: schema.Address(text(v[1])), Timezone: text(v[2])}
			if !yield(stored{Row: reconcile.Row{Resource: d}}, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(stored{}, err)
		}
	}
}

func scanUsers(c Conn, s scope) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		users := s.run(c, selectUsers)
		defer users.Close()
		var kids children
		defer kids.close()
		for users.Next() {
			if !kids.open {
				kids = openChildren(c, s)
			}
			v := users.Values()
			row := loadUser(v)
			kids.load(&row, text(v[0]), text(v[1]))
			if err := kids.err(); err != nil {
				yield(stored{}, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := users.Err(); err != nil {
			yield(stored{}, err)
		}
	}
}

// scanTargets yields aliases or lists.
func scanTargets(c Conn, kind schema.Kind, s scope) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		q := selectAliases
		if kind == schema.KindList {
			q = selectLists
		}
		rows := s.run(c, q)
		defer rows.Close()
		dest := child{Rows: s.run(c, selectForwards)}
		defer dest.Close()
		for rows.Next() {
			v := rows.Values()
			r := target(kind, v, dest.addresses(text(v[0]), text(v[1])))
			if err := dest.Err(); err != nil {
				yield(stored{}, err)
				return
			}
			if !yield(stored{Row: reconcile.Row{Resource: r}}, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(stored{}, err)
		}
	}
}

func target(kind schema.Kind, v []any, to []schema.Address) schema.Resource {
	if kind == schema.KindList {
		return &schema.List{Address: address(v), Members: to, Posting: text(v[2])}
	}
	return &schema.Alias{Address: address(v), To: to}
}

// children are the tables that hang on mailuser, each walked in key order.
type children struct {
	open                                             bool
	forwards, delegates, networks, windows, observed child
}

func openChildren(c Conn, s scope) children {
	return children{
		open:      true,
		forwards:  child{Rows: s.run(c, selectForwards)},
		delegates: child{Rows: s.run(c, selectDelegate)},
		networks:  child{Rows: s.run(c, selectNetworks)},
		windows:   child{Rows: s.run(c, selectWindows)},
		observed:  child{Rows: s.run(c, selectObserved)},
	}
}

func (k *children) each() [5]*child {
	return [5]*child{&k.forwards, &k.delegates, &k.networks, &k.windows, &k.observed}
}

func (k *children) close() {
	if !k.open {
		return
	}
	for _, c := range k.each() {
		c.Close()
	}
}

func (k *children) err() error {
	for _, c := range k.each() {
		if c.done {
			if err := c.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// load adds to a user what the children hold of it.
func (k *children) load(s *stored, domain, local string) {
	u := s.Resource.(*schema.User)
	u.Forwarding.To = k.forwards.addresses(domain, local)
	u.Permissions.SendAs = k.delegates.addresses(domain, local)
	for v := k.networks.next(domain, local); v != nil; v = k.networks.next(domain, local) {
		u.Permissions.TrustedNetworks = append(u.Permissions.TrustedNetworks, text(v[2]))
	}
	for v := k.windows.next(domain, local); v != nil; v = k.windows.next(domain, local) {
		addWindow(u.Permissions.AccessHours, v[2:])
	}
	if u.Permissions.AccessHours != nil {
		schema.Normalize(u) // another writer may have numbered the windows differently
	}
	for v := k.observed.next(domain, local); v != nil; v = k.observed.next(domain, local) {
		load(observedFields(&s.Observed), v[2:])
	}
}

// addWindow adds one window; those of a user without hours mean nothing.
func addWindow(h *schema.AccessHours, v []any) {
	dow, _ := v[0].(int64)
	start, _ := v[1].(int64)
	end, _ := v[2].(int64)
	if h == nil || dow < 1 || dow > 7 {
		return
	}
	day := h.Days()[dow-1]
	*day = append(*day, schema.Hours{Start: int(start), End: int(end)})
}

// A child is a table in the order of its parent's key.
type child struct {
	Rows
	at   []any // the row that was not handed out yet
	done bool
}

// next hands out the next row of that parent, nil when there is none left.
func (c *child) next(domain, local string) []any {
	for !c.done {
		if c.at == nil {
			if c.done = !c.Next(); c.done {
				return nil
			}
			c.at = c.Values()
		}
		switch d := cmp.Or(strings.Compare(text(c.at[0]), domain), strings.Compare(text(c.at[1]), local)); {
		case d > 0:
			return nil
		case d == 0:
			row := c.at
			c.at = nil
			return row
		}
		c.at = nil // its parent is of another kind, or missing
	}
	return nil
}

// addresses are the third columns of a parent's rows.
func (c *child) addresses(domain, local string) []schema.Address {
	var out []schema.Address
	for v := c.next(domain, local); v != nil; v = c.next(domain, local) {
		out = append(out, schema.Address(text(v[2])))
	}
	return out
}

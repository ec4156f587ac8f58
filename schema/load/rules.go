package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mailops/schema"
	"mailops/schema/window"
)

// An index finds declarations by what others call them.
type index struct {
	all       []schema.Declaration
	addresses map[string]*schema.Declaration // of users, aliases and lists
	domains   map[string]*schema.Declaration
	profiles  map[string]*schema.Declaration
	refused   map[schema.Key]bool // what the law refuses is declared all the same
	unread    bool                // there is more, and nobody can say what it is called
	zones     map[string]bool     // which time zones exist
	sorted    map[string][]string // the names of a map, by what they name
	hints     int                 // how many names have been suggested
}

// rules checks what one document cannot tell: that names are unique and known,
// that nothing leads in a circle, and what a regular expression cannot say.
// found are the problems so far: a mistake in a declaration is told once, and
// not again by all that name it.
func rules(d *schema.Declarations, found schema.Problems) schema.Problems {
	x, problems := newIndex(d.All)
	for _, p := range found {
		if p.Kind == "" || p.Name == "" {
			x.unread = true
		}
		x.refused[schema.Key{Kind: p.Kind, Name: p.Name}] = true
	}
	problems = append(problems, x.organization()...)
	for i := range d.All {
		decl := &d.All[i]
		problems = append(problems, x.values(decl)...)
		problems = append(problems, x.domainDeclared(decl)...)
		problems = append(problems, x.referenceKnown(decl)...)
	}
	problems = append(problems, x.profileLoops()...)
	problems = append(problems, x.addressLoops()...)
	return append(problems, x.confusables()...)
}

// newIndex builds the index, and finds the names that are used twice.
func newIndex(all []schema.Declaration) (*index, schema.Problems) {
	x := &index{all: all, addresses: make(map[string]*schema.Declaration),
		domains: make(map[string]*schema.Declaration), profiles: make(map[string]*schema.Declaration), refused: make(map[schema.Key]bool),
		zones: make(map[string]bool), sorted: make(map[string][]string)}
	var problems schema.Problems
	for i := range all {
		d := &all[i]
		names, key, rule := x.addresses, "address", "address-unique"
		switch d.Kind {
		case schema.KindOrganization:
			continue
		case schema.KindDomain:
			names, key, rule = x.domains, "name", "name-unique"
		case schema.KindProfile:
			names, key, rule = x.profiles, "name", "name-unique"
		}
		first, taken := names[d.Name]
		if taken {
			other := first.ValuePos(first.Body.Get(key))
			p := d.Problem(d.Body.Get(key), key, rule, fmt.Sprintf("%s is declared already, as %s at %s", d.Name, first.Kind, other), "")
			p.Also = other
			problems = append(problems, p)
			continue
		}
		names[d.Name] = d
	}
	return x, append(problems, x.renames()...)
}

// renames claims the old address of each renamed user: an alias will stand there.
func (x *index) renames() schema.Problems {
	var problems schema.Problems
	for i := range x.all {
		d := &x.all[i]
		from := d.Body.Get("renamedFrom")
		if d.Kind != schema.KindUser || from == nil {
			continue
		}
		if first, taken := x.addresses[from.Text]; taken {
			problems = append(problems, d.Problem(from, "renamedFrom", "address-unique",
				fmt.Sprintf("%s is declared, as %s at %s; a rename leaves an alias there", from.Text, first.Kind, first.Pos(nil)), ""))
			continue
		}
		x.addresses[from.Text] = d
	}
	return problems
}

// organization makes sure that there is one, in the file that makes a folder a
// repository, and that it says which format it is in.
func (x *index) organization() schema.Problems {
	var problems schema.Problems
	var first *schema.Declaration
	refused := x.unread
	for key := range x.refused {
		refused = refused || key.Kind == schema.KindOrganization
	}
	for i := range x.all {
		d := &x.all[i]
		switch {
		case d.Kind != schema.KindOrganization:
		case d.File != Root:
			problems = append(problems, d.Problem(nil, "", "organization-one", "the Organization belongs into "+Root+", and there is one", ""))
		case first != nil:
			problems = append(problems, d.Problem(nil, "", "organization-one", "there is one Organization already, at "+first.Pos(nil).String(), ""))
		default:
			first = d
			if d.Body.Get("apiVersion") == nil {
				problems = append(problems, d.Problem(nil, "apiVersion", "schema", "apiVersion is missing", schema.APIVersion))
			}
		}
	}
	if first == nil && len(problems) == 0 && !refused {
		problems = append(problems, schema.Problem{Pos: schema.Pos{File: Root, Line: 1, Column: 1}, Rule: "organization-one",
			Message: "there is no Organization", Hint: "begin the file with `apiVersion: " + schema.APIVersion + "` and `kind: Organization`"})
	}
	return problems
}

// values checks what the law's regular expressions cannot: that amounts fit,
// networks and dates exist, time zones are known, hours are in order, and
// hashes are of a scheme that still protects.
func (x *index) values(d *schema.Declaration) schema.Problems {
	var problems schema.Problems
	visit(&d.Body, "", func(n *schema.Node, at string) {
		if rule, message, hint := x.value(n, at); rule != "" {
			problems = append(problems, d.Problem(n, at, rule, message, hint))
		}
	})
	if d.Kind == schema.KindOrganization {
		problems = append(append(problems, shut(d)...), routes(d)...)
	}
	return problems
}

// shut finds windows that leave no time for changes.
func shut(d *schema.Declaration) schema.Problems {
	windows := d.Body.Get("changes").Get("windows")
	if windows == nil || windows.Kind != schema.Sequence {
		return nil
	}
	var all []schema.ChangeWindow
	for i := range windows.Items {
		w := &windows.Items[i]
		length, err := schema.ParseDuration(text(w.Get("duration")))
		if err != nil {
			return nil // the law has said so
		}
		all = append(all, schema.ChangeWindow{Kind: text(w.Get("kind")), Schedule: text(w.Get("schedule")), Duration: length, Timezone: text(w.Get("timezone"))})
	}
	if !window.Shut(all, cmp.Or(text(d.Body.Get("timezone")), "UTC")) {
		return nil
	}
	return schema.Problems{d.Problem(windows, "changes.windows", "window-order", "the windows leave no time for changes: none would ever be applied",
		"a window that denies begins again before it has ended, or covers all that allow")}
}

// visit calls f for every node below n, with its path.
func visit(n *schema.Node, at string, f func(*schema.Node, string)) {
	f(n, at)
	for i := range n.Items {
		item := &n.Items[i]
		if n.Kind == schema.Sequence {
			visit(item, schema.IndexPath(at, i), f)
		} else {
			visit(item, schema.JoinPath(at, item.Key), f)
		}
	}
}

func (x *index) value(n *schema.Node, at string) (rule, message, hint string) {
	switch n.Key {
	case "quota", "storage":
		if _, err := schema.ParseBytes(n.Text); err != nil && n.Kind == schema.String {
			return "schema", err.Error(), ""
		}
	case "from", "until":
		if n.Kind == schema.String && !dateExists(n.Text) {
			return "schema", fmt.Sprintf("%q is not in the calendar", n.Text), ""
		}
	case "timezone":
		if n.Kind == schema.String && !x.zoneKnown(n.Text) {
			return "timezone-known", fmt.Sprintf("there is no time zone %q", n.Text), "a name of the IANA database, such as Europe/Lisbon"
		}
	case "mon", "tue", "wed", "thu", "fri", "sat", "sun":
		return hoursProblem(n)
	case "hash":
		return schema.HashProblem(n.Text)
	}
	if n.Key == "schedule" && n.Kind == schema.String {
		if err := window.Check(n.Text); err != nil {
			return "schema", err.Error(), "minute, hour, day of the month, month, day of the week, such as 0 8 * * mon-fri"
		}
	}
	if strings.Contains(at, "trustedNetworks[") {
		if _, err := schema.ParseNetwork(n.Text); err != nil {
			return "schema", fmt.Sprintf("%q is not a network", n.Text), "a network such as 10.0.0.0/8 or 2001:db8::/32"
		}
	}
	return "", "", ""
}

func dateExists(text string) bool {
	if len(text) < len(time.DateOnly) {
		return true // no date at all: the law has said so
	}
	_, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)])
	return err == nil
}

// zoneKnown reports whether the time zone exists. "Local" would be the zone of
// the machine that happens to run mailops.
func (x *index) zoneKnown(name string) bool {
	known, asked := x.zones[name]
	if !asked {
		_, err := time.LoadLocation(name)
		known = err == nil && name != "Local"
		x.zones[name] = known
	}
	return known
}

// hoursProblem checks that the hours of a day are in order.
func hoursProblem(day *schema.Node) (rule, message, hint string) {
	last := schema.Hours{}
	for i := range day.Items {
		h, err := schema.ParseHours(day.Items[i].Text)
		switch {
		case err != nil:
			return "schema", err.Error(), ""
		case h.Start >= h.End:
			return "window-order", fmt.Sprintf("%s ends before it begins", h), "hours past midnight belong to two days"
		case h.Start < last.End:
			return "window-order", fmt.Sprintf("%s begins before %s has ended", h, last), "write the hours of a day in order"
		}
		last = h
	}
	return "", "", ""
}

// domainDeclared: an address belongs to a domain of the organization.
func (x *index) domainDeclared(d *schema.Declaration) schema.Problems {
	return append(x.inDomain(d, "address"), x.inDomain(d, "renamedFrom")...)
}

func (x *index) inDomain(d *schema.Declaration, field string) schema.Problems {
	n := d.Body.Get(field)
	if n == nil {
		return nil
	}
	domain := schema.Address(n.Text).Domain()
	if _, ok := x.domains[domain]; ok || x.unread || x.refused[schema.Key{Kind: schema.KindDomain, Name: domain}] {
		return nil
	}
	hint := x.suggest("domain", x.domains, domain)
	if hint == "" {
		hint = fmt.Sprintf("declare it: {kind: Domain, name: %s}", domain)
	}
	return schema.Problems{d.Problem(n, field, "domain-declared", fmt.Sprintf("the domain %s is not declared", domain), hint)}
}

// suggest names the declared name that was probably meant. Only names that
// begin alike are looked at, and only for the first wrong ones: a whole
// directory, all of it wrong, must not take a minute.
func (x *index) suggest(what string, names map[string]*schema.Declaration, got string) string {
	const most, window = 1000, 100
	if x.hints++; x.hints > most {
		return ""
	}
	sorted, ok := x.sorted[what]
	if !ok {
		sorted = slices.Sorted(maps.Keys(names))
		x.sorted[what] = sorted
	}
	at, _ := slices.BinarySearch(sorted, got)
	return suggest(got, sorted[max(0, at-window):min(len(sorted), at+window)])
}

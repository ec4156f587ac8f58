// Package resolve turns declarations into the want: what they ask for at an
// instant, with profiles merged, defaults filled in and schedules applied, and
// where each value comes from. The instant is an argument: the package never
// asks the clock, and it says when the want will next change by itself.
// Imports: schema and the standard library.
package resolve

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// A Want is what declarations ask for at an instant. It belongs to one goroutine.
type Want struct {
	At           time.Time
	Organization schema.Organization
	State        schema.State
	Secrets      schema.Secrets
	Unset        []Unset                       // passwords whose environment variable is not set here
	Next         *Transition                   // nil: nothing changes by itself
	Timed        map[schema.Address]Transition // of each user that changes by itself, the next time

	r *resolver
}

// An Unset is a user whose password is in an environment variable that is not
// set. The password is left as it is in the live store.
type Unset struct {
	Address  schema.Address
	Variable string
}

// A Transition is a moment at which the want changes without a commit.
type Transition struct {
	At     time.Time      `json:"at"`
	User   schema.Address `json:"user"`
	Reason string         `json:"reason"` // such as `schedule "leave" begins`
}

// A resolver holds what is the same for all users.
type resolver struct {
	decls    *schema.Declarations
	org      *schema.Declaration
	domains  map[string]*schema.Declaration
	profiles map[string]*schema.Declaration
	byKey    map[schema.Key]*schema.Declaration
	renamed  map[string]*schema.Declaration // users by the address that they had before
	zones    map[string]*time.Location
	chains   map[string]*chain
	origins  map[schema.Origin]*schema.Origin
	problems schema.Problems // of profiles, found when they are first used
}

// At resolves declarations at an instant. env holds the environment variables
// that passwords may be in. The problems are those that show only once profiles
// are merged; the want is usable beside them for finding more.
func At(d *schema.Declarations, at time.Time, env map[string]string) (*Want, schema.Problems) {
	r := newResolver(d)
	w := &Want{At: at, Secrets: schema.Secrets{}, Timed: make(map[schema.Address]Transition), r: r}
	problems := r.organization(&w.Organization)
	for i := range d.All {
		decl := &d.All[i]
		resource, more := r.resource(w, decl, env)
		problems = append(problems, more...)
		if resource != nil {
			schema.Normalize(resource)
			w.State = append(w.State, resource)
		}
	}
	w.State.Sort()
	slices.SortFunc(w.Unset, func(a, b Unset) int { return a.Address.Compare(b.Address) })
	w.State = slices.CompactFunc(w.State, func(a, b schema.Resource) bool { return a.Key() == b.Key() })
	problems = append(append(problems, r.problems...), licences(r.org, w.Organization.Licences, w.State)...)
	return w, problems.Sorted()
}

// Organization resolves the organization alone: what holds at any instant.
func Organization(d *schema.Declarations) (schema.Organization, schema.Problems) {
	var out schema.Organization
	problems := newResolver(d).organization(&out)
	return out, problems
}

func newResolver(d *schema.Declarations) *resolver {
	r := &resolver{decls: d, domains: make(map[string]*schema.Declaration), profiles: make(map[string]*schema.Declaration),
		byKey: make(map[schema.Key]*schema.Declaration, len(d.All)), renamed: make(map[string]*schema.Declaration), zones: make(map[string]*time.Location), chains: make(map[string]*chain), origins: make(map[schema.Origin]*schema.Origin)}
	for i := range d.All {
		decl := &d.All[i]
		switch decl.Kind {
		case schema.KindOrganization:
			r.org = decl
		case schema.KindDomain:
			r.domains[decl.Name] = decl
		case schema.KindProfile:
			r.profiles[decl.Name] = decl
		case schema.KindUser:
			if from := decl.Body.Get("renamedFrom"); from != nil && r.renamed[from.Text] == nil {
				r.renamed[from.Text] = decl
			}
		}
		if _, taken := r.byKey[decl.Key()]; !taken {
			r.byKey[decl.Key()] = decl
		}
	}
	return r
}

// decodeAll decodes nodes into one value, the later over the earlier.
func decodeAll(into any, nodes ...*schema.Node) error {
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if err := schema.Decode(n, into); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) organization(into *schema.Organization) schema.Problems {
	var own *schema.Node
	if r.org != nil {
		own = &r.org.Body
	}
	if err := decodeAll(into, r.decls.Defaults[schema.KindOrganization], own); err != nil {
		return schema.Problems{r.org.Problem(nil, "", "schema", err.Error(), "")}
	}
	slices.Sort(into.Protected)
	return nil
}

// resource resolves one declaration; nil for a kind that no live store holds.
func (r *resolver) resource(w *Want, d *schema.Declaration, env map[string]string) (schema.Resource, schema.Problems) {
	var out schema.Resource
	switch d.Kind {
	case schema.KindDomain:
		out = &schema.Domain{}
	case schema.KindAlias:
		out = &schema.Alias{}
	case schema.KindList:
		out = &schema.List{}
	case schema.KindUser:
		return r.user(w, d, env)
	default:
		return nil, nil
	}
	if err := decodeAll(out, r.decls.Defaults[d.Kind], &d.Body); err != nil {
		return nil, schema.Problems{d.Problem(nil, "", "schema", err.Error(), "")}
	}
	return out, nil
}

// user resolves one user: defaults, profiles, the declaration, the schedule.
func (r *resolver) user(w *Want, d *schema.Declaration, env map[string]string) (schema.Resource, schema.Problems) {
	chain := r.chain(d)
	u := chain.base
	if err := schema.Decode(&d.Body, &u); err != nil {
		return nil, schema.Problems{d.Problem(nil, "", "schema", err.Error(), "")}
	}
	u.Profiles = chain.names
	problems := chain.weakening(d)
	if chain.tooMany {
		problems = append(problems, d.Problem(d.Body.Get("profiles"), "profiles", "schema", fmt.Sprintf("leads to more than %d profiles", maxProfiles), ""))
	}
	r.travel(w, d, &u) // in the user's own time zone, as the times of the schedule
	entries, more := r.schedule(d, &u)
	problems = append(problems, more...)
	for _, e := range entries {
		w.consider(e.from, u.Address, e.label()+" begins")
		w.consider(e.until, u.Address, e.label()+" ends")
		if e.active(w.At) {
			if err := schema.Decode(e.node.Get("set"), &u.Settings); err != nil {
				problems = append(problems, d.Problem(e.node, e.path, "schema", err.Error(), ""))
			}
		}
	}
	problems = append(problems, r.password(w, d, &u, env)...)
	u.Timezone, _ = r.timezone(&u)
	if u.Permissions.AccessHours != nil {
		hours := *u.Permissions.AccessHours
		hours.Timezone = cmp.Or(hours.Timezone, u.Timezone)
		u.Permissions.AccessHours = &hours
	}
	r.rename(w, &u)
	return &u, problems
}

// password takes the hash out of the declaration or the environment.
// What the environment holds is held against the rules of a declared hash.
func (r *resolver) password(w *Want, d *schema.Declaration, u *schema.User, env map[string]string) schema.Problems {
	hash := d.Body.At("password.hash")
	variable := d.Body.At("password.fromEnv")
	switch {
	case hash != nil:
		u.Password = w.Secrets.Add(hash.Text)
	case variable != nil && env[variable.Text] != "":
		if rule, message, hint := schema.HashProblem(env[variable.Text]); rule != "" {
			return schema.Problems{d.Problem(variable, "password.fromEnv", rule, "the variable "+variable.Text+": "+message, hint)}
		}
		u.Password = w.Secrets.Add(env[variable.Text])
	case variable != nil:
		w.Unset = append(w.Unset, Unset{u.Address, variable.Text})
	}
	return nil
}

// travel keeps a journey that has not ended, with its end as an absolute time.
func (r *resolver) travel(w *Want, d *schema.Declaration, u *schema.User) {
	if u.TravelMode == nil {
		return
	}
	until, err := r.instant(u.TravelMode.Until, u, true)
	if err != nil || !w.At.Before(until) {
		u.TravelMode = nil
		return
	}
	w.consider(until, u.Address, travelEnds)
	if last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); until.After(last) {
		until = last // RFC 3339 knows no later one
	}
	u.TravelMode = &schema.TravelMode{Until: until.UTC().Format(time.RFC3339)}
}

// rename leaves an alias at the address that a user had before.
func (r *resolver) rename(w *Want, u *schema.User) {
	if u.RenamedFrom == "" || r.domains[u.RenamedFrom.Domain()] == nil {
		return
	}
	alias := &schema.Alias{Kind: schema.KindAlias, Address: u.RenamedFrom, To: []schema.Address{u.Address}}
	w.State = append(w.State, alias)
}

// timezone is the user's, else the domain's, else the organization's; with the
// declaration that said so, nil for the user's own.
func (r *resolver) timezone(u *schema.User) (string, *schema.Declaration) {
	if u.Timezone != "" {
		return u.Timezone, nil
	}
	for _, d := range []*schema.Declaration{r.domains[u.Address.Domain()], r.org} {
		if d == nil {
			continue
		}
		if n := d.Body.Get("timezone"); n != nil {
			return n.Text, d
		}
	}
	return r.decls.Defaults[schema.KindOrganization].Get("timezone").Text, nil
}

// consider notes a moment at which the want changes, when it is the next one.
// "Until 9999-12-31" means for ever, and RFC 3339 knows no later moment.
func (w *Want) consider(at time.Time, user schema.Address, reason string) {
	if !at.After(w.At) || at.UTC().Year() > 9999 {
		return
	}
	t := Transition{at, user, reason}
	if w.Next == nil || t.before(w.Next) {
		w.Next = &t
	}
	if own, ok := w.Timed[user]; !ok || t.before(&own) {
		w.Timed[user] = t
	}
}

// before orders transitions, so that the next one does not depend on the order
// of the declarations.
func (t *Transition) before(u *Transition) bool {
	return cmp.Or(t.At.Compare(u.At), t.User.Compare(u.User), strings.Compare(t.Reason, u.Reason)) < 0
}

// Licences holds a state against what was paid for; see the rules licence-limit
// and storage-limit. d are declarations with the organization's.
func Licences(d *schema.Declarations, s schema.State) schema.Problems {
	r := newResolver(d)
	var org schema.Organization
	problems := r.organization(&org)
	return append(problems, licences(r.org, org.Licences, s)...)
}

// licences: no more users, and no more promised storage, than was paid for.
// Mailboxes without a quota promise nothing that could be counted.
func licences(org *schema.Declaration, l schema.Licences, s schema.State) schema.Problems {
	if l.Basic == nil && l.Enhanced == nil && l.Storage == schema.Unlimited {
		return nil
	}
	var basic, enhanced int64
	var storage schema.Bytes
	for u := range s.Users() {
		if u.AccountType == schema.AccountEnhanced {
			enhanced++
		} else {
			basic++
		}
		storage += min(u.Quota, math.MaxInt64-storage) // never less for being more than fits
	}
	var problems schema.Problems
	over := func(field, rule, message string) {
		at := "licences." + field
		problems = append(problems, org.Problem(org.Body.At(at), at, rule, message, ""))
	}
	if l.Basic != nil && basic > *l.Basic {
		over("basic", "licence-limit", fmt.Sprintf("%d users have a basic account, and the licence is for %d", basic, *l.Basic))
	}
	if l.Enhanced != nil && enhanced > *l.Enhanced {
		over("enhanced", "licence-limit", fmt.Sprintf("%d users have an enhanced account, and the licence is for %d", enhanced, *l.Enhanced))
	}
	if l.Storage != schema.Unlimited && storage > l.Storage {
		over("storage", "storage-limit", fmt.Sprintf("the quotas promise %s together, and the licence is for %s", storage, l.Storage))
	}
	return problems
}

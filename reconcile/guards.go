package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailops/schema"
)

// An Allowance lifts one guard for one plan: --allow deletes=7.
type Allowance struct {
	Rule  string
	Value string // how many, or which
}

// ParseAllowance reads GUARD=N or RULE=ADDRESS.
func ParseAllowance(s string) (Allowance, error) {
	rule, value, _ := strings.Cut(s, "=")
	_, notNumber := strconv.ParseUint(value, 10, 31)
	switch {
	case slices.Contains(counted, rule) && notNumber == nil:
	case slices.Contains(named, rule) && value != "":
	default:
		return Allowance{}, fmt.Errorf("--allow %s: want GUARD=N, with GUARD one of %s; or RULE=ADDRESS, with RULE one of %s",
			s, strings.Join(counted, ", "), strings.Join(named, ", "))
	}
	return Allowance{rule, value}, nil
}

// The guards and rules that --allow can lift: those that it tells how many,
// and those that it tells for whom.
var (
	counted = []string{"deletes", "lockouts", "updates", "live-shrunk", "min-admins"}
	named   = []string{"protected", "no-rename", "backup-pop-only", "backup-sharing", "backup-domain", "backup-deactivated", "latest-backup-saved"}
)

// AboutWhole reports whether a rule is about a plan as a whole, and not about
// single resources that could be left out.
func AboutWhole(rule string) bool {
	return rule == "admin-lockout" || strings.HasPrefix(rule, "budget-") || slices.Contains(counted, rule)
}

// covers reports whether the allowance is as large as the finding asks, or
// names what it names. Fewer administrators ask for more of it.
func (a Allowance) covers(f Finding) bool {
	rule, needed, ok := strings.Cut(f.Allow, "=")
	if !ok || rule != a.Rule {
		return false
	}
	n, err1 := strconv.Atoi(needed)
	most, err2 := strconv.Atoi(a.Value)
	switch {
	case err1 != nil || err2 != nil:
	case rule == "min-admins":
		return n >= most
	default:
		return n <= most
	}
	return strings.EqualFold(needed, a.Value)
}

// A check is what the rules about plans look at.
type check struct {
	Input
	after   schema.State
	changes []Change
	heirs   map[schema.Address]schema.Address
	out     []Finding
}

// Findings holds changes against every rule about plans. after is the state
// that they lead to.
func Findings(in Input, after schema.State, changes []Change) ([]Finding, Counts) {
	c := &check{Input: in, after: after, changes: changes, heirs: heirs(changes)}
	tally := c.counted()
	c.liveShrunk()
	c.guards(tally)
	c.admins()
	c.protected()
	c.noRename()
	c.addOns()
	for i, f := range c.out {
		c.out[i].Lifted = f.Allow != "" && slices.ContainsFunc(c.Allow, func(a Allowance) bool { return a.covers(f) })
	}
	slices.SortStableFunc(c.out, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), slices.CompareFunc(a.Keys, b.Keys, schema.Key.Compare))
	})
	return c.out, tally.counts()
}

func (c *check) refuse(rule, allow string, keys []schema.Key, format string, args ...any) {
	if allow != "" {
		allow = rule + "=" + allow
	}
	c.out = append(c.out, Finding{Rule: rule, Severity: Refuse, Text: fmt.Sprintf(format, args...), Allow: allow, Keys: keys})
}

// refuseFor refuses for one user, liftable by naming the user.
func (c *check) refuseFor(rule string, u *schema.User, format string, args ...any) {
	c.refuse(rule, string(u.Address), []schema.Key{u.Key()}, format, args...)
}

// liveShrunk distrusts a live read; see [Shrunk].
func (c *check) liveShrunk() {
	if f := Shrunk(c.Live.State, c.Aside, c.Runs, c.Organization.Guards); f != nil {
		c.out = append(c.out, *f)
	}
}

// Shrunk distrusts a live read that lost more users since the last run, the
// first of runs, than the organization allows: a store that answers with half of
// its rows must not look like a wish to delete the other half. Who lies aside is not
// missing. nil is trust.
func Shrunk(live schema.State, aside []Aside, runs []Run, guards schema.Guards) *Finding {
	if len(runs) == 0 {
		return nil
	}
	now, last := 0, runs[0]
	for range live.Users() {
		now++
	}
	for _, a := range aside {
		for _, key := range a.Keys {
			if key.Kind == schema.KindUser && live.Find(key) == nil {
				now++
			}
		}
	}
	lost := last.LiveUsers - now
	limit := guards.LiveShrink.Of(last.LiveUsers)
	if lost <= limit {
		return nil
	}
	return &Finding{Rule: "live-shrunk", Severity: Refuse, Allow: "live-shrunk=" + strconv.Itoa(lost),
		Text: fmt.Sprintf("the live store has %d users, and had %d after run %d: %d are missing, and the guard allows %d (%s)",
			now, last.LiveUsers, last.ID, lost, limit, guards.LiveShrink)}
}

// A tally is what the guards count: the resources that changes delete, lock out
// and update, and in how many something is taken back.
type tally struct {
	deletes, lockouts, updates []schema.Key
	drift                      int
}

// counted sorts changes by what they count as. A user whose mailbox is taken
// over by a rename is not deleted.
func (c *check) counted() tally {
	var t tally
	for i := range c.changes {
		d := &c.changes[i]
		if slices.ContainsFunc(d.Fields, func(f FieldChange) bool { return f.Drift }) {
			t.drift++
		}
		switch {
		case d.Kind == schema.KindDomain:
			continue
		case d.Op == OpDelete && !c.inherited(d):
			t.deletes = append(t.deletes, d.Key)
		case d.Op == OpUpdate:
			t.updates = append(t.updates, d.Key)
		}
		if was, will := d.users(c.Live.State, c.after); locksOut(was, will) {
			t.lockouts = append(t.lockouts, d.Key)
		}
	}
	return t
}

func (t tally) counts() Counts {
	return Counts{Deletes: len(t.deletes), Lockouts: len(t.lockouts), Updates: len(t.updates), Drift: t.drift}
}

// guards holds the numbers of a plan against those of one run, and with those of
// the runs before it against those of the window.
func (c *check) guards(t tally) {
	g := c.Organization.Guards
	isUser := func(k schema.Key) bool { return k.Kind == schema.KindUser }
	isAddress := func(k schema.Key) bool { return k.Kind != schema.KindDomain }
	left := Left(c.Live.State, c.Runs, g, c.At)
	if c.count("deletes", "deletes %d of %d addresses", g.Deletes, t.deletes, isAddress) {
		c.budget("budget-deletes", "deletes", "deletes %d", t.deletes, left.Deletes)
	}
	if c.count("lockouts", "locks out %d of %d users", g.Lockouts, t.lockouts, isUser) {
		c.budget("budget-lockouts", "lockouts", "locks out %d", t.lockouts, left.Lockouts)
	}
	c.count("updates", "changes %d of %d addresses", g.Updates, t.updates, isAddress)
}

// A BudgetLeft is what the window of the guards still allows.
type BudgetLeft struct {
	Since    time.Time `json:"since"` // runs from then on count
	Deletes  Spending  `json:"deletes"`
	Lockouts Spending  `json:"lockouts"`
}

// A Spending is how much of a budget is spent.
type Spending struct {
	Spent int `json:"spent"`
	Limit int `json:"limit"`
}

// Left is how much more is allowed; never less than 0.
func (s Spending) Left() int { return max(0, s.Limit-s.Spent) }

// Left works out what the window of the guards still allows at an instant, from
// the runs in it. Shares are of what there was before the runs of the window, and
// never less than two plans may do in the smallest organization.
func Left(live schema.State, runs []Run, guards schema.Guards, at time.Time) BudgetLeft {
	left := BudgetLeft{Since: at.Add(-time.Duration(guards.Window.Per))}
	for _, r := range runs {
		if r.At.After(left.Since) && !r.At.After(at) {
			left.Deletes.Spent += r.Counts.Deletes
			left.Lockouts.Spent += r.Counts.Lockouts
		}
	}
	users, addresses := 0, 0
	for _, r := range live {
		switch r.(type) {
		case *schema.User:
			users++
			addresses++
		case *schema.Alias, *schema.List:
			addresses++
		}
	}
	left.Deletes.Limit = max(2*int(guards.Deletes.AtLeast), guards.Window.Deletes.Of(addresses+left.Deletes.Spent))
	left.Lockouts.Limit = max(2*int(guards.Lockouts.AtLeast), guards.Window.Lockouts.Of(users+left.Deletes.Spent))
	return left
}

// budget refuses what goes over the budget of the window. The guard of one run
// judges a plan alone; without this one, a small plan every minute would pass.
// Who lifts that guard for a plan, means the plan.
func (c *check) budget(rule, guard, does string, touched []schema.Key, s Spending) {
	if len(touched) <= s.Left() || c.Organization.Guards.Window.Per == 0 {
		return
	}
	c.refuse(rule, "", touched, "the plan "+does+"; all plans of the last %s together may do that to %d, and have done it to %d", len(touched), c.Organization.Guards.Window.Per, s.Limit, s.Spent)
	c.out[len(c.out)-1].Allow = guard + "=" + strconv.Itoa(len(touched))
}

// inherited reports whether a deleted user's mailbox goes on under a new name.
func (c *check) inherited(d *Change) bool {
	return d.Kind == schema.KindUser && d.Op == OpDelete && c.heirs[d.Address()] != ""
}

func locksOut(was, will *schema.User) bool {
	if was == nil || will == nil {
		return false
	}
	return len(was.SignInWays()) > 0 && len(will.SignInWays()) == 0 || was.CanSend() && !will.CanSend()
}

// count holds a number of touched resources against a guard: of the whole, and
// of each domain, so that many small domains cannot go one by one. It
// reports whether it lets them pass.
func (c *check) count(rule, does string, guard schema.Guard, touched []schema.Key, counts func(schema.Key) bool) bool {
	if len(touched) == 0 {
		return true
	}
	total, found := 0, len(c.out)
	byDomain := make(map[string]int)
	for _, r := range c.Live.State {
		if k := r.Key(); counts(k) {
			total++
			byDomain[k.Domain()]++
		}
	}
	if limit := guard.Limit(total); len(touched) > limit {
		c.refuse(rule, strconv.Itoa(len(touched)), touched, "the plan "+does+", and the guard allows %d (max %s, atLeast %d)", len(touched), total, limit, guard.Max, guard.AtLeast)
		return false
	}
	inDomain := make(map[string][]schema.Key)
	for _, k := range touched {
		inDomain[k.Domain()] = append(inDomain[k.Domain()], k)
	}
	for _, domain := range sortedKeys(inDomain) {
		keys := inDomain[domain]
		if limit := guard.Limit(byDomain[domain]); len(keys) > limit {
			c.refuse(rule, strconv.Itoa(len(keys)), keys, "the plan "+does+" in %s, and the guard allows %d there (max %s, atLeast %d)", len(keys), byDomain[domain], domain, limit, guard.Max, guard.AtLeast)
		}
	}
	return len(c.out) == found
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

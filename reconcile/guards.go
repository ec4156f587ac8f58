package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
func Findings(in Input, after schema.State, changes []Change) []Finding {
	c := &check{Input: in, after: after, changes: changes, heirs: heirs(changes)}
	c.liveShrunk()
	c.deletes()
	c.lockouts()
	c.updates()
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
	return c.out
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

// liveShrunk distrusts a live read that lost more users since the last run
// than the organization allows: a store that answers with half of its rows
// must not look like a wish to delete the other half.
func (c *check) liveShrunk() {
	if c.Last == nil {
		return
	}
	now := 0
	for range c.Live.State.Users() {
		now++
	}
	lost := c.Last.LiveUsers - now
	if limit := c.Organization.Guards.LiveShrink.Of(c.Last.LiveUsers); lost > limit {
		c.refuse("live-shrunk", strconv.Itoa(lost), nil,
			"the live store has %d users, and had %d after run %d: %d are missing, and the guard allows %d (%s)", now, c.Last.LiveUsers, c.Last.ID, lost, limit, c.Organization.Guards.LiveShrink)
	}
}

// deletes counts users, aliases and lists that go; a user whose mailbox is
// taken over by a rename does not.
func (c *check) deletes() {
	var keys []schema.Key
	for _, d := range c.changes {
		if d.Op == OpDelete && d.Kind != schema.KindDomain && !c.inherited(&d) {
			keys = append(keys, d.Key)
		}
	}
	c.count("deletes", "deletes %d of %d addresses", c.Organization.Guards.Deletes, keys, countable)
}

// inherited reports whether a deleted user's mailbox goes on under a new name.
func (c *check) inherited(d *Change) bool {
	return d.Kind == schema.KindUser && d.Op == OpDelete && c.heirs[d.Address()] != ""
}

// updates counts users, aliases and lists that change.
func (c *check) updates() {
	var keys []schema.Key
	for _, u := range c.changes {
		if u.Op == OpUpdate && u.Kind != schema.KindDomain {
			keys = append(keys, u.Key)
		}
	}
	c.count("updates", "changes %d of %d addresses", c.Organization.Guards.Updates, keys, countable)
}

// lockouts counts users who lose every way to sign in, or to send.
func (c *check) lockouts() {
	var keys []schema.Key
	for _, u := range c.changes {
		if was, will := u.users(c.Live.State, c.after); locksOut(was, will) {
			keys = append(keys, u.Key)
		}
	}
	c.count("lockouts", "locks out %d of %d users", c.Organization.Guards.Lockouts, keys, func(k schema.Key) bool { return k.Kind == schema.KindUser })
}

func locksOut(was, will *schema.User) bool {
	if was == nil || will == nil {
		return false
	}
	return len(was.SignInWays()) > 0 && len(will.SignInWays()) == 0 || was.CanSend() && !will.CanSend()
}

func countable(k schema.Key) bool { return k.Kind != schema.KindDomain }

// count holds a number of touched resources against a guard: of the whole, and
// of each domain, so that many small domains cannot go one by one.
func (c *check) count(rule, does string, guard schema.Guard, touched []schema.Key, counts func(schema.Key) bool) {
	total := 0
	byDomain := make(map[string]int)
	for _, r := range c.Live.State {
		if k := r.Key(); counts(k) {
			total++
			byDomain[k.Domain()]++
		}
	}
	if limit := guard.Limit(total); len(touched) > limit {
		c.refuse(rule, strconv.Itoa(len(touched)), touched, "the plan "+does+", and the guard allows %d (max %s, atLeast %d)", len(touched), total, limit, guard.Max, guard.AtLeast)
		return
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
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// admins: enough administrators can sign in afterwards, and never none.
func (c *check) admins() {
	before, beforeWithPassword := signedInAdmins(c.Live.State)
	after, afterWithPassword := signedInAdmins(c.after)
	least := int(c.Organization.Guards.MinAdmins)
	switch {
	case len(c.changes) == 0:
	case after == 0 && before > 0:
		c.refuse("admin-lockout", "", nil, "the plan leaves no administrator who can sign in")
	case afterWithPassword == 0 && beforeWithPassword > 0:
		c.refuse("admin-lockout", "", nil, "the plan leaves no administrator who can sign in: none of the %d that it leaves has a password", after)
	case after < least:
		c.refuse("min-admins", strconv.Itoa(after), nil, "`minAdmins: %d` asks for administrators who can sign in, and the plan leaves %d", least, after)
	}
}

// signedInAdmins counts the administrators who have a way to sign in, and those
// of them who have a password too. Passwords may be elsewhere, as in a first
// plan, so their absence counts only once somebody had one.
func signedInAdmins(s schema.State) (all, withPassword int) {
	for u := range s.Users() {
		if !u.IsAdmin() || len(u.SignInWays()) == 0 {
			continue
		}
		all++
		if u.Password != "" {
			withPassword++
		}
	}
	return all, withPassword
}

// protected: some addresses are never deleted, locked out or cut off from mail.
func (c *check) protected() {
	protected := make(map[schema.Address]bool, len(c.Organization.Protected))
	for _, a := range c.Organization.Protected {
		protected[a] = true
	}
	for i := range c.changes {
		d := &c.changes[i]
		if !protected[d.Address()] {
			continue
		}
		if does := c.harms(d); does != "" {
			c.refuse("protected", d.Name, []schema.Key{d.Key}, "%s is protected, and the plan %s", d.Name, does)
		}
	}
}

func (c *check) harms(d *Change) string {
	was, will := d.users(c.Live.State, c.after)
	switch {
	case c.inherited(d):
		return "renames it to " + string(c.heirs[d.Address()])
	case d.Op == OpDelete:
		return "deletes it"
	case locksOut(was, will):
		return "locks it out"
	case was != nil && will != nil && was.AcceptsMail() && !will.AcceptsMail():
		return "refuses its mail"
	}
	return ""
}

// noRename: a delete and a create that look like one person are most likely a
// rename, which a mailbox does not survive.
func (c *check) noRename() {
	byName, byLocal := c.created()
	for _, d := range c.changes {
		was, ok := c.Live.State.Find(d.Key).(*schema.User)
		if !ok || d.Op != OpDelete || c.inherited(&d) {
			continue
		}
		u, why := byName[strings.ToLower(was.Name)], "name"
		if u == nil {
			u, why = byLocal[was.Address.Local()], "local part"
		}
		if u != nil {
			c.refuse("no-rename", string(was.Address), []schema.Key{was.Key(), u.Key()},
				"%s is deleted and %s is created with the same %s: this looks like a rename, and would lose the mail; declare `renamedFrom: %s` for %s", was.Address, u.Address, why, was.Address, u.Address)
		}
	}
}

// created indexes the users that come from nothing: those that the plan creates,
// and those that are wanted and lie outside of its scope. Half of a rename in
// one plan, and half in the next, is a rename.
func (c *check) created() (byName, byLocal map[string]*schema.User) {
	byName, byLocal = make(map[string]*schema.User), make(map[string]*schema.User)
	add := func(u *schema.User) {
		byLocal[u.Address.Local()] = u
		if u.Name != "" {
			byName[strings.ToLower(u.Name)] = u
		}
	}
	for u := range c.Want.Users() {
		if u.RenamedFrom == "" && c.Live.State.Find(u.Key()) == nil {
			add(u)
		}
	}
	for _, d := range c.changes {
		if u, ok := c.after.Find(d.Key).(*schema.User); ok && d.Op == OpCreate && d.From == "" {
			add(u)
		}
	}
	return byName, byLocal
}

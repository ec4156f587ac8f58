package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mailops/schema"
)

// weakening: what a profile marked `enforced: true` sets may be tightened by
// later profiles, the user and the user's schedule, and not loosened.
func (c *chain) weakening(d *schema.Declaration) schema.Problems {
	if len(c.enforced) == 0 {
		return nil
	}
	problems := c.loosened(d, &d.Body, "", len(c.profiles))
	if schedule := d.Body.Get("schedule"); schedule != nil {
		for i := range schedule.Items {
			problems = append(problems, c.loosened(d, schedule.Items[i].Get("set"), schema.IndexPath("schedule", i)+".set.", len(c.profiles))...)
		}
	}
	return problems
}

// loosened finds the values of n, settings at that path and that layer of the
// chain, that an earlier layer forbids.
func (c *chain) loosened(in *schema.Declaration, n *schema.Node, prefix string, layer int) schema.Problems {
	var problems schema.Problems
	leaves(n, "", func(leaf *schema.Node, path string) {
		for _, e := range c.enforced {
			if e.path != path || e.layer >= layer || !looser(path, e.node, leaf) {
				continue
			}
			problems = append(problems, in.Problem(leaf, prefix+path, "weakening",
				fmt.Sprintf("%s %s what profile %s enforces (%s at %s)", show(leaf), loosens(leaf), e.profile.Name, show(e.node), e.profile.Pos(e.node)), ""))
		}
	})
	return problems
}

// show prints a value for a message.
func show(n *schema.Node) string {
	if n.Kind == schema.Sequence {
		return "[" + strings.Join(n.Strings(), ", ") + "]"
	}
	if n.Kind == schema.Mapping {
		return "these hours"
	}
	return n.Text
}

// loosens is the verb to what show prints.
func loosens(n *schema.Node) string {
	if n.Kind == schema.Mapping {
		return "loosen"
	}
	return "loosens"
}

// ranks orders words from the loosest on.
var ranks = map[string][]string{
	"role":             {schema.RoleSuperAdmin, schema.RoleAdmin, schema.RoleMember},
	"status":           {schema.StatusActive, schema.StatusSuspended, schema.StatusDeactivated},
	"lock.mailAddOn":   {schema.Unlocked, schema.Locked},
	"mailAddOn.backup": {schema.BackupOff, schema.BackupOnDeactivation},
	// booleans that protect when they are true; all others protect when false
	"mailboxActions.spamCheck":  {"false", "true"},
	"permissions.onlyLocalSMTP": {"false", "true"},
}

// looser reports whether a value allows more than the enforced one. Fields
// that protect nobody (accountType, language, timezone, keepCopy) never do.
func looser(path string, enforced, n *schema.Node) bool {
	if words, ok := ranks[path]; ok {
		return slices.Index(words, n.Text) < slices.Index(words, enforced.Text)
	}
	switch path {
	case "forwarding.keepCopy":
		return false
	case "quota":
		return looserQuota(enforced.Text, n.Text)
	case "forwarding.to", "permissions.sendAs":
		return !subset(n.Strings(), enforced.Strings())
	case "permissions.trustedNetworks":
		return looserNetworks(enforced.Strings(), n.Strings())
	case "permissions.accessHours":
		return looserHours(enforced, n)
	}
	return n.Kind == schema.Bool && n.Text == "true" && enforced.Text == "false"
}

func looserQuota(enforced, text string) bool {
	most, err1 := schema.ParseBytes(enforced)
	got, err2 := schema.ParseBytes(text)
	if err1 != nil || err2 != nil || most == schema.Unlimited {
		return false
	}
	return got == schema.Unlimited || got > most
}

func subset(a, b []string) bool {
	in := make(map[string]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	return !slices.ContainsFunc(a, func(s string) bool { return !in[s] })
}

// looserNetworks: every network must lie inside of an enforced one.
func looserNetworks(enforced, networks []string) bool {
	if len(enforced) == 0 {
		return false
	}
	var outer []netip.Prefix
	for _, s := range enforced {
		if p, err := schema.ParseNetwork(s); err == nil {
			outer = append(outer, p)
		}
	}
	return len(networks) == 0 || slices.ContainsFunc(networks, func(s string) bool {
		inner, err := schema.ParseNetwork(s)
		return err == nil && !slices.ContainsFunc(outer, func(p netip.Prefix) bool { return contains(p, inner) })
	})
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// looserHours: no minute may be open that the enforced hours close. Hours of
// another zone cannot be compared, and count as looser.
func looserHours(enforced, n *schema.Node) bool {
	if enforced.Kind != schema.Mapping {
		return false
	}
	if n.Kind != schema.Mapping || text(n.Get("timezone")) != text(enforced.Get("timezone")) {
		return true
	}
	for _, day := range schema.Weekdays {
		open := minutes(enforced.Get(day))
		for i, is := range minutes(n.Get(day)) {
			if is && !open[i] {
				return true
			}
		}
	}
	return false
}

// minutes tells which minutes of a day are open.
func minutes(day *schema.Node) (open [24 * 60]bool) {
	for _, hours := range day.Strings() {
		if h, err := schema.ParseHours(hours); err == nil {
			for m := h.Start; m < h.End; m++ {
				open[m] = true
			}
		}
	}
	return open
}

func text(n *schema.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

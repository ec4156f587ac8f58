package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// guarded puts the settings that guard a plan in place of those that the plan's
// own declarations bring: nobody loosens the guard that they are held by. What they
// would loosen for the plans after it is a finding.
func (in *Input) guarded() {
	if in.Guarding == nil {
		return
	}
	if loosened := loosened(*in.Guarding, in.Organization); len(loosened) > 0 {
		in.Notes = append(slices.Clone(in.Notes), Finding{Rule: "guard-loosened", Severity: Warning,
			Keys: []schema.Key{{Kind: schema.KindOrganization, Name: in.Organization.Name}},
			Text: "this change loosens what guards the changes after it: " + strings.Join(loosened, "; ")})
	}
	in.Organization.Guards, in.Organization.Protected, in.Organization.Rules = in.Guarding.Guards, in.Guarding.Protected, in.Guarding.Rules
}

// loosened lists what an organization guards less than another one did.
func loosened(was, is schema.Organization) []string {
	var out []string
	say := func(loose bool, name string, before, after any) {
		if loose {
			out = append(out, fmt.Sprintf("%s %v → %v", name, before, after))
		}
	}
	g, h := was.Guards, is.Guards
	for _, one := range []struct {
		name          string
		before, after schema.Guard
	}{{"guards.deletes", g.Deletes, h.Deletes}, {"guards.lockouts", g.Lockouts, h.Lockouts}, {"guards.updates", g.Updates, h.Updates}} {
		say(one.after.Max > one.before.Max, one.name+".max", one.before.Max, one.after.Max)
		say(one.after.AtLeast > one.before.AtLeast, one.name+".atLeast", one.before.AtLeast, one.after.AtLeast)
	}
	say(h.MinAdmins < g.MinAdmins, "guards.minAdmins", g.MinAdmins, h.MinAdmins)
	say(h.LiveShrink > g.LiveShrink, "guards.liveShrink", g.LiveShrink, h.LiveShrink)
	say(h.Window.Per < g.Window.Per, "guards.window.per", g.Window.Per, h.Window.Per)
	say(h.Window.Deletes > g.Window.Deletes, "guards.window.deletes", g.Window.Deletes, h.Window.Deletes)
	say(h.Window.Lockouts > g.Window.Lockouts, "guards.window.lockouts", g.Window.Lockouts, h.Window.Lockouts)
	say(was.Rules.BackupPOPOnly == "on" && is.Rules.BackupPOPOnly != "on", "rules.backup-pop-only", was.Rules.BackupPOPOnly, is.Rules.BackupPOPOnly)
	if gone := without(was.Protected, is.Protected); len(gone) > 0 {
		out = append(out, "no longer protected: "+join(gone))
	}
	return out
}

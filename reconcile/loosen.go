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
	in.Notes = slices.Clone(in.Notes)
	key := schema.Key{Kind: schema.KindOrganization, Name: in.Organization.Name}
	for _, l := range loosened(*in.Guarding, in.Organization) {
		in.Notes = append(in.Notes, Loosening(key, l.text, settingAt(in.Provenance, key, l.path)))
	}
	in.Organization.Guards, in.Organization.Protected, in.Organization.Rules = in.Guarding.Guards, in.Guarding.Protected, in.Guarding.Rules
}

// Loosening is the finding that a change loosens what guards the changes after it.
func Loosening(of schema.Key, text string, origin *schema.Origin) Finding {
	return Finding{Rule: "guard-loosened", Severity: Warning, Keys: []schema.Key{of}, Origin: origin,
		Text: "this change loosens what guards the changes after it: " + text}
}

// settingAt is the line of a setting, or of what it was below when it is gone.
func settingAt(from Provenance, key schema.Key, path string) *schema.Origin {
	for from != nil && path != "" {
		if o := from.Origin(key, path); o != nil && o.Via != "default" && o.File != "" {
			return o
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return nil
}

// A looser is a setting that guards less than it did.
type looser struct{ path, text string }

// loosened lists what an organization guards less than another one did.
func loosened(was, is schema.Organization) []looser {
	out := looserNumbers(was, is)
	say := func(path, format string, args ...any) { out = append(out, looser{path, fmt.Sprintf(format, args...)}) }
	if was.Rules.BackupPOPOnly == "on" && is.Rules.BackupPOPOnly != "on" {
		say("rules.backup-pop-only", "rules.backup-pop-only on → %s", is.Rules.BackupPOPOnly)
	}
	if gone := without(was.Protected, is.Protected); len(gone) > 0 {
		say("protected", "no longer protected: %s", join(gone))
	}
	alone := slices.DeleteFunc(slices.Clone(is.Unmanaged), func(path string) bool { return unmanaged(path, was.Unmanaged) })
	if len(alone) > 0 {
		say("unmanaged", "left alone from now on (`unmanaged`): %s", strings.Join(alone, ", "))
	}
	return append(append(out, looserDrift(was.Drift, is.Drift)...), looserTimes(was.Changes, is.Changes)...)
}

// looserNumbers are the numbers of guards and licences that allow more.
func looserNumbers(was, is schema.Organization) []looser {
	var out []looser
	say := func(loose bool, path string, before, after any) {
		if loose {
			out = append(out, looser{path, fmt.Sprintf("%s %v → %v", path, before, after)})
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
	l, m := was.Licences, is.Licences
	say(more(l.Basic, m.Basic), "licences.basic", licence(l.Basic), licence(m.Basic))
	say(more(l.Enhanced, m.Enhanced), "licences.enhanced", licence(l.Enhanced), licence(m.Enhanced))
	say(l.Storage != schema.Unlimited && (m.Storage == schema.Unlimited || m.Storage > l.Storage), "licences.storage", l.Storage, m.Storage)
	return out
}

// more reports whether a licence is for more than another one; nil is no limit.
func more(was, is *int64) bool { return was != nil && (is == nil || *is > *was) }

func licence(n *int64) string {
	if n == nil {
		return "unlimited"
	}
	return fmt.Sprint(*n)
}

// looserDrift is what is no longer taken back when somebody changes it by hand.
func looserDrift(was, is schema.Drift) []looser {
	var out []looser
	if was.Default == schema.DriftHeal && is.Default != schema.DriftHeal {
		out = append(out, looser{"drift.default", "what others change is no longer taken back: drift.default " + was.Default + " → " + is.Default})
	}
	told := make(map[schema.DriftField]bool)
	for _, f := range slices.Concat(was.Fields, is.Fields) {
		f.Do = ""
		before, after := was.Of(f.Kind, f.Field), is.Of(f.Kind, f.Field)
		if before == schema.DriftHeal && after != before && !told[f] {
			told[f] = true
			out = append(out, looser{"drift.fields", fmt.Sprintf("what others change is no longer taken back: drift of %s %s → %s", strings.TrimSpace(string(f.Kind)+" "+f.Field), before, after)})
		}
	}
	return out
}

// looserTimes is when changes are applied that waited before.
func looserTimes(was, is schema.ChangeTimes) []looser {
	var out []looser
	say := func(path, text string) { out = append(out, looser{path, text}) }
	allows := func(w schema.ChangeWindow) bool { return w.Kind == "allow" }
	for _, w := range without(was.Windows, is.Windows) {
		if !allows(w) || !slices.ContainsFunc(is.Windows, allows) {
			say("changes.windows", fmt.Sprintf("changes no longer keep to the window %s %q for %s", w.Kind, w.Schedule, w.Duration))
		}
	}
	for _, w := range without(is.Windows, was.Windows) {
		if allows(w) && slices.ContainsFunc(was.Windows, allows) {
			say("changes.windows", fmt.Sprintf("changes are applied in one more window: %q for %s", w.Schedule, w.Duration))
		}
	}
	if urgent := without(is.Urgent, was.Urgent); len(urgent) > 0 {
		say("changes.urgent", "changes of these no longer wait: "+strings.Join(urgent, ", "))
	}
	return out
}

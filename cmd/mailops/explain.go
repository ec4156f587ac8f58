package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

func (a *app) explainCommand() *cobra.Command {
	cmd := verb("explain ADDRESS[.FIELD] | RULE | EFFECT", "Say where a value comes from, or what a rule is for",
		"explain ADDRESS.FIELD shows the effective value, the line that set it, what it\noverrode, and what the live store has. explain ADDRESS shows all fields.\nexplain RULE tells what a rule is for, with an example; explain EFFECT what an\neffect of a plan is, such as sign-in-lost.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			if rule, ok := schema.RuleNamed(args[0]); ok {
				return a.explainRule(rule)
			}
			if effect, ok := preview.Explained(args[0]); ok {
				return a.explainEffect(effect)
			}
			if !strings.Contains(args[0], "@") && !strings.Contains(args[0], ".") {
				return usage("there is no rule %q, and no effect; the rules are %s; the effects are %s", args[0], strings.Join(ruleNames(), ", "), strings.Join(effectNames(), ", "))
			}
			return a.explainValue(cmd.Context(), args[0])
		})
	a.atFlag(cmd)
	a.formats(cmd, "text", "json")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return slices.Concat(ruleNames(), effectNames()), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func ruleNames() []string {
	var out []string
	for _, r := range schema.Rules() {
		out = append(out, r.ID)
	}
	return out
}

func effectNames() []string {
	var out []string
	for _, e := range preview.Explanations() {
		out = append(out, e.ID)
	}
	return out
}

func (a *app) explainEffect(e preview.Explanation) error {
	if a.format == "json" {
		return a.printJSON(struct {
			Format  string `json:"format"`
			Effect  string `json:"effect"`
			Short   string `json:"short"`
			Purpose string `json:"purpose"`
		}{"mailops.effect/v1", e.ID, e.Short, e.Purpose})
	}
	fmt.Fprintf(a.out, "%s: %s\n\n%s\n", a.paint(a.out, bold, e.ID), e.Short, e.Purpose)
	return nil
}

func (a *app) explainRule(r schema.Rule) error {
	if a.format == "json" {
		return a.printJSON(struct {
			Format  string `json:"format"`
			Rule    string `json:"rule"`
			Purpose string `json:"purpose"`
		}{"mailops.rule/v1", r.ID, r.Purpose})
	}
	fmt.Fprintf(a.out, "%s\n\n%s\n", a.paint(a.out, bold, r.ID), r.Purpose)
	for _, example := range []struct {
		title string
		files []schema.Source
	}{{"The live store was made from", r.Live}, {"Users own there", r.Owned}, {"This is refused", r.Fail}, {"This is fine", r.Pass}} {
		for _, f := range example.files {
			fmt.Fprintf(a.out, "\n%s (%s):\n", example.title, f.File)
			for line := range strings.Lines(strings.TrimSuffix(f.Text, "\n")) {
				fmt.Fprintf(a.out, "    %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return nil
}

// An explained is one field as explain shows it.
type explained struct {
	Field string          `json:"field"`
	Value schema.Value    `json:"value"`
	Live  schema.Value    `json:"live"`
	Chain []resolve.Layer `json:"chain"`           // from the weakest to the one that counts
	SetBy *setBy          `json:"setBy,omitempty"` // the commit that set it; of one field alone
}

func (a *app) explainValue(ctx context.Context, subject string) error {
	_, w, err := a.want(ctx)
	if err != nil {
		return err
	}
	resource, path, err := find(w.State, subject)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toRead, w.Organization)
	if err != nil {
		return err
	}
	live := in.Live.State.Find(resource.Key())
	fields := explainFields(w, resource, live, path)
	if len(fields) == 0 {
		return usage("%s has no field %q", resource.Key(), path)
	}
	if n := len(fields[0].Chain); len(fields) == 1 && n > 0 && fields[0].Chain[n-1].Origin.Via != "default" {
		fields[0].SetBy = a.blame(ctx, fields[0].Chain[n-1].Origin.Pos)
	}
	observed, seen := in.Live.Observed[resource.Key().Address()]
	if a.format == "json" {
		return a.printJSON(struct {
			Format string `json:"format"`
			schema.Key
			Fields   []explained     `json:"fields"`
			Observed schema.Observed `json:"observed,omitzero"`
		}{"mailops.explain/v1", resource.Key(), fields, observed})
	}
	for _, f := range fields {
		a.printExplained(f, live != nil, len(fields) == 1)
	}
	if seen && path == "" {
		a.printObserved(observed)
	}
	return nil
}

// find takes a subject apart: the longest name of a resource that begins it,
// and the path of a field behind it. Both may hold dots.
func find(s schema.State, subject string) (schema.Resource, string, error) {
	name, path := subject, ""
	for name != "" {
		if r := named(s, name); r != nil {
			return r, path, nil
		}
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			break
		}
		name, path = name[:dot], strings.TrimSuffix(name[dot+1:]+"."+path, ".")
	}
	return nil, "", fmt.Errorf("%s is not declared: no user, alias, list or domain of that name", subject)
}

func named(s schema.State, name string) schema.Resource {
	if folded, err := load.FoldAddress(name); err == nil {
		name = string(folded)
	}
	for _, kind := range schema.LiveKinds {
		if r := s.Find(schema.Key{Kind: kind, Name: name}); r != nil {
			return r
		}
	}
	return nil
}

func explainFields(w *resolve.Want, resource, live schema.Resource, path string) []explained {
	var out []explained
	key := resource.Key()
	for _, f := range schema.Fields(key.Kind) {
		if path != "" && f.Path != path && !strings.HasPrefix(f.Path, path+".") {
			continue
		}
		e := explained{Field: f.Path, Value: f.Get(resource), Chain: w.Explain(key, f.Path)}
		if live != nil {
			e.Live = f.Get(live)
		}
		out = append(out, e)
	}
	return out
}

// fieldWidth is that of the longest path, permissions.features.allowBlockList,
// and valueWidth that of most values.
const (
	fieldWidth = 35
	valueWidth = 20
)

func (a *app) printExplained(f explained, isLive, long bool) {
	before, after := preview.Sides(reconcile.FieldChange{Path: f.Field, Before: f.Live, After: f.Value})
	if f.Field == "password" {
		before, after = preview.Value(f.Field, f.Live), preview.Value(f.Field, f.Value)
	}
	if !long {
		at := ""
		if n := len(f.Chain); n > 0 {
			at = a.origin(&f.Chain[n-1].Origin)
		}
		drift := ""
		if isLive && f.Live != f.Value {
			drift = a.paint(a.out, yellow, "   live: "+before)
		}
		line := pad(f.Field, fieldWidth) + "  " + pad(after, valueWidth) + at + drift
		fmt.Fprintln(a.out, strings.TrimRight(line, " "))
		return
	}
	fmt.Fprintf(a.out, "%s = %s\n", f.Field, after)
	for i := len(f.Chain) - 1; i >= 0; i-- {
		verb := "overrides"
		if i == len(f.Chain)-1 {
			verb = "set by   "
		}
		fmt.Fprintf(a.out, "  %s %s: %s\n", verb, f.Chain[i].Origin, preview.Plain(f.Chain[i].Value))
		if c := f.SetBy; c != nil && i == len(f.Chain)-1 {
			fmt.Fprintf(a.out, "            by %s on %s, in %s %q\n", preview.Plain(c.Author), c.Date, c.Commit[:12], preview.Plain(c.Subject))
		}
	}
	if isLive {
		fmt.Fprintf(a.out, "  live      %s\n", before)
	} else {
		fmt.Fprintln(a.out, "  live      not there yet")
	}
}

func (a *app) printObserved(o schema.Observed) {
	fmt.Fprintln(a.out, "\nWhat the user owns, as the store reports it:")
	for _, line := range []struct{ name, value string }{
		{"add-on protocol", o.AddOnProtocol}, {"add-on sharing", o.AddOnSharing}, {"add-on mailbox", o.AddOnMailbox}, {"backup", o.Backup},
	} {
		if line.value != "" {
			fmt.Fprintf(a.out, "  %s  %s\n", pad(line.name, 24), line.value)
		}
	}
	if o.AddOnProtocol != "" {
		fmt.Fprintf(a.out, "  %s  %v\n", pad("saved since activation", 24), o.AddOnSaved)
	}
	if o.StorageUsed > 0 {
		fmt.Fprintf(a.out, "  %s  %s\n", pad("storage used", 24), schema.Bytes(o.StorageUsed))
	}
	if o.LastSignInUnix > 0 {
		fmt.Fprintf(a.out, "  %s  %s UTC\n", pad("last sign-in", 24), time.Unix(o.LastSignInUnix, 0).UTC().Format(time.DateTime))
	}
}

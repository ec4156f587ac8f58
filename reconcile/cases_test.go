package reconcile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/reconcile"
	"mailops/schema"
)

// TestCases runs testdata/*.txtar. A story has these sections:
//
//	organization    guards and the like; absent: nothing is refused
//	live            the live state
//	want            what is wanted, told as changes to live
//	base            what was asked for before, told as changes to live; absent: nobody knows
//	observed        what users own
//	since           what happened after the plan was carried out, before an undo
//
// and those that are expected, which UPDATE=1 rewrites:
//
//	plan [flags]    the plan from live to want
//	undo [flags]    the plan that takes it back
//	route ADDRESS   where mail to the address ends up when the plan is done
func TestCases(t *testing.T) {
	for _, file := range storyFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rewrite := os.Getenv("UPDATE") != ""
			for i, f := range archive.Files {
				got, ok := tell(t, archive, f.Name)
				switch {
				case !ok:
				case rewrite:
					archive.Files[i].Data = []byte(got)
				default:
					if diff := cmp.Diff(string(f.Data), got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", f.Name, diff)
					}
				}
			}
			if rewrite {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func storyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	return files
}

// tell makes the text of an expected section; false for one that is given.
func tell(t *testing.T, archive *txtar.Archive, name string) (string, bool) {
	t.Helper()
	flags := strings.Fields(name)
	in := storyInput(t, archive)
	switch flags[0] {
	case "plan":
		return tellPlan(reconcile.New(ask(t, in, flags[1:]))), true
	case "undo":
		return tellPlan(undo(t, archive, in, flags[1:])), true
	case "route":
		var b strings.Builder
		tellHop(&b, reconcile.NewRouter(in.Want).Route(schema.Address(flags[1])), 0)
		return b.String(), true
	}
	return "", false
}

func storyInput(t *testing.T, archive *txtar.Archive) reconcile.Input {
	t.Helper()
	live := edit(t, nil, section(archive, "live"))
	in := reconcile.Input{
		Live:         reconcile.Live{State: live, Observed: observed(t, []byte(section(archive, "observed")))},
		Want:         edit(t, live, section(archive, "want")),
		Organization: organization(t, section(archive, "organization")),
		At:           now,
		Store:        "story",
	}
	if base := section(archive, "base"); base != "" {
		in.Base = edit(t, live, base)
	}
	return in
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// undo carries the story's plan out, lets happen what happened since, and plans
// to take it back.
func undo(t *testing.T, archive *txtar.Archive, in reconcile.Input, flags []string) (*reconcile.Plan, error) {
	t.Helper()
	run := reconcile.Run{ID: 7, Changes: reconcile.Diff(in.Live.State, in.Want)}
	done, err := reconcile.Advance(in.Live.State, run.Changes)
	if err != nil {
		t.Fatal(err)
	}
	in.Live.State = edit(t, done, section(archive, "since"))
	return reconcile.Undo(ask(t, in, flags), run)
}

// tellPlan prints a plan, or why there is none, for people to review.
func tellPlan(p *reconcile.Plan, err error) string {
	var conflict *reconcile.ConflictError
	switch {
	case errors.As(err, &conflict):
		return strings.ReplaceAll(err.Error(), ": ", ":\n") + "\n"
	case err != nil:
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, e := range p.Effects {
		fmt.Fprintf(&b, "%s %s: %s\n", e.Severity, e.ID, e.Text)
	}
	for _, f := range p.Findings {
		tellFinding(&b, f)
	}
	for _, c := range p.Changes {
		tellChange(&b, &c)
	}
	if b.Len() == 0 {
		return "nothing to do\n"
	}
	return b.String()
}

func tellFinding(b *strings.Builder, f reconcile.Finding) {
	verdict := string(f.Severity)
	if f.Lifted {
		verdict = "lifted"
	}
	fmt.Fprintf(b, "%s %s: %s", verdict, f.Rule, f.Text)
	if f.Allow != "" {
		fmt.Fprintf(b, " [--allow %s]", f.Allow)
	}
	b.WriteString("\n")
}

// tellChange prints the fields of an update, and those of a create that are not
// the defaults of a user; those of a delete are the whole resource.
func tellChange(b *strings.Builder, c *reconcile.Change) {
	fmt.Fprintf(b, "%s %s", c.Op, c.Key)
	if c.From != "" {
		fmt.Fprintf(b, ", renamed from %s", c.From)
	}
	b.WriteString("\n")
	for _, f := range c.Fields {
		switch {
		case c.Op == reconcile.OpUpdate:
			fmt.Fprintf(b, "  %s: %s -> %s\n", f.Path, f.Before.Text(), f.After.Text())
		case c.Op == reconcile.OpCreate && !isDefault(c.Key, f):
			fmt.Fprintf(b, "  %s: %s\n", f.Path, f.After.Text())
		}
	}
}

func isDefault(key schema.Key, f reconcile.FieldChange) bool {
	field, ok := schema.FieldAt(key.Kind, f.Path)
	return ok && key.Kind == schema.KindUser && field.Get(standard(key.Address())) == f.After
}

func tellHop(b *strings.Builder, h reconcile.Hop, depth int) {
	fmt.Fprintf(b, "%s%s %s\n", strings.Repeat("  ", depth), h.Address, h.Is)
	for _, n := range h.Next {
		tellHop(b, n, depth+1)
	}
}

// TestEveryEffectAndRuleHasAStory reads the ids out of the source, so that a
// new one without a story fails.
func TestEveryEffectAndRuleHasAStory(t *testing.T) {
	var told strings.Builder
	for _, file := range storyFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(data)
	}
	effects := idsIn(t, `e\.say\([\w.\[\]]+, "([a-z-]+)"`, "effects.go", "access.go", "address.go", "capacity.go", "reach.go", "identity.go", "rights.go")
	rules := idsIn(t, `(?:c\.(?:refuse|refuseFor|count|budget)\(|Rule: )"([a-z-]+)"`, "guards.go", "people.go", "addon.go")
	if len(effects) < 20 || len(rules) < 15 {
		t.Fatalf("found %d effects and %d rules in the source; are they written differently now?", len(effects), len(rules))
	}
	for _, id := range effects {
		if !regexp.MustCompile(`(?m)^(info|warning|severe) ` + id + `: `).MatchString(told.String()) {
			t.Errorf("no story shows the effect %s", id)
		}
	}
	for _, id := range rules {
		if !strings.Contains(told.String(), "\nrefuse "+id+": ") {
			t.Errorf("no story is refused by %s", id)
		}
	}
}

func idsIn(t *testing.T, pattern string, files ...string) []string {
	t.Helper()
	var out []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(data), -1) {
			out = append(out, found[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

package resolve_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mailops/schema/load"
	"mailops/schema/resolve"
)

// TestHostile: what the law allows and would cost the square of it, or more, is
// bounded: a chain of profiles that every user enters elsewhere, a web of
// profiles with more ways through it than there are seconds, schedules in which
// every entry contradicts every other one.
func TestHostile(t *testing.T) {
	text := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return b.String()
	}
	var web strings.Builder
	for i := range 60 {
		fmt.Fprintf(&web, "kind: Profile\nname: w%[1]d\nenforced: true\nquota: 1GiB\nprofiles: [w%[2]d, x%[2]d]\n---\nkind: Profile\nname: x%[1]d\nprofiles: [w%[2]d, x%[2]d]\nquota: 2GiB\n---\n", i, i+1)
	}
	for name, c := range map[string]struct {
		text, rule string
		least      int
	}{
		"a chain of profiles": {text(2000, "kind: Profile\nname: p%d\nprofiles: [p%d]\n---\n") + text(2000, "kind: User\naddress: u%d@acme.example\nprofiles: [p%[1]d]\n---\n"), "schema", 1900},
		"a web of profiles":   {web.String() + "kind: User\naddress: u@acme.example\nprofiles: [w0]\n", "schema", 1},
		"contradicting schedules": {text(50, "kind: User\naddress: u%[1]d@acme.example\nschedule:\n"+
			strings.Repeat("  - {from: 2026-01-01, until: 2026-12-31, set: {quota: 1GiB}}\n  - {from: 2026-01-01, until: 2026-12-31, set: {quota: 2GiB}}\n", 100)+"---\n"), "window-order", 50 * 199},
	} {
		t.Run(name, func(t *testing.T) {
			decls, _, err := load.FS(t.Context(), fstest.MapFS{load.Root: {Data: []byte(root)}, "x.yaml": {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			_, problems := resolve.At(decls, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), nil)
			found := 0
			for _, p := range problems {
				if p.Rule == c.rule {
					found++
				}
			}
			if found < c.least || found > 2*c.least+100 {
				t.Errorf("%d problems of %s, want about %d", found, c.rule, c.least)
			}
		})
	}
}

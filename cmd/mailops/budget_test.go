package main

import (
	"strings"
	"testing"
	"time"
)

// TestBudgetOfAnotherDay: a plan for a day that is past is held by the budget of
// that day, whatever day it is made on.
func TestBudgetOfAnotherDay(t *testing.T) {
	t.Parallel()
	pr := &pullRequest{dir: t.TempDir(), where: "."}
	const guards = "guards: {deletes: {max: 100%, atLeast: 0}, window: {per: 24h, deletes: 30%}}\n"
	pr.write(t, "mailops.yaml", strings.Replace(baseOrganization, "---\n", guards+"---\n", 1))
	people := func(names string) {
		var b strings.Builder
		for _, name := range names {
			b.WriteString("---\nkind: User\naddress: " + string(name) + "@acme.example\n")
		}
		pr.write(t, "people.yaml", strings.TrimPrefix(b.String(), "---\n"))
	}
	day := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	people("abcdefghij")
	pr.at(t, day, exitDone, "apply", "--yes")
	people("abcdefgh")
	pr.at(t, day.Add(time.Hour), exitDone, "apply", "--yes")
	people("abcdefghk")
	pr.at(t, day.AddDate(0, 0, 5), exitDone, "apply", "--yes") // the last run is known in any case
	people("abcdefk")
	later := day.AddDate(0, 0, 10)
	refused := pr.at(t, later, exitRefused, "plan", "--detailed-exitcode", "--at", "2026-11-02T12:00:00Z")
	if !strings.Contains(refused, "budget-deletes") {
		t.Errorf("it is not refused by the budget:\n%s", refused)
	}
	pr.at(t, later, exitChanges, "plan", "--detailed-exitcode")
}

// at runs the program at an instant, and returns what it prints.
func (pr *pullRequest) at(t *testing.T, now time.Time, want int, args ...string) string {
	t.Helper()
	stdout, stderr, code := pr.mailopsAt(t, now, args...)
	if code != want {
		t.Fatalf("mailops %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, stdout, stderr)
	}
	return stdout
}

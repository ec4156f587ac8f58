package web_test

import (
	"net/http"
	"strings"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
)

// TestLift: what guards refuse comes with the whole command that carries it out,
// and what nobody can lift comes with none.
func TestLift(t *testing.T) {
	deletes := reconcile.Finding{Rule: "deletes", Severity: reconcile.Refuse, Text: "the plan deletes 4 of 9 addresses", Allow: "deletes=4"}
	locks := reconcile.Finding{Rule: "lockouts", Severity: reconcile.Refuse, Text: "the plan locks 6 out", Allow: "lockouts=6"}
	last := reconcile.Finding{Rule: "admin-lockout", Severity: reconcile.Refuse, Text: "nobody is left"}
	warns, lifted := reconcile.Finding{Rule: "password-unset", Severity: reconcile.Warning}, locks
	lifted.Lifted = true
	for _, c := range []struct {
		revision string
		findings []reconcile.Finding
		want     string
	}{
		{commitB, []reconcile.Finding{deletes, warns}, "mailops apply --rev " + strings.TrimPrefix(commitB, "git:") + " --allow deletes=4"},
		{commitB, []reconcile.Finding{deletes, locks}, "mailops apply --rev " + strings.TrimPrefix(commitB, "git:") + " --allow deletes=4 --allow lockouts=6"},
		{"worktree:a2ef", []reconcile.Finding{deletes, lifted}, "mailops apply --allow deletes=4"},
		{commitB, []reconcile.Finding{deletes, last}, ""}, {commitB, []reconcile.Finding{warns}, ""}, {commitB, nil, ""},
	} {
		if got := web.Lift(c.revision, c.findings); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	a := newAcme()
	a.status = refused()
	a.status.Verdict.Findings = []reconcile.Finding{deletes}
	a.status.Findings = []reconcile.Finding{locks}
	page := ask(open(a), local("GET", "/")).Body.String()
	has(t, text(t, page, "newest"), "--allow deletes=4 lifts this for one plan", "a person applies it: mailops apply --rev "+strings.TrimPrefix(commitB, "git:")+" --allow deletes=4")
	has(t, text(t, page, "findings"), "mailops apply --rev "+strings.TrimPrefix(a.status.InForce.ID, "git:")+" --allow lockouts=6")
	has(t, text(t, page, "banner"), "by the command below")
	a.status.Verdict.State = agent.StateRewritten
	has(t, text(t, ask(open(a), local("GET", "/")).Body.String(), "banner"), "--allow-rewind")
}

// TestPasswordDrift: of a password that somebody changed, it is live that is
// another one.
func TestPasswordDrift(t *testing.T) {
	a := newAcme()
	d := drifted()
	d.Fields = []reconcile.FieldChange{{Path: "password", Before: `"sha256:aa"`, After: `"sha256:bb"`, Drift: true}}
	a.status.Drift = []agent.Drifted{d}
	page := ask(open(a), local("GET", "/")).Body.String()
	has(t, text(t, page, "drift"), "password live (changed), declared (set)")
	if strings.Contains(page, "sha256") {
		t.Error("the page shows a fingerprint")
	}
}

// TestNotYet: before the first look there is no status, and nobody takes an
// empty one for it.
func TestNotYet(t *testing.T) {
	a := newAcme()
	a.status = agent.Status{}
	for _, r := range []*http.Request{local("GET", "/api/status"), local("POST", "/api/reconcile")} {
		w := ask(open(a), r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "0001-01-01") {
			t.Errorf("%s: %d %s", r.URL.Path, w.Code, w.Body)
		}
		has(t, w.Body.String(), `"format": "mailops.error/v1"`, "first look")
	}
}

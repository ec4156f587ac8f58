package web_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
	"mailops/schema"
)

func scrape(t *testing.T, m *web.Metrics) string {
	t.Helper()
	w := ask(web.Handler(web.Options{Agent: newAcme(), Auth: web.Auth{Loopback: true}, Metrics: m}), local("GET", "/metrics"))
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

// TestMetrics: what a look did is counted, and what is known after it is there.
func TestMetrics(t *testing.T) {
	m := web.NewMetrics("1.4.0", func() int { return 3 })
	first := wrong()
	first.Waiting = []reconcile.Held{{Change: reconcile.Change{Key: user("a@acme.example")}, Why: reconcile.HeldWindow}}
	drift := []reconcile.FieldChange{{Path: "quota", Drift: true}}
	m.Ran(agent.Report{At: now, Duration: 250 * time.Millisecond, Result: agent.ResultApplied, Run: 214, Newer: true, Revision: agent.Revision{At: ago(40 * time.Second)},
		Verdict: &agent.Verdict{State: agent.StateApplied}, Alone: []reconcile.Finding{{Rule: "protected"}},
		Plan: &reconcile.Plan{Changes: []reconcile.Change{{Key: user("a@acme.example"), Op: reconcile.OpUpdate, Fields: drift}, {Key: user("b@acme.example"), Op: reconcile.OpCreate, Fields: []reconcile.FieldChange{{Path: "name"}, drift[0]}}}}}, &first)
	m.Ran(agent.Report{At: now, Result: agent.ResultRefused, Verdict: &agent.Verdict{Findings: []reconcile.Finding{{Rule: "deletes"}}}, Findings: []reconcile.Finding{{Rule: "deletes"}}}, &first)
	m.Published(&first)
	broken := first
	broken.Publication = &agent.Publication{At: first.Publication.At, Failed: 1}
	m.Published(&broken)
	m.Hook("github", "triggered")
	has(t, scrape(t, m),
		`mailops_agent_runs_total{result="applied"} 1`, `mailops_agent_runs_total{result="failed"} 0`,
		`mailops_agent_run_duration_seconds_count 2`, `mailops_agent_commit_to_applied_seconds_sum 40.25`,
		`mailops_agent_changes_total{cause="drift",kind="user",op="update"} 1`, `mailops_agent_changes_total{cause="commit",kind="user",op="create"} 1`,
		`mailops_agent_drift{action="report",kind="user"} 1`, `mailops_agent_waiting{kind="user",reason="window"} 1`, "mailops_agent_problems 2\n",
		`mailops_agent_guard_refusals_total{rule="deletes"} 1`, `mailops_agent_guard_refusals_total{rule="protected"} 1`,
		`mailops_agent_live_resources{kind="alias"} 12`, `mailops_agent_want_resources{kind="user"} 55`,
		"mailops_agent_last_success_timestamp_seconds 1.79505796e+09", "mailops_agent_in_force_timestamp_seconds ",
		"mailops_agent_leader 1", "mailops_agent_pauses 1", `mailops_agent_budget_left{guard="deletes"} 2`, `mailops_agent_budget_left{guard="lockouts"} 5`,
		`mailops_agent_snapshots_total{result="published"} 1`, `mailops_agent_snapshots_total{result="failed"} 1`, "mailops_agent_snapshot_published_timestamp_seconds 1.79505",
		"mailops_agent_queue_depth 3", `mailops_agent_hook_requests_total{kind="github",result="triggered"} 1`, `mailops_build_info{goversion="go`, "go_goroutines ", "process_open_fds ")
	m.Ran(agent.Report{At: now, Result: agent.ResultFailed, Err: errors.New("fetch: gone")}, &agent.Status{At: now.Add(time.Hour), Result: agent.ResultFailed})
	after := scrape(t, m)
	has(t, after, "mailops_agent_last_success_timestamp_seconds 1.79505796e+09", "mailops_agent_leader 0")
	if strings.Contains(after, "mailops_agent_drift{") || strings.Contains(after, "snapshot_published_timestamp") {
		t.Error("drift that is gone is still there")
	}
}

// TestSince: the page says when all could last be looked at.
func TestSince(t *testing.T) {
	m, a := web.NewMetrics("1.4.0", nil), newAcme()
	h := web.Handler(web.Options{Agent: a, Auth: web.Auth{Loopback: true}, Metrics: m})
	for _, s := range []agent.Status{quiet(), unreachable()} {
		r := agent.Report{Result: s.Result}
		if s.Error != "" {
			r.Err = errors.New(s.Error)
			s.At = s.At.Add(time.Hour)
		}
		m.Ran(r, &s)
		a.set(s)
	}
	has(t, text(t, ask(h, local("GET", "/")).Body.String(), "banner"), "All could last be looked at on Thu 19 Nov 2026, 03:12 WET.")
}

// TestMetricNames: the names are as Prometheus wants them.
func TestMetricNames(t *testing.T) {
	m := web.NewMetrics("1.4.0", func() int { return 0 })
	s := filled("x", 1)
	m.Ran(agent.Report{Result: agent.ResultApplied, Run: 1, Newer: true, Revision: agent.Revision{At: now}, At: now, Plan: &reconcile.Plan{Changes: []reconcile.Change{{Key: schema.Key{Kind: schema.KindList}, Op: reconcile.OpDelete}}}, Findings: s.Findings}, &s)
	m.Hook("generic", "refused")
	m.Published(&s)
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}

// TestMetricsAtOnce: scraping while the agent works shows one moment.
func TestMetricsAtOnce(t *testing.T) {
	m := web.NewMetrics("1.4.0", nil)
	s := wrong()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				m.Ran(agent.Report{Result: agent.ResultIdle}, &s)
			}
		})
		group.Go(func() {
			for range 5 {
				scrape(t, m)
			}
		})
	}
	group.Wait()
	has(t, scrape(t, m), `mailops_agent_runs_total{result="idle"} 200`)
}

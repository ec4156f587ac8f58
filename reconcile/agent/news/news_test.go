package news

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/forge"
	"mailops/reconcile/agent/notify"
	"mailops/schema"
)

// A shelf keeps what it is told.
type shelf struct {
	mu       sync.Mutex
	events   []notify.Event
	statuses []string
	comments []string
}

func (s *shelf) Send(_ context.Context, e notify.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	return nil
}

func (s *shelf) SetStatus(_ context.Context, commit string, status forge.Status) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, commit+" "+string(status.State)+": "+status.Description)
	return nil
}

func (s *shelf) Comment(_ context.Context, commit, marker, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if marker == "" || strings.Contains(body, marker) {
		return errors.New("the marker is the forge's to write")
	}
	s.comments = append(s.comments, commit+"\n"+body)
	return nil
}

// told runs reports past a desk, a minute apart, and returns what was told: of
// each event its kind and title, and its lines.
func told(t *testing.T, reports ...report) (*shelf, []string) {
	t.Helper()
	s := &shelf{}
	synctest.Test(t, func(t *testing.T) {
		n, err := notify.New(map[string]notify.Channel{"shelf": s}, notify.Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		d := New(n, s, "https://mail.acme.example/agent", slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		for _, r := range reports {
			if r.status.Publication != nil {
				d.Published(&r.status)
			} else {
				d.Ran(r.Report, &r.status)
			}
			time.Sleep(time.Minute)
		}
		cancel()
		<-ended
	})
	var lines []string
	for _, e := range s.events {
		lines = append(lines, string(e.Kind)+": "+e.Title)
		for _, l := range e.Lines {
			lines = append(lines, "  "+l)
		}
	}
	return s, lines
}

type report struct {
	agent.Report
	status agent.Status
}

var (
	bruno    = schema.Key{Kind: schema.KindUser, Name: "bruno@acme.example"}
	revision = agent.Revision{ID: "git:" + strings.Repeat("a", 40), Author: "Ana <b>", Subject: "Bruno moves"}
	imapOff  = reconcile.FieldChange{Path: "mailboxActions.imap", Before: "true", After: "false"}
)

func plan(fields ...reconcile.FieldChange) *reconcile.Plan {
	p := &reconcile.Plan{Changes: []reconcile.Change{{Key: bruno, Op: reconcile.OpUpdate, Version: "v", Fields: fields}},
		Effects: []reconcile.Effect{{Severity: reconcile.Warning, ID: "sign-in-narrowed", Key: bruno, Text: "bruno@acme.example can no longer sign in by IMAP"}}}
	p.Seal()
	return p
}

// TestApplied: a commit that comes into force is told with its effects, to people
// and to the forge, in words that nobody's Markdown reads as something else.
func TestApplied(t *testing.T) {
	v := agent.Verdict{Revision: revision, State: agent.StateApplied}
	s, lines := told(t, report{Report: agent.Report{Result: agent.ResultApplied, Run: 7, Newer: true, Whole: true, Plan: plan(imapOff), Revision: revision, Verdict: &v}})
	want := []string{"applied: a commit is in force: 0 created, 1 updated, 0 deleted", "  warning: bruno@acme.example can no longer sign in by IMAP"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{strings.Repeat("a", 40) + " success: a commit is in force: 0 created, 1 updated, 0 deleted"}, s.statuses); diff != "" {
		t.Errorf("statuses (-want +got)\n%s", diff)
	}
	if len(s.comments) != 1 || !strings.Contains(s.comments[0], "### mailops: Applied\n") || !strings.Contains(s.comments[0], "mailboxActions.imap on → off") {
		t.Errorf("comments %q", s.comments)
	}
	if strings.Contains(s.comments[0], " @") {
		t.Error("the comment calls somebody by name")
	}
}

// TestWrong: a commit that is wrong is told once, with the lines to mend.
func TestWrong(t *testing.T) {
	v := agent.Verdict{Revision: revision, State: agent.StateInvalid, Problems: schema.Problems{{Pos: schema.Pos{File: "users/bruno.yaml", Line: 3, Column: 2}, Rule: "schema", Message: "there is no field \"<img src=x>\" here", Hint: "did you mean imap?"}}}
	s, lines := told(t, report{Report: agent.Report{Result: agent.ResultRefused, Verdict: &v}}, report{Report: agent.Report{Result: agent.ResultRefused}})
	want := []string{"refused: a commit is invalid, with 1 problem; the one before it stays in force", `  users/bruno.yaml:3:2: there is no field "<img src=x>" here (schema) – did you mean imap?`}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	if len(s.statuses) != 1 || !strings.HasPrefix(s.statuses[0], strings.Repeat("a", 40)+" failure: ") {
		t.Errorf("statuses %q", s.statuses)
	}
	if strings.Contains(s.comments[0], "<img") {
		t.Errorf("the comment holds HTML: %s", s.comments[0])
	}
}

// TestRefused: what a guard refuses is told with the whole command that carries it
// out, where there is one, and a rewritten branch with the flag that follows it.
func TestRefused(t *testing.T) {
	deletes := reconcile.Finding{Rule: "deletes", Severity: reconcile.Refuse, Text: "the plan deletes 4 of 9 addresses", Allow: "deletes=4"}
	last := reconcile.Finding{Rule: "admin-lockout", Severity: reconcile.Refuse, Text: "nobody is left"}
	force := agent.Status{InForce: &agent.InForce{Revision: agent.Revision{ID: "git:" + strings.Repeat("b", 40)}}}
	tells := func(v agent.Verdict) report {
		return report{Report: agent.Report{Result: agent.ResultRefused, Verdict: &v}}
	}
	_, lines := told(t,
		tells(agent.Verdict{Revision: revision, State: agent.StateRefused, Findings: []reconcile.Finding{deletes}}),
		tells(agent.Verdict{Revision: agent.Revision{ID: "git:cc"}, State: agent.StateRefused, Findings: []reconcile.Finding{deletes, last}}),
		tells(agent.Verdict{Revision: agent.Revision{ID: "git:dd"}, State: agent.StateRewritten, Text: "it does not come after git:aa"}),
		report{agent.Report{Result: agent.ResultRefused, Findings: []reconcile.Finding{deletes}}, force})
	want := []string{
		"refused: a commit is refused by deletes; the one before it stays in force", "  deletes: the plan deletes 4 of 9 addresses",
		"  if it is meant so, a person applies it: mailops apply --rev " + strings.Repeat("a", 40) + " --allow deletes=4",
		"refused: a commit is refused by deletes, admin-lockout; the one before it stays in force", "  deletes: the plan deletes 4 of 9 addresses",
		"  admin-lockout: nobody is left", "  nothing lifts all of it: mend it and push again",
		"refused: the branch was rewritten and is not followed: it does not come after git:aa", "  it does not come after git:aa",
		"  push a commit that comes after the one in force, or start the agent once with --allow-rewind",
		"refused: a guard refuses to keep the live store as declared", "  deletes: the plan deletes 4 of 9 addresses",
		"  if it is meant so, a person applies it: mailops apply --rev " + strings.Repeat("b", 40) + " --allow deletes=4",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
}

// TestDriftAndTrouble: drift is told when it changes, what was taken back as
// well; trouble once, and its end.
func TestDriftAndTrouble(t *testing.T) {
	byHand := imapOff
	byHand.Drift = true
	drift := agent.Status{Drift: []agent.Drifted{{Held: reconcile.Held{Change: reconcile.Change{Key: bruno, Op: reconcile.OpUpdate, Fields: []reconcile.FieldChange{byHand}}, Why: reconcile.HeldReport}, By: "rui"}}}
	failed := agent.Report{Result: agent.ResultFailed, Err: errors.New("store unreachable: connection refused")}
	_, lines := told(t,
		report{agent.Report{Result: agent.ResultIdle}, drift}, report{agent.Report{Result: agent.ResultIdle}, drift},
		report{Report: agent.Report{Result: agent.ResultApplied, Run: 8, Plan: plan(byHand)}},
		report{Report: failed}, report{Report: failed}, report{Report: agent.Report{Result: agent.ResultIdle}}, report{Report: agent.Report{Result: agent.ResultIdle}})
	want := []string{
		"drift: the live store has what no commit made", "  User/bruno@acme.example: mailboxActions.imap off → on, by rui (report)",
		"drift: changes by others were taken back", "  User/bruno@acme.example: mailboxActions.imap on → off",
		"failed: mailops cannot do its work: store unreachable: connection refused", "  It tries again by itself. What was applied before stays in force.",
		"recovered: mailops works again",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
}

// TestPublication: that no snapshot can be published is told once, with what
// previews have then, beside what looks say; and so is its end.
func TestPublication(t *testing.T) {
	published := func(failed int, at time.Time) report {
		p := &agent.Publication{Where: "branch mailops-snapshot", At: at, Failed: failed}
		if failed > 0 {
			p.Error = "the repository refuses the push: hook declined"
		}
		return report{status: agent.Status{Publication: p}}
	}
	at := time.Date(2026, time.November, 22, 15, 4, 5, 0, time.UTC)
	_, lines := told(t, published(1, time.Time{}), published(0, at), published(0, at), published(1, at), published(2, at),
		report{Report: agent.Report{Result: agent.ResultIdle}}, published(0, at.Add(time.Hour)))
	const failed = "failed: mailops cannot publish a snapshot of the live store: the repository refuses the push: hook declined"
	want := []string{
		failed, "  It tries again by itself. Commits are applied all the same.", "  No snapshot was published since the agent began; previews of pull requests may have none.",
		"recovered: mailops publishes snapshots of the live store again",
		failed, "  It tries again by itself. Commits are applied all the same.", "  Previews of pull requests are against what was live at 2026-11-22 15:04 UTC, until they refuse that as too old.",
		"recovered: mailops publishes snapshots of the live store again",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
}

// TestSecrets: a password that changes is never shown, not even its fingerprint.
func TestSecrets(t *testing.T) {
	v := agent.Verdict{Revision: revision, State: agent.StateApplied}
	s, lines := told(t, report{Report: agent.Report{Result: agent.ResultApplied, Run: 7, Newer: true, Plan: plan(reconcile.FieldChange{Path: "password", Before: `"sha256:aa"`, After: `"sha256:bb"`}), Revision: revision, Verdict: &v}})
	if text := strings.Join(append(lines, s.comments...), "\n"); strings.Contains(text, "sha256") || !strings.Contains(text, "password \\(set\\) → \\(changed\\)") {
		t.Errorf("told\n%s", text)
	}
}

// TestWaiting: what waits for the same is one line, however much it is.
func TestWaiting(t *testing.T) {
	until := time.Date(2026, time.December, 1, 8, 0, 0, 0, time.UTC)
	held := []reconcile.Held{{Change: reconcile.Change{Key: bruno}, Why: reconcile.HeldPaused, Reason: "moves offices", Until: until}}
	for i := range 1077 {
		key := schema.Key{Kind: schema.KindUser, Name: fmt.Sprintf("u%d@acme.example", i)}
		held = append(held, reconcile.Held{Change: reconcile.Change{Key: key}, Why: reconcile.HeldWindow, Until: until})
	}
	held = append(held, reconcile.Held{Change: reconcile.Change{Key: bruno}, Why: reconcile.HeldRefused, Reason: "protected: he is"})
	want := []string{
		"User/bruno@acme.example (paused until 2026-12-01 08:00 WET: moves offices)",
		"User/u0@acme.example, User/u1@acme.example, User/u2@acme.example and 1,074 more (outside the change window until 2026-12-01 08:00 WET)",
		"User/bruno@acme.example (refused: protected: he is)",
	}
	if diff := cmp.Diff(want, Waiting(held, "Europe/Lisbon")); diff != "" {
		t.Errorf("lines (-want +got)\n%s", diff)
	}
	if got := Waiting(held[:3], "Nowhere/At"); len(got) != 2 || !strings.Contains(got[1], "User/u0@acme.example, User/u1@acme.example (outside the change window until 2026-12-01 08:00 UTC)") {
		t.Error(got)
	}
}

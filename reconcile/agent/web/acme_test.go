package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
	"mailops/schema"
	"mailops/schema/window"
)

// acme is an agent of Acme Torradores that answers from what it was given.
type acme struct {
	mu       sync.Mutex
	status   agent.Status
	people   []web.Person
	runs     []reconcile.Run
	broken   error // of the store
	triggers []agent.Cause
	resumed  []string // scope, by
	asked    int      // how often the ledger was
	stuck    bool     // looks never end
}

func (a *acme) set(s agent.Status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = s
}

func (a *acme) Status() agent.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

func (a *acme) Trigger(why agent.Cause) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.triggers = append(a.triggers, why)
}

func (a *acme) Reconcile(ctx context.Context) (agent.Status, error) {
	if a.stuck {
		<-ctx.Done()
		return agent.Status{}, ctx.Err()
	}
	a.Trigger(agent.CauseHand)
	return a.Status(), nil
}

func (a *acme) Find(_ context.Context, text string, most int) ([]schema.Key, error) {
	var out []schema.Key
	text = strings.ToLower(text)
	for _, p := range a.people {
		if len(out) < most && (strings.Contains(p.Key.Name, text) || strings.Contains(strings.ToLower(p.Name), text)) {
			out = append(out, p.Key)
		}
	}
	return out, a.broken
}

func (a *acme) Person(_ context.Context, name string) (web.Person, error) {
	if a.broken != nil {
		return web.Person{}, a.broken
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.people, func(p web.Person) bool { return p.Key.Name == strings.ToLower(name) })
	if i < 0 {
		return web.Person{}, fmt.Errorf("%s: %w", name, web.ErrUnknown)
	}
	p := a.people[i]
	p.Pause = a.status.Pauses.Of(p.Key, now)
	return p, nil
}

func (a *acme) Pause(_ context.Context, p reconcile.Pause) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status.Pauses = append(a.status.Pauses, p)
	return a.broken
}

func (a *acme) Resume(_ context.Context, scope, by string) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resumed = append(a.resumed, scope, by)
	before := len(a.status.Pauses)
	a.status.Pauses = slices.DeleteFunc(slices.Clone(a.status.Pauses), func(p reconcile.Pause) bool { return p.Scope == scope })
	return int64(before - len(a.status.Pauses)), a.broken
}

func (a *acme) Runs(_ context.Context, limit int) ([]reconcile.Run, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return a.runs[:min(limit, len(a.runs))], a.broken
}

func (a *acme) Run(_ context.Context, id int64) (reconcile.Run, error) {
	for _, r := range a.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return reconcile.Run{}, reconcile.ErrNoRun
}

// now is when the stories of this file are told: a Thursday night in Lisbon.
var now = time.Date(2026, time.November, 19, 3, 12, 40, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

const (
	commitA = "git:4be91c07a2d5f3386e0b1d0f6cb7a4f2e8d91c35"
	commitB = "git:9d3f60e1b7c84a52d6f0a3be5571c2e94d08fa16"
)

// quiet is the state of most nights.
func quiet() agent.Status {
	return agent.Status{
		Window: window.State{Open: true, Until: now.Add(39 * time.Hour)},
		Format: agent.StatusFormat, At: now, Version: "1.4.0", Result: agent.ResultIdle, Next: now.Add(52 * time.Second),
		Organization: "Acme Torradores", Timezone: "Europe/Lisbon", Store: "postgres://mail.acme.example/mail", Epoch: 7,
		InForce: &agent.InForce{
			Revision: agent.Revision{ID: commitA, Author: "Inês Carvalho", At: ago(9*time.Hour + 22*time.Minute), Subject: "Emre Yıldız gets a company phone"},
			Since:    ago(9*time.Hour + 21*time.Minute), Run: 214, Whole: true},
		Want: agent.Counted{Users: 55, Aliases: 12, Lists: 9, Domains: 2}, Live: agent.Counted{Users: 55, Aliases: 12, Lists: 9, Domains: 2},
		Plan: &reconcile.Plan{Revision: commitA, Summary: reconcile.Summary{Update: 1}, Effects: []reconcile.Effect{
			{Severity: reconcile.Info, ID: "sign-in-gained", Key: user("emre.yildiz@acme-labs.example"), Text: "emre.yildiz@acme-labs.example (Emre Yıldız) can now sign in by ActiveSync"}}},
		Budget:      reconcile.BudgetLeft{Since: ago(24 * time.Hour), Deletes: reconcile.Spending{Spent: 1, Limit: 3}, Lockouts: reconcile.Spending{Limit: 5}},
		Publication: &agent.Publication{Where: "branch mailops-snapshot", At: ago(12 * time.Minute), Next: now.Add(50 * time.Minute)},
		Coming: []agent.Coming{
			{At: now.Add(15 * time.Hour), User: "rita.furtado@acme.example", Text: "leave begins"},
			{At: now.Add(4*24*time.Hour + 5*time.Hour), User: "rita.furtado@acme.example", Text: "leave ends"},
		},
	}
}

func user(name string) schema.Key { return schema.Key{Kind: schema.KindUser, Name: name} }

// wrong is a morning after somebody pushed late.
func wrong() agent.Status {
	s := quiet()
	s.Result = agent.ResultRefused
	s.Verdict = &agent.Verdict{Revision: agent.Revision{ID: commitB, Author: "Duarte Magalhães", At: ago(2 * time.Hour), Subject: "New contractors for the fair"}, State: agent.StateInvalid, Since: ago(2*time.Hour - time.Minute),
		Problems: schema.Problems{
			{Pos: schema.Pos{File: "users/gil.peixoto.yaml", Line: 4, Column: 8}, Kind: schema.KindUser, Name: "gil.peixoto@acme.example", Path: "quota", Rule: "schema", Message: `"2 GB" is not an amount`, Hint: "write 2GB or 2GiB"},
			{Pos: schema.Pos{File: "users/claudia.tavares.yaml", Line: 5, Column: 19}, Kind: schema.KindUser, Name: "claudia.tavares@acme.example", Path: "forwarding.to", Rule: "reference-known", Message: "marta.figueredo@acme.example is not declared", Hint: "did you mean marta.figueiredo@acme.example?"},
		}}
	s.Drift = []agent.Drifted{drifted()}
	s.Pauses = reconcile.Pauses{{Scope: "acme-labs.example", Until: now.Add(5 * time.Hour), Reason: "the labs move to their new office", By: "Inês Carvalho", At: ago(7 * time.Hour)}}
	return s
}

func drifted() agent.Drifted {
	return agent.Drifted{By: "console (rui.teixeira)", On: ago(43 * time.Minute), Held: reconcile.Held{Why: reconcile.HeldReport, Change: reconcile.Change{Key: user("support@acme.example"), Op: reconcile.OpUpdate,
		Fields: []reconcile.FieldChange{{Path: "mailboxActions.pop", Before: "true", After: "false", Drift: true, Origin: &schema.Origin{Pos: schema.Pos{File: "profiles.yaml", Line: 7}, Via: "profile everyone"}}}}}}
}

func refused() agent.Status {
	s := quiet()
	s.Result = agent.ResultRefused
	s.Verdict = &agent.Verdict{Revision: agent.Revision{ID: commitB, Author: "Duarte Magalhães", At: ago(time.Hour), Subject: "Clean up the contractors"}, State: agent.StateRefused, Since: ago(time.Hour - time.Second),
		Findings: []reconcile.Finding{
			{Rule: "deletes", Severity: reconcile.Refuse, Text: "the plan deletes 7 of 76 addresses, and the guard allows 3", Allow: "deletes=7"},
			{Rule: "protected", Severity: reconcile.Refuse, Text: "ceo@acme.example is protected, and the plan locks it out", Allow: "protected=ceo@acme.example"},
			{Rule: "admin-lockout", Severity: reconcile.Refuse, Text: "the plan leaves no administrator who can sign in"},
		}}
	return s
}

func unreachable() agent.Status {
	s := quiet()
	s.Result, s.Failed = agent.ResultFailed, 6
	s.Error = "fetch: dial tcp 192.0.2.17:443: connect: connection refused"
	s.SourceError = s.Error
	return s
}

// story is a state and what the banner says of it.
type story struct {
	name   string
	status agent.Status
	says   string // of the banner
	ready  string // "" is ready
}

func stories() []story {
	change := func(f func(*agent.Status)) agent.Status {
		s := quiet()
		f(&s)
		return s
	}
	waiting := reconcile.Held{Why: reconcile.HeldWindow, Reason: "the shop is open", Until: now.Add(3 * time.Hour),
		Change: reconcile.Change{Key: user("hugo.sampaio@acme.example"), Op: reconcile.OpUpdate, Fields: []reconcile.FieldChange{{Path: "quota", Before: `"30GiB"`, After: `"40GiB"`}}}}
	return []story{
		{"in sync", quiet(), "In sync", ""},
		{"begun", agent.Status{}, "has not looked yet", "it has not looked yet"},
		{"standby", change(func(s *agent.Status) {
			s.Result, s.Error, s.Epoch = agent.ResultStandby, "the store is led by mail2", 0
		}), "stands by", "it stands by"},
		{"no repository", unreachable(), "cannot read the repository", "the agent cannot read the repository"},
		{"no store", change(func(s *agent.Status) {
			s.Result, s.StoreError, s.Error = agent.ResultFailed, "store unreachable: connection refused", "store unreachable: connection refused"
		}), "cannot use the live store", "the agent cannot use the live store"},
		{"neither", change(func(s *agent.Status) {
			s.Result, s.SourceError, s.StoreError, s.Error = agent.ResultFailed, "fetch: no route to host", "store unreachable: connection refused", "fetch: no route to host\nstore unreachable: connection refused"
		}), "nor use the live store", "the agent cannot read the repository, nor use the live store"},
		{"wrong", wrong(), "is wrong and is not applied: 2 problems", ""},
		{"refused", refused(), "refuses the newest commit", ""},
		{"rewritten", change(func(s *agent.Status) {
			s.Verdict = &agent.Verdict{Revision: agent.Revision{ID: commitB}, State: agent.StateRewritten, Text: "4be91c07 is no ancestor of 9d3f60e1", Since: now}
		}), "was rewritten", ""},
		{"shrunk", change(func(s *agent.Status) {
			s.Findings = []reconcile.Finding{{Rule: "live-shrunk", Severity: reconcile.Refuse, Text: "the live store has 30 of 55 users", Allow: "live-shrunk=25"}}
		}), "refuses to keep", ""},
		{"schedule", change(func(s *agent.Status) { s.Problems = wrong().Verdict.Problems[:1] }), "A schedule leads to what the rules refuse: 1 problem", ""},
		{"nothing", agent.Status{At: now, Result: agent.ResultIdle}, "Nothing is in force yet", "nothing is in force yet"},
		{"paused", change(func(s *agent.Status) {
			s.Pauses = reconcile.Pauses{{Scope: reconcile.PauseAll, Until: now.Add(time.Hour), Reason: "the disks are changed", By: "Rui", At: now}}
		}), "Everything is paused until Thu 19 Nov 2026, 04:12 WET", ""},
		{"window", change(func(s *agent.Status) {
			s.Waiting, s.Window = []reconcile.Held{waiting}, window.State{Until: now.Add(3 * time.Hour), Reason: "the shop is open"}
		}), "1 change waits for the change window, until Thu 19 Nov 2026, 06:12 WET", ""},
		{"waiting", change(func(s *agent.Status) {
			s.Waiting = []reconcile.Held{waiting, waiting}
		}), "2 changes wait", ""},
		{"no snapshot", change(func(s *agent.Status) {
			s.Publication = &agent.Publication{Where: "branch mailops-snapshot", Failed: 3, Error: "the repository refuses the push: hook declined", Next: now.Add(time.Minute)}
		}), "The snapshot for previews could not be published.", ""},
		{"old snapshot", change(func(s *agent.Status) {
			s.Publication = &agent.Publication{Where: "branch mailops-snapshot", At: ago(3 * time.Hour), Failed: 3, Error: "the repository refuses the push: hook declined"}
		}), "Previews of pull requests are against what was live on Thu 19 Nov 2026, 00:12 WET.", ""},
		{"drift", change(func(s *agent.Status) { s.Drift = []agent.Drifted{drifted()} }), "1 resource in the live store differs", ""},
	}
}

// newAcme is an agent with people and a past.
func newAcme() *acme {
	emre := user("emre.yildiz@acme-labs.example")
	runs := []reconcile.Run{
		{ID: 214, At: ago(9*time.Hour + 21*time.Minute), Actor: "mailops agent", Revision: commitA, Summary: reconcile.Summary{Update: 1}, Whole: true, Changes: []reconcile.Change{
			{Key: emre, Op: reconcile.OpUpdate, Fields: []reconcile.FieldChange{{Path: "mailboxActions.activeSync", Before: "false", After: "true", Origin: &schema.Origin{Pos: schema.Pos{File: "profiles.yaml", Line: 138}, Via: "profile mobile"}}, {Path: "password", Before: `"sha256:aa"`, After: `"sha256:bb"`}}}}},
		{ID: 213, At: ago(31 * time.Hour), Actor: "mailops agent", Revision: "git:77ab30c9d1e2", Summary: reconcile.Summary{Update: 1}, Whole: true, Changes: []reconcile.Change{
			{Key: emre, Op: reconcile.OpUpdate, Fields: []reconcile.FieldChange{{Path: "quota", Before: `"50GiB"`, After: `"40GiB"`, Drift: true}}}}},
		{ID: 212, At: ago(55 * time.Hour), Actor: "ines.carvalho@acme.example", Revision: "git:77ab30c9d1e2", Summary: reconcile.Summary{Create: 2, Update: 11, Delete: 1}, Whole: true},
	}
	at := func(file string, line int, via, value string) web.Layer {
		return web.Layer{File: file, Line: line, Via: via, Value: value}
	}
	fields := []web.PersonField{
		{Path: "name", Want: `"Emre Yıldız"`, Live: `"Emre Yıldız"`, Chain: []web.Layer{at("users/emre.yildiz.yaml", 3, "", "Emre Yıldız")}},
		{Path: "accountType", Want: `"enhanced"`, Live: `"enhanced"`, Chain: []web.Layer{at("profiles.yaml", 5, "profile everyone", "basic"), at("profiles.yaml", 137, "profile mobile", "enhanced")}},
		{Path: "status", Want: `"active"`, Live: `"active"`, Chain: []web.Layer{at("user.cue", 1, "default", "active")}},
		{Path: "quota", Want: `"40GiB"`, Live: `"50GiB"`, Chain: []web.Layer{at("profiles.yaml", 6, "profile everyone", "5GiB"), at("profiles.yaml", 15, "profile office", "20GiB"), at("profiles.yaml", 76, "profile labs", "40GiB")}},
		{Path: "mailboxActions.activeSync", Want: "true", Live: "true", Chain: []web.Layer{at("profiles.yaml", 8, "profile everyone", "false"), at("profiles.yaml", 138, "profile mobile", "true")}},
		{Path: "permissions.accessHours"},
		{Path: "password", Want: `"sha256:bb"`, Live: `"sha256:bb"`, Chain: []web.Layer{at("users/emre.yildiz.yaml", 7, "", "(a hash)")}},
	}
	return &acme{status: quiet(), runs: runs, people: []web.Person{
		{Key: emre, Name: "Emre Yıldız", Fields: fields, History: runs[:2], Observed: schema.Observed{AddOnProtocol: "imap", AddOnSaved: true, StorageUsed: 12 << 30, LastSignInUnix: ago(10 * time.Hour).Unix()}},
		{Key: user("emilia.prates@acme.example"), Name: "Emília Prates"},
		{Key: schema.Key{Kind: schema.KindDomain, Name: "acme.example"}},
		{Key: schema.Key{Kind: schema.KindDomain, Name: "acme-labs.example"}},
	}}
}

// The tokens of these tests.
const (
	readToken  web.Token = "coffee-reader-0123456789"
	pauseToken web.Token = "coffee-operator-98765432"
)

// local is how the page is asked for on its own machine.
func local(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host, r.RemoteAddr = "localhost:8025", "127.0.0.1:50000"
	r.Header.Set("Accept", "text/html")
	return r
}

func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// open is a page that who is on its machine may read, and nobody else.
func open(a web.Agent) http.Handler {
	return web.Handler(web.Options{Agent: a, Auth: web.Auth{Loopback: true}})
}

// held is a page that asks for tokens.
func held(a web.Agent) http.Handler {
	return web.Handler(web.Options{Agent: a, Auth: web.Auth{Loopback: true, Token: readToken, Operator: pauseToken}})
}

func has(t *testing.T, page string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(page, w) {
			t.Errorf("no %q in:\n%s", w, page)
		}
	}
}

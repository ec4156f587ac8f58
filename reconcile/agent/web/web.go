// Package web shows an agent to people and to machines: a page that says how
// things stand, the same as JSON, metrics for Prometheus, and whether the agent
// lives and is ready. Nothing here changes the live store; what can be done is
// to pause the agent, to resume it, and to ask it to look.
//
// Imports: schema, reconcile, reconcile/agent and Prometheus' client.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// An Agent is what the page is about. Its methods are called by many at once.
type Agent interface {
	Status() agent.Status
	Trigger(agent.Cause)

	// Reconcile asks for a look, and waits for it.
	Reconcile(ctx context.Context) (agent.Status, error)

	// Find lists users, aliases, lists and domains whose address or name holds
	// text, most of them at most.
	Find(ctx context.Context, text string, most int) ([]schema.Key, error)

	// Person tells all of one name, which may be that of an alias, a list or a
	// domain as well. The error wraps ErrUnknown when there is none.
	Person(ctx context.Context, name string) (Person, error)

	Pause(ctx context.Context, p reconcile.Pause) error

	// Resume ends the pauses of a scope, and returns how many there were.
	Resume(ctx context.Context, scope, by string) (int64, error)

	// Runs lists what the ledger has, newest first; Run is one with its changes,
	// or an error that wraps reconcile.ErrNoRun.
	Runs(ctx context.Context, limit int) ([]reconcile.Run, error)
	Run(ctx context.Context, id int64) (reconcile.Run, error)
}

// ErrUnknown: nothing of that name is declared or live.
var ErrUnknown = errors.New("nothing of that name")

// A Person is all that is known of one name.
type Person struct {
	schema.Key
	Name     string           `json:"called,omitempty"` // of a person; Key.Name is the address, or the domain
	Fields   []PersonField    `json:"fields"`
	Observed schema.Observed  `json:"observed,omitzero"`
	History  []reconcile.Run  `json:"history,omitempty"` // newest first, each with the changes of this name alone
	Pause    *reconcile.Pause `json:"pause,omitempty"`
	Held     []reconcile.Held `json:"held,omitempty"`
	Coming   []agent.Coming   `json:"coming,omitempty"`
}

// A PersonField is one field: what is wanted, what is live, and why.
type PersonField struct {
	Path  string       `json:"path"`
	Want  schema.Value `json:"want"`
	Live  schema.Value `json:"live"`
	Chain []Layer      `json:"chain,omitempty"` // from the weakest to the one that counts
}

// A Layer is one declaration's word on a field.
type Layer struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Via   string `json:"via,omitempty"` // as in schema.Origin
	Value string `json:"value"`         // as written, without secrets
}

// Options says what is served, and to whom. Agent is needed.
type Options struct {
	Agent   Agent
	Auth    Auth
	Hooks   http.Handler // of /hooks/; it finds out by itself who may use it; nil: there are none
	Metrics *Metrics     // nil: there are none
	Log     *slog.Logger // hears who signed in, paused and resumed; nil is silent
}

// The limits that nobody chooses.
const (
	askTime  = 5 * time.Second  // for what the agent asks its store
	lookTime = 30 * time.Second // for a look that somebody waits for
	formSize = 64 << 10
)

type site struct {
	Options
	keys    keys
	pace    pace
	pages   pages
	runs    recent
	origins *http.CrossOriginProtection
}

// Handler serves the page and all that belongs to it. When Auth.Check finds
// something wrong with Auth, it lets fewer people in and not more.
//
// The server around it should have a ReadHeaderTimeout of 5 s, a ReadTimeout of
// 15 s, a WriteTimeout of 60 s (a look that somebody waits for takes up to 30),
// an IdleTimeout of 2 min and 16 KiB of MaxHeaderBytes.
func Handler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &site{Options: o, keys: newKeys(o.Auth), pages: newPages(), origins: http.NewCrossOriginProtection()}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, s.guarded(r))
	}
	mux.HandleFunc("GET /healthz", health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /assets/{file}", s.asset)
	if o.Hooks != nil {
		mux.Handle("/hooks/", o.Hooks)
	}
	return withHeaders(mux, o.Auth.Secure)
}

// A route is something to ask for, and what it takes to get it.
type route struct {
	pattern string
	serve   func(*site, http.ResponseWriter, *http.Request, caller) error
	needs   need
}

// A need is what a caller has to be.
type need int

// The needs. A form that needs an operator needs a token of the page that it
// was on as well.
const (
	anybody need = iota // who comes to the right host
	reader
	operator
)

func (s *site) routes() []route {
	out := []route{
		{"GET /{$}", (*site).home, reader},
		{"GET /part/status", (*site).part, reader},
		{"GET /search", (*site).search, reader},
		{"GET /person/{name}", (*site).person, reader},
		{"GET /run/{id}", (*site).run, reader},
		{"GET /api/status", (*site).apiStatus, reader},
		{"GET /api/person/{name}", (*site).apiPerson, reader},
		{"POST /api/reconcile", (*site).apiReconcile, reader},
		{"POST /look", (*site).look, reader},
		{"POST /pause", (*site).pause, operator},
		{"POST /resume", (*site).resume, operator},
		{"GET /sign-in", (*site).signInPage, anybody},
		{"POST /sign-in", (*site).signIn, anybody},
		{"POST /sign-out", (*site).signOut, anybody},
		{"/", (*site).nothing, reader},
	}
	if s.Metrics != nil {
		out = append(out, route{"GET /metrics", (*site).metrics, reader})
	}
	return out
}

func (s *site) metrics(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.Metrics.handler.ServeHTTP(w, r)
	return nil
}

func (s *site) nothing(http.ResponseWriter, *http.Request, caller) error {
	return problem{http.StatusNotFound, "There is nothing at this address.", nil}
}

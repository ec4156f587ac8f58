// Package simhttp is what simulators of hosted services share: faults that are
// switched on one by one, a limit of requests with a lock-out, a log of every
// request and of what it changed, and reading a record as it was some time ago.
// It knows HTTP and no service. Imports: the standard library, so that a store
// cannot lean on a mistake that it shares with its simulator.
package simhttp

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Kind says what a request is for.
type Kind string

// The kinds. A request for a token is counted against no limit of requests.
const (
	Read  Kind = "read"
	Write Kind = "write"
	Token Kind = "token"
)

// A Request is a call, as a service sees it.
type Request struct {
	Host   string // which of the service's hosts it came to; "" where there is one
	Origin string // where the client thinks the service is
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte

	// What the service's Describe says of it.
	Action    string   // a mode, an action; "" where the method and the path say it all
	Kind      Kind     // what it is for
	Fields    []string // what the body says, as NAME=VALUE, without secrets
	Refusable bool     // the service can refuse it within a reply that says 200

	// What faults want of the service.
	Refused bool // refuse it within a reply that says 200
	Expired bool // its token has expired
}

// An Answer is what a service says.
type Answer struct {
	Status  int
	Header  map[string]string
	Body    []byte
	Changes []string // what the call changed, one line each
}

// A Service carries out calls.
type Service interface {
	// Describe fills in what a call is. It changes nothing.
	Describe(*Request)
	// Serve carries out a call.
	Serve(r *Request, now time.Time) Answer
	// Error is how the service says that it will not, or cannot.
	Error(status int, text string) Answer
}

// An Entry is a request in the log.
type Entry struct {
	At      time.Time `json:"at"`
	Host    string    `json:"host,omitempty"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Query   string    `json:"query,omitempty"` // without secrets
	Action  string    `json:"action,omitempty"`
	Kind    Kind      `json:"kind"`
	Fields  []string  `json:"fields,omitempty"` // of the body, sorted, without secrets
	Status  int       `json:"status"`           // 0: the connection was cut
	Fault   string    `json:"fault,omitempty"`  // the fault that hit it, or "locked out"
	Changes []string  `json:"changes,omitempty"`
}

// String is the entry in one line.
func (e Entry) String() string {
	parts := []string{e.At.UTC().Format("15:04:05"), e.Host, e.Method, e.Path, e.Query, e.Action}
	parts = append(parts, e.Fields...)
	parts = append(parts, fmt.Sprintf("-> %d", e.Status), e.Fault)
	for _, c := range e.Changes {
		parts = append(parts, "("+c+")")
	}
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, " ")
}

// A Front stands before a service: it lets requests in, hits them with faults,
// and writes down what happened.
type Front struct {
	Service Service
	Admin   Admin            // nil: there is no /_sim/
	Now     func() time.Time // the service's clock
	Out     io.Writer        // where each request is written, a line each; nil is nowhere

	mu       sync.Mutex
	throttle Throttle
	faults   []armed
	limiter  limiter
	log      []Entry
}

// A turn is what was decided about a request when it arrived.
type turn struct {
	at     time.Time
	entry  int
	fault  Fault
	locked time.Duration
}

// maxBody is how much of a request is read. No documented call needs more.
const maxBody = 1 << 20

// Serve answers a request that came to one of the service's hosts.
func (f *Front) Serve(host string, w http.ResponseWriter, r *http.Request) {
	if f.Admin != nil && strings.HasPrefix(r.URL.Path, AdminPath) {
		f.admin(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		deliver(w, r, f.Service.Error(http.StatusBadRequest, "simulator: the body cannot be read"), Fault{})
		return
	}
	req := &Request{
		Host: host, Origin: "http://" + r.Host, Method: r.Method, Path: r.URL.Path,
		Query: r.URL.Query(), Header: r.Header, Body: body,
	}
	f.Service.Describe(req)
	t := f.begin(req)
	answer := f.answer(req, t)
	f.end(t, answer)
	deliver(w, r, answer, t.fault)
}

// begin writes a request down and decides what becomes of it.
func (f *Front) begin(r *Request) turn {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := turn{at: f.Now(), entry: len(f.log), fault: f.hit(r)}
	if r.Kind != Token && !t.fault.before(Cut) {
		t.locked = f.limiter.admit(t.at, f.throttle)
	}
	word := t.fault.String()
	if t.locked > 0 {
		t.fault, word = Fault{}, "locked out"
	}
	f.log = append(f.log, Entry{
		At: t.at, Host: r.Host, Method: r.Method, Path: r.Path, Query: Query(r.Query),
		Action: r.Action, Kind: r.Kind, Fields: r.Fields, Fault: word,
	})
	return t
}

// answer lets the service answer, unless the fault or the limit does.
func (f *Front) answer(r *Request, t turn) Answer {
	switch {
	case t.locked > 0:
		return f.refuse(t.locked)
	case t.fault.before(Cut):
		return Answer{}
	case t.fault.before(Fail):
		return f.Service.Error(t.fault.Status, "simulator: told to fail")
	case t.fault.before(HTML):
		return page(nil)
	}
	r.Refused, r.Expired = t.fault.Kind == Refuse, t.fault.Kind == Expire
	a := f.Service.Serve(r, t.at)
	switch t.fault.Kind {
	case Cut:
		return Answer{Changes: a.Changes}
	case Fail:
		failed := f.Service.Error(t.fault.Status, "simulator: told to fail")
		failed.Changes = a.Changes
		return failed
	case HTML:
		return page(a.Changes)
	case Empty:
		a.Body = nil
	}
	return a
}

// end completes what was written down.
func (f *Front) end(t turn, a Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := &f.log[t.entry]
	e.Status, e.Changes = a.Status, a.Changes
	if f.Out != nil {
		fmt.Fprintln(f.Out, *e)
	}
}

// Log is every request until now, in the order in which they came.
func (f *Front) Log() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Entry(nil), f.log...)
}

// Lockouts is how often too many requests led to a lock-out.
func (f *Front) Lockouts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.limiter.lockouts
}

// Arm replaces the faults and the limit. Counting matching requests begins anew.
func (f *Front) Arm(q Quirks) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.throttle, f.faults = q.Throttle, nil
	for _, fault := range q.Faults {
		f.faults = append(f.faults, armed{Fault: fault.filled()})
	}
}

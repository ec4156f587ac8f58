package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/simhttp"
	"mailops/schema"
)

// A simulator is what both services' simulators can do.
type simulator interface {
	Log() []simhttp.Entry
	Lockouts() int
	RemoveUser(address string) error

	quirk(words ...string) error
	changes(r *http.Request) bool // it is a request that changes something
	add(address string) error     // a user, by somebody else
	holds() any                   // without what differs by the order in which things were done
}

// A world is a simulated service and a site of it.
type world struct {
	simulator
	site
	gate *gate
	kept *piecemeal.Store
}

// kinds are the services.
var kinds = []string{"zoho", "emailarray"}

// begin starts a service with what the story begins with, with quirks once a while
// has passed.
func begin(t *testing.T, kind string, quirks ...string) *world {
	t.Helper()
	w := &world{site: site{Kind: kind, Dir: t.TempDir(), Clock: filepath.Join(t.TempDir(), "clock"), Timeout: 5 * time.Second}}
	w.gate = &gate{secrets: make(map[string]bool)}
	w.set(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	if kind == "zoho" {
		w.zoho(t)
	} else {
		w.array(t)
	}
	w.move(time.Hour)
	w.quirks(t, quirks...)
	return w
}

func (w *world) quirks(t *testing.T, words ...string) {
	t.Helper()
	if err := w.quirk(words...); err != nil {
		t.Fatal(err)
	}
}

// store is a client and a store of this process, as of a new one.
func (w *world) store(t *testing.T) *piecemeal.Store {
	t.Helper()
	service, err := w.service()
	if err != nil {
		t.Fatal(err)
	}
	store, err := w.open(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// here is the store of this process, which stays: to open one takes long.
func (w *world) here(t *testing.T) *piecemeal.Store {
	t.Helper()
	if w.kept == nil {
		w.kept = w.store(t)
	}
	return w.kept
}

// serve serves a host of the service through the gate.
func (w *world) serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.gate.pass(rw, r, h, w.move) }))
	t.Cleanup(server.Close)
	return server.URL
}

// A gate is what requests go through. It counts them, and a test does something at
// one of them.
type gate struct {
	mu      sync.Mutex
	n       int
	at      func(n int, r *http.Request) (cut bool) // before it is passed on; cut: it never is, nor is it answered
	after   func(n int, r *http.Request) (cut bool) // when it was carried out; cut: it is not answered
	secrets map[string]bool                         // that passed
}

// each is how long a request takes.
const each = 200 * time.Millisecond

func (g *gate) pass(w http.ResponseWriter, r *http.Request, h http.Handler, move func(time.Duration)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	g.n++
	n, at, after := g.n, g.at, g.after
	g.learn(r, body)
	g.mu.Unlock()
	move(each)
	if at != nil && at(n, r) {
		panic(http.ErrAbortHandler)
	}
	if after == nil {
		h.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if after(n, r) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// learn notes the secrets of a request. What a process keeps of them, it keeps in
// files for that alone.
func (g *gate) learn(r *http.Request, body []byte) {
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		g.secrets[token] = true
	}
	var said map[string]any
	_ = json.Unmarshal(body, &said) // or it is a form
	form, _ := url.ParseQuery(string(body))
	for _, name := range []string{"password", "token", "client_secret", "refresh_token"} {
		for _, secret := range form[name] {
			g.secrets[secret] = true
		}
		if secret, ok := said[name].(string); ok {
			g.secrets[secret] = true
		}
	}
}

// watch counts from here on, and does something at requests.
func (g *gate) watch(at, after func(n int, r *http.Request) (cut bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n, g.at, g.after = 0, at, after
}

// count is how many requests passed since.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// tight checks that no secret is in the ledger, the mirror and the journal, nor in
// what was told. It is asked when the store is closed or idle.
func (w *world) tight(t *testing.T, told ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".token" {
			continue // which is to keep it
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, string(data))
	}
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if len(w.gate.secrets) == 0 {
		t.Error("no secrets passed")
	}
	for secret := range w.gate.secrets {
		for _, text := range told {
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
				t.Errorf("the secret %s is told", secret)
			}
		}
	}
}

// numbers are ids, which differ by the order in which things are made.
var numbers = regexp.MustCompile(`z[ug]id \d+`)

// along is what one service does by itself when its user goes first.
const along = "cyd@acme.example: alias c@acme.example deleted"

// did is what the service carried out since a length of the log, sorted.
func (w *world) did(since int) (out []string) {
	for _, e := range w.Log()[since:] {
		if e.Kind == simhttp.Token {
			continue
		}
		for _, c := range e.Changes {
			if c == along {
				continue
			}
			out = append(out, numbers.ReplaceAllString(c, "id"))
		}
	}
	slices.Sort(out)
	return out
}

// held is what the service holds, to compare.
func (w *world) held(t *testing.T) string {
	t.Helper()
	out, err := json.MarshalIndent(w.holds(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// live reads live state.
func live(t *testing.T, s reconcile.Store) schema.State {
	t.Helper()
	l, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return l.State
}

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/git"
	"mailops/reconcile/mem"
	"mailops/schema"
	"mailops/schema/policy"
)

// TestMain lets the test binary be the child that judges policies, and the one
// that fetches.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == policy.ChildArg:
		os.Exit(policy.Child(os.Stdin, os.Stdout))
	case len(os.Args) == 2 && os.Args[1] == git.ChildArg:
		os.Exit(git.FetchChild(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// A repo is a source in memory.
type repo struct {
	mu        sync.Mutex
	revisions []revision
	broken    error
	rewritten string
	proposals []agent.Proposal
	moved     chan struct{}
}

type revision struct {
	agent.Revision
	files fstest.MapFS
}

func (r *repo) Fetch(context.Context) error { return r.err() }

func (r *repo) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// all are the revisions up to now.
func (r *repo) all() []revision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.revisions)
}

func (r *repo) Head(context.Context) (agent.Revision, error) {
	if err := r.err(); err != nil {
		return agent.Revision{}, err
	}
	all := r.all()
	return all[len(all)-1].Revision, nil
}

func (r *repo) Find(_ context.Context, id string) (agent.Revision, error) {
	for _, rev := range r.all() {
		if rev.ID == id {
			return rev.Revision, nil
		}
	}
	return agent.Revision{}, errors.New("no such revision")
}

func (r *repo) FS(_ context.Context, rev agent.Revision) (fs.FS, error) {
	return r.files(rev.ID), nil
}

func (r *repo) files(id string) fstest.MapFS {
	all := r.all()
	return all[slices.IndexFunc(all, func(v revision) bool { return v.ID == id })].files
}

func (r *repo) Changed(_ context.Context, from, to agent.Revision) ([]string, error) {
	a, b := r.files(from.ID), r.files(to.ID)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if a[name] == nil || string(a[name].Data) != string(b[name].Data) {
			out = append(out, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if b[name] == nil {
			out = append(out, name)
		}
	}
	return out, nil
}

func (r *repo) Rewritten(context.Context, agent.Revision, agent.Revision) (string, error) {
	return r.rewritten, nil
}

func (r *repo) Propose(_ context.Context, p agent.Proposal) (string, error) {
	r.proposals = append(r.proposals, p)
	return "branch " + p.Branch, nil
}

func (r *repo) Watch(context.Context) (<-chan struct{}, error) { return r.moved, nil }

// base is an organization that is right; each file of a commit replaces one of
// it, and an empty one removes it.
var base = map[string]string{
	"mailops.yaml": `apiVersion: mailops/v1
kind: Organization
name: Acme
timezone: Europe/Lisbon
protected: [ana@acme.example]
---
kind: Domain
name: acme.example
`,
	"ana.yaml":   "kind: User\naddress: ana@acme.example\nrole: admin\n",
	"bruno.yaml": "kind: User\naddress: bruno@acme.example\n",
	"carla.yaml": "kind: User\naddress: carla@acme.example\n",
}

// commit adds a revision in which these files are as given, one path and one text
// after the other, and the others as they were.
func (r *repo) commit(files ...string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := make(fstest.MapFS)
	if n := len(r.revisions); n > 0 {
		maps.Copy(now, r.revisions[n-1].files)
	} else {
		for name, text := range base {
			now[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	for i := 0; i < len(files); i += 2 {
		now[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		if files[i+1] == "" {
			delete(now, files[i])
		}
	}
	id := fmt.Sprintf("git:%040d", len(r.revisions)+1)
	r.revisions = append(r.revisions, revision{agent.Revision{ID: id, Author: "Ana Silva", At: time.Now(), Subject: "change"}, now})
	select {
	case r.moved <- struct{}{}:
	default:
	}
	return id
}

// organization is mailops.yaml with more lines for the Organization.
func organization(lines string) string {
	return strings.Replace(base["mailops.yaml"], "timezone: Europe/Lisbon\n", "timezone: Europe/Lisbon\n"+lines, 1)
}

// A world is an agent with its repository and store, in a bubble of time.
type world struct {
	*testing.T
	repo         *repo
	store        *mem.Store
	agent        *agent.Agent
	reports      []agent.Report
	publications []agent.Publication
	mu           sync.Mutex
	stop         func()
	wrap         func(agent.Store) agent.Store // what the agent sees of the store
}

// Ran implements agent.Observer.
func (w *world) Ran(r agent.Report, _ *agent.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
}

// Published implements agent.Observer.
func (w *world) Published(s *agent.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.publications = append(w.publications, *s.Publication)
}

// told are the reports up to now.
func (w *world) told() []agent.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.reports)
}

// inWorld runs a story in a bubble, whose clock begins on 2000-01-01T00:00Z, a
// Saturday.
func inWorld(t *testing.T, story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, repo: &repo{moved: make(chan struct{}, 1)}, store: mem.New(), wrap: func(s agent.Store) agent.Store { return s }}
		story(w)
		if w.stop != nil {
			w.stop()
		}
	})
}

// kept is a store that outlives the agents of a story.
type kept struct{ *mem.Store }

func (kept) Close() error { return nil }

// start starts an agent, and waits until it has done its first look.
func (w *world) start(options ...func(*agent.Options)) {
	w.Helper()
	o := agent.Options{Source: w.repo, Name: "mem:", Holder: "one", Observe: w,
		Open: func(context.Context) (agent.Store, error) { return w.wrap(kept{w.store}), nil }}
	for _, set := range options {
		set(&o)
	}
	w.agent = agent.New(o)
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.agent.Run(ctx) }()
	w.stop = func() {
		w.Helper()
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("the agent ended with %v", err)
		}
		w.stop = nil
	}
	synctest.Wait()
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func user(name string) schema.Key {
	return schema.Key{Kind: schema.KindUser, Name: name + "@acme.example"}
}

// live reads a user's field; "" when there is no such user.
func (w *world) live(name, path string) string {
	w.Helper()
	live, err := reconcile.ReadLive(w.Context(), w.store)
	if err != nil {
		w.Fatal(err)
	}
	r := live.State.Find(user(name))
	if r == nil {
		return ""
	}
	f, ok := schema.FieldAt(schema.KindUser, path)
	if !ok {
		w.Fatalf("no field %s", path)
	}
	return f.Get(r).Text()
}

// is demands a live value.
func (w *world) is(name, path, want string) {
	w.Helper()
	if got := w.live(name, path); got != want {
		w.Errorf("%s of %s is %q, want %q", path, name, got, want)
	}
}

// by sets a field of a live user by hand.
func (w *world) by(name, path string, value schema.Value) {
	w.Helper()
	live, err := reconcile.ReadLive(w.Context(), w.store)
	if err != nil {
		w.Fatal(err)
	}
	w.store.Put(changed(live.State.Find(user(name)), path, value))
	synctest.Wait()
}

// changed is a user with one field as given.
func changed(r schema.Resource, path string, value schema.Value) schema.Resource {
	out := schema.Clone(r)
	f, _ := schema.FieldAt(schema.KindUser, path)
	if err := f.Set(out, value); err != nil {
		panic(err) // a story that cannot be told
	}
	return out
}

// inForce demands which commit is in force, and what is said of the newest.
func (w *world) inForce(id string, state agent.State) {
	w.Helper()
	s := w.agent.Status()
	got, verdict := "", agent.State("")
	if s.InForce != nil {
		got = s.InForce.ID
	}
	if s.Verdict != nil {
		verdict = s.Verdict.State
	}
	if got != id || verdict != state {
		w.Errorf("in force is %s and the newest %q, want %s and %q (%s)", got, verdict, id, state, s.Error)
	}
}

// runs is how many runs the ledger has.
func (w *world) runs() int {
	w.Helper()
	runs, err := w.store.Runs(w.Context(), 0)
	if err != nil {
		w.Fatal(err)
	}
	return len(runs)
}

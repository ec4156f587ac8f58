package zohomail

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

// direct sends requests to a handler, without a connection.
type direct struct{ http.Handler }

// RoundTrip sends the request.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody // as a server has it
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// near is an empty organization that is asked without a connection.
func near(t *testing.T, o Options, words ...string) *scene {
	t.Helper()
	s := stageWith(t, zohosim.Options{Everywhere: true}, o, words...)
	s.o.Transport = direct{s}
	s.Client = s.client(t)
	return s
}

// FuzzShown: whatever is wanted, as far as it can be, what is read once it was asked
// for is what Shown says; Shown of that is the same; and then there is nothing left
// to ask for.
func FuzzShown(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		near(t, Options{PerMinute: 10_000, Settings: Settings{PageSize: 5}}).wander(t, seed)
	})
}

// TestShownQuirks: so it is whatever the quirks.
func TestShownQuirks(t *testing.T) {
	for _, c := range []struct {
		quirks string
		s      Settings
	}{
		{"disabled-as=nothing", Settings{Disabled: ShownNowhere}},
		{"no-forward null-strings groups-stop=2", Settings{GroupsEnd: 2}},
		{"repeat-row first-row=1 max-limit=3 one-as-object ids=quoted disabled-as=mailboxStatus already=underscores", Settings{}},
		{"late=10s throttle=30 throttled-as=400 errors-in=empty already=spaces", Settings{}},
	} {
		t.Run(c.quirks, func(t *testing.T) {
			for seed := range uint64(3) {
				near(t, Options{Settings: c.s}, strings.Fields(c.quirks)...).wander(t, seed)
			}
		})
	}
}

// wander makes the organization be as a few states, one after the other.
func (s *scene) wander(t *testing.T, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	want, _ := storetest.Random(rng, 1+int(seed%12))
	for range 3 {
		s.reach(t, want)
		want, _ = storetest.Mutate(rng, want)
	}
}

func (s *scene) reading(t *testing.T, keys []schema.Key) piecemeal.Reading {
	t.Helper()
	r, err := Service{s.Client}.Read(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reach makes the organization be as is wanted, as far as it can be.
func (s *scene) reach(t *testing.T, want schema.State) {
	t.Helper()
	service := Service{s.Client}
	before := s.reading(t, nil)
	want, _ = reconcile.Attainable(want, before.State, nil, service.Lacks())
	want = owned(want)
	changes := reconcile.Diff(before.State, want)
	slices.SortStableFunc(changes, func(a, b reconcile.Change) int { return turn(&a) - turn(&b) })
	for i := range changes {
		key := changes[i].Key
		s.apply(t, before.Handles, before.State.Find(key), want.Find(key))
	}
	_ = s.clock.sleep(t.Context(), time.Minute) // which is more than reads are late by
	s.rejoin(t, want)
	after := s.reading(t, nil)
	var shown, is schema.State
	for _, r := range want {
		once := service.Shown(r)
		if diff := cmp.Diff(once, service.Shown(once)); diff != "" {
			t.Errorf("shown twice: %s", diff)
		}
		if got := after.State.Find(r.Key()); got != nil && s.hides(after, got.Key()) == nil {
			shown, is = append(shown, service.likely(once, before.State, got)), append(is, got)
		} else if got == nil && !slices.Contains(after.Cut, r.Key().Kind) && r.Key().Kind != schema.KindDomain {
			t.Errorf("%s is not there", r.Key())
		}
		if left, err := service.Operations(after.State.Find(r.Key()), r, after.Handles); after.State.Find(r.Key()) != nil && s.hides(after, r.Key()) == nil && (err != nil || len(left) > 0) {
			t.Errorf("%s: there is something left to ask for: %v, %v", r.Key(), left, err)
		}
	}
	if diff := cmp.Diff(shown, is); diff != "" {
		t.Fatalf("(-shown +read)\n%s", diff)
	}
	for _, r := range after.State {
		if want.Find(r.Key()) == nil && r.Key().Kind != schema.KindDomain {
			t.Errorf("%s is still there", r.Key())
		}
	}
}

// owned leaves out the aliases that go with their users: those that stay as they are,
// since what they are to be cannot be.
func owned(want schema.State) schema.State {
	return slices.DeleteFunc(slices.Clone(want), func(r schema.Resource) bool {
		a, ok := r.(*schema.Alias)
		return ok && want.Find(keyOf(schema.KindUser, string(a.To[0]))) == nil
	})
}

// rejoin adds to lists again whom the simulator took out of them when a user of that
// address went.
func (s *scene) rejoin(t *testing.T, want schema.State) {
	t.Helper()
	is := s.reading(t, nil)
	for _, r := range want {
		l, ok := r.(*schema.List)
		if was, there := is.State.Find(r.Key()).(*schema.List); ok && there && len(hosted.Without(was.Members, l.Members)) == 0 {
			s.apply(t, is.Handles, was, l)
		}
	}
	_ = s.clock.sleep(t.Context(), time.Minute)
}

// hides are the fields that a row does not show in this scene, though others could.
func (s *scene) hides(r piecemeal.Reading, key schema.Key) (paths []string) {
	for _, path := range r.Unseen[key] {
		if path != "mailboxActions.incoming" && path != "forwarding.keepCopy" {
			paths = append(paths, path)
		}
	}
	return paths
}

// likely is what is shown of somebody new, whom the service gives what nothing sets.
func (s Service) likely(shown schema.Resource, before schema.State, is schema.Resource) schema.Resource {
	if before.Find(shown.Key()) != nil {
		return shown
	}
	out := schema.Clone(shown)
	for _, l := range s.Lacks() {
		if f, ok := schema.FieldAt(l.Kind, l.Path); ok && l.Kind == is.Key().Kind && l.Cannot == reconcile.CannotSet {
			_ = f.Set(out, f.Get(is))
		}
	}
	return out
}

// apply asks for one change. What is refused was so already: reading tells.
func (s *scene) apply(t *testing.T, handles piecemeal.Handles, before, after schema.Resource) {
	t.Helper()
	service := Service{s.Client}
	operations, err := service.Operations(before, after, handles)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operations {
		answer := service.Do(t.Context(), o.Call, nil)
		if answer.Outcome.Stops() {
			t.Fatalf("%s: %+v", o.Call, answer)
		}
		if o.Creates {
			handles[after.Key()] = service.Handle(after.Key(), answer)
			s.apply(t, handles, service.Newcomer(after), after)
		}
	}
	if after == nil {
		delete(handles, before.Key())
	}
}

// turn is when a change can be made: members leave lists before they go altogether,
// and an address is freed before it is taken, and there before another leads to it.
func turn(c *reconcile.Change) int {
	switch {
	case c.Op == reconcile.OpUpdate && c.Kind == schema.KindList:
		return 0
	case c.Op == reconcile.OpDelete:
		return 1
	case c.Op == reconcile.OpCreate && c.Kind == schema.KindUser:
		return 2
	}
	return 3
}

// TestShown: what is shown of a user in the states that the service does not tell
// apart.
func TestShown(t *testing.T) {
	for _, c := range []struct {
		s        Settings
		status   string
		incoming bool
		want     string
	}{
		{Settings{}, schema.StatusActive, true, "active true"},
		{Settings{}, schema.StatusActive, false, "active false"},
		{Settings{}, schema.StatusSuspended, true, "suspended true"},
		{Settings{}, schema.StatusSuspended, false, "deactivated true"},
		{Settings{}, schema.StatusDeactivated, true, "deactivated true"},
		{Settings{}, schema.StatusDeactivated, false, "deactivated true"},
		{Settings{Disabled: ShownNowhere}, schema.StatusSuspended, true, "active true"},
		{Settings{Disabled: ShownNowhere}, schema.StatusSuspended, false, "active false"},
		{Settings{Disabled: ShownNowhere}, schema.StatusDeactivated, true, "active false"},
	} {
		u := storetest.NewUser("ana@acme.example")
		u.Status, u.MailboxActions.Incoming = c.status, c.incoming
		got := hosted.As[*schema.User](Service{&Client{API: API{Settings: c.s}}}.Shown(u))
		if said := got.Status + " " + map[bool]string{true: "true", false: "false"}[got.MailboxActions.Incoming]; said != c.want {
			t.Errorf("%s, incoming %v: shown as %s, want %s", c.status, c.incoming, said, c.want)
		}
	}
}

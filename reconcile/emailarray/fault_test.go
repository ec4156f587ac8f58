package emailarray_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/simhttp"
	"mailops/schema"
)

// before does something before each request is sent.
func before(do func()) http.RoundTripper { return beforeEach{do, hosted.Transport()} }

type beforeEach struct {
	do   func()
	next http.RoundTripper
}

// RoundTrip sends the request.
func (b beforeEach) RoundTrip(r *http.Request) (*http.Response, error) {
	b.do()
	return b.next.RoundTrip(r)
}

// TestFaults: what becomes of a write that meets a fault, whether it was carried
// out, and how often it was sent.
func TestFaults(t *testing.T) {
	bob := schema.Address("bob@acme.example")
	for _, c := range []struct {
		quirk string
		want  hosted.Outcome
		acted bool
		sent  int
	}{
		{"", hosted.Done, true, 1},
		{"cut,only=write", hosted.Unknown, false, 1},
		{"cut,after,only=write", hosted.Done, true, 1},
		{"half,only=write", hosted.Done, true, 1},
		{"html,only=write", hosted.Unknown, false, 1},
		{"html,after,only=write", hosted.Done, true, 1},
		{"empty,only=write", hosted.Done, true, 1},
		{"fail=500,only=write", hosted.Unknown, false, 1},
		{"fail=502,after,only=write", hosted.Done, true, 1},
		{"fail=502,host=primary", hosted.Unknown, false, 1},
		{"fail=403,only=write", hosted.Failed, false, 1},
		{"slow=1h,only=write", hosted.Done, true, 1},
		{"huge,only=write", hosted.Done, true, 1},
		{"refuse,only=write", hosted.Refused, false, 1},
		{"expire,only=write,nth=1", hosted.Done, true, 2},
		{"token-life=1m", hosted.Done, true, 2},
		{"refuse,action=login", hosted.Done, true, 1}, // there is a token
		{"cut,after", hosted.Unknown, true, 1},        // and reading is cut off too
		{"throttle=1", hosted.Done, true, 2},
	} {
		s := start(t, people, func(o *emailarray.Options) { o.Timeout = time.Second / 2 })
		s.read(t)
		s.clock.move(2 * time.Minute)
		s.quirk(t, strings.Fields(c.quirk)...)
		if c.quirk == "throttle=1" {
			if _, err := s.Figures(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		since := len(s.Log())
		a := s.Do(t.Context(), emailarray.EnableUser(bob), nil)
		log := s.Log()[since:]
		sent := 0
		for _, e := range log {
			if e.Action == "enableUser" {
				sent++
			}
		}
		if a.Outcome != c.want || sent != c.sent || len(writes(log)) > 1 || (len(writes(log)) == 1) != c.acted {
			t.Errorf("%s: %s (%s), sent %d times, carried out %d times; want %s, %d, %v", c.quirk, a.Outcome, a.Text, sent, len(writes(log)), c.want, c.sent, c.acted)
		}
	}
}

// TestAlready: what is refused because it is so already is known by reading, and
// what is refused for another reason is not taken for it.
func TestAlready(t *testing.T) {
	s := start(t, people, nil)
	for _, c := range []struct {
		call hosted.Call
		want hosted.Outcome
	}{
		{emailarray.AddAlias("sales@acme.example", "ada@acme.example"), hosted.Already},
		{emailarray.AddAlias("sales@acme.example", "bob@acme.example"), hosted.Refused}, // it leads elsewhere
		{emailarray.AddAlias("bob@acme.example", "ada@acme.example"), hosted.Refused},   // a user has the name
		{emailarray.RemoveAlias("nobody@acme.example"), hosted.Already},
		{emailarray.AddList("team@acme.example"), hosted.Already},
		{emailarray.AddList("sales@acme.example"), hosted.Refused},
		{emailarray.RemoveList("nobody@acme.example"), hosted.Already},
		{emailarray.AddMember("team@acme.example", "ada@acme.example"), hosted.Already},
		{emailarray.AddMember("nobody@acme.example", "ada@acme.example"), hosted.Refused},
		{emailarray.RemoveMember("team@acme.example", "x@acme.example"), hosted.Already},
		{emailarray.AddForward("ada@acme.example", "bob@acme.example"), hosted.Already},
		{emailarray.RemoveForward("ada@acme.example", "x@acme.example"), hosted.Already},
		{emailarray.AddForward("nobody@acme.example", "bob@acme.example"), hosted.Refused},
		{emailarray.RemoveUser("nobody@acme.example"), hosted.Already},
		{emailarray.DisableUser("bob@acme.example"), hosted.Done}, // the service takes it
		{emailarray.DisableUser("nobody@acme.example"), hosted.Refused},
		{emailarray.AddDomain(acme), hosted.Already},
		{emailarray.RemoveDomain("nowhere.example"), hosted.Already},
		{emailarray.AddUser(&schema.User{Address: "ada@acme.example", Name: "Ada Abdi", Settings: schema.Settings{AccountType: "enhanced", Quota: 5e9}}), hosted.Already},
		{emailarray.AddUser(&schema.User{Address: "ada@acme.example", Name: "Another Ada", Settings: schema.Settings{AccountType: "enhanced", Quota: 5e9}}), hosted.Refused},
		{emailarray.AddUser(&schema.User{Address: "eva@nowhere.example", Name: "Eva", Settings: schema.Settings{AccountType: "basic", Quota: 5e9}}), hosted.Refused},
	} {
		since := len(s.Log())
		a := s.do(t, c.call)
		if a.Outcome != c.want || len(writes(s.Log()[since:])) > 0 {
			t.Errorf("%s: %s (%s), want %s", c.call.Name, a.Outcome, a.Text, c.want)
		}
	}
}

// TestLate: a repeat of what was just done is refused, reads show what was, and
// it counts as done once they can not be late any more.
func TestLate(t *testing.T) {
	s := start(t, people, func(o *emailarray.Options) { o.Late = time.Minute }, "late=20s")
	call := emailarray.RemoveAlias("sales@acme.example")
	if a := s.do(t, call); a.Outcome != hosted.Done {
		t.Fatalf("got %+v", a)
	}
	if a := s.do(t, call); a.Outcome != hosted.Already {
		t.Errorf("got %+v", a)
	}
	s.quirk(t, "late=20s", "cut,after,nth=1,only=write")
	if a := s.do(t, emailarray.AddAlias("sales@acme.example", "ada@acme.example")); a.Outcome != hosted.Done {
		t.Errorf("got %+v", a)
	}
}

// TestHosts: where a call goes when a host is not there. A write goes to the
// fallback host only when it cannot have arrived.
func TestHosts(t *testing.T) {
	nobody := "http://127.0.0.1:1"
	s := start(t, people, func(o *emailarray.Options) { o.Primary = nobody })
	if got := show(s.read(t)); got != peopleShown {
		t.Errorf("got\n%s", got)
	}
	if a := s.Do(t.Context(), emailarray.EnableUser("bob@acme.example"), nil); a.Outcome != hosted.Done {
		t.Errorf("got %+v", a)
	}
	s = start(t, people, func(o *emailarray.Options) { o.Fallback = nobody })
	if got := show(s.read(t)); got != peopleShown {
		t.Errorf("got\n%s", got)
	}
	if a := s.Do(t.Context(), emailarray.AddForward("bob@acme.example", "ada@acme.example"), nil); a.Outcome != hosted.Failed {
		t.Errorf("a user's call went to the primary host: %+v", a)
	}
	s = start(t, people, func(o *emailarray.Options) { o.Primary, o.Fallback = nobody, nobody })
	_, err := s.Read(t.Context(), nil)
	var failed *hosted.Error
	if !errors.As(err, &failed) || failed.Answer.Outcome != hosted.Failed {
		t.Errorf("got %v", err)
	}
}

// TestShunned: a primary host that is ill is asked once a minute, and not at each
// call.
func TestShunned(t *testing.T) {
	s := start(t, people, nil, "fail=502,host=primary")
	s.read(t)
	primary := func() (n int) {
		for _, e := range s.Log() {
			if e.Host == "primary" {
				n++
			}
		}
		return n
	}
	if n := primary(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.clock.move(time.Minute)
	if s.read(t); primary() != 2 {
		t.Errorf("a minute later it was asked %d times", primary())
	}
}

// TestThrottled: what is throttled is sent again when it may be, and not before;
// with no patience it is said instead.
func TestThrottled(t *testing.T) {
	for _, as := range []string{"429", "429-retry-after", "400", "403"} {
		s := start(t, people, nil, "throttle=5", "lock=10m", "throttled-as="+as)
		begin := s.clock.now()
		if got := show(s.read(t)); got != peopleShown {
			t.Errorf("%s: got\n%s", as, got)
		}
		if passed := s.clock.now().Sub(begin); passed < 10*time.Minute || s.Lockouts() > 2 {
			t.Errorf("%s: %d lock-outs, %s passed", as, s.Lockouts(), passed)
		}
	}
	s := start(t, people, func(o *emailarray.Options) {
		o.Patience = time.Second
	}, "throttle=5")
	_, err := s.Read(t.Context(), nil)
	var failed *hosted.Error
	if !errors.As(err, &failed) || failed.Answer.Outcome != hosted.Throttled || failed.Answer.Until.Before(s.clock.now()) {
		t.Errorf("got %v", err)
	}
}

// TestAll: with each quirk, and with all of them together, a story is told to its
// end, the service does what it does without quirks, each thing once and in this
// order, and nobody is locked out.
func TestAll(t *testing.T) {
	plain := start(t, people, nil)
	for _, step := range story(t) {
		plain.apply(t, step.before, step.after)
	}
	want := changes(plain.Log())
	together := []string{
		"numbers=mixed", "member-form=objects", "null-strings", "token-life=90s", "late=10s", "throttle=60",
		"expire,nth=3,only=write", "fail=503,host=primary,nth=5,times=3", "cut,nth=2,only=write", "cut,after,nth=6,only=write",
		"half,nth=9,only=write", "html,after,nth=12,only=write", "empty,nth=14,only=write",
	}
	alone := append(slices.Clone(together), "fail=502,after,only=write,nth=1", "fail=502,only=write,nth=4", "cut,only=write,nth=7", "numbers=quoted", "numbers=bare",
		"cut,after,only=write", "cut,action=addForward,nth=1", "expire,action=addForward,nth=2", "expire,action=removeUser,nth=1", "cut,only=token,nth=1,host=primary")
	for _, word := range alone {
		tell(t, want, word)
	}
	tell(t, want, together...)
}

// tell tells the story with quirks.
func tell(t *testing.T, want []string, quirks ...string) {
	t.Helper()
	s := start(t, people, func(o *emailarray.Options) {
		o.PageSize, o.Late, o.TokenLife, o.PerMinute, o.Timeout = 1, 30*time.Second, 2*time.Minute, 60, 2*time.Second
	}, quirks...)
	for _, step := range story(t) {
		s.clock.move(30 * time.Second) // which is more than reads are late by
		s.apply(t, step.before, step.after)
		s.clock.move(30 * time.Second)
		s.shows(t, step)
	}
	if got := changes(s.Log()); !slices.Equal(got, want) {
		t.Errorf("%v: the service did\n%s\nand without quirks\n%s", quirks, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s.Lockouts() > 0 {
		t.Errorf("%v: %d lock-outs", quirks, s.Lockouts())
	}
}

// changes are what the service did, in order.
func changes(log []simhttp.Entry) (out []string) {
	for _, e := range writes(log) {
		out = append(out, e.Changes...)
	}
	return out
}

// TestCancelled: a call that is given up says so, and does not go on.
func TestCancelled(t *testing.T) {
	s := start(t, people, nil, "slow=1h")
	ctx, cancel := context.WithCancel(t.Context())
	s.options.Transport = before(func() { time.AfterFunc(20*time.Millisecond, cancel) })
	s.renew(t)
	if _, err := s.Read(ctx, nil); !errors.Is(err, context.Canceled) || len(s.Log()) > 1 {
		t.Errorf("got %v after %d requests", err, len(s.Log()))
	}
}

package reconcile_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// seed gives a fuzz target inputs that make plans of many kinds, so that
// `go test` alone runs some dozens of them.
func seed(f *testing.F, n int, add func(data []byte)) {
	f.Helper()
	source := rand.New(rand.NewPCG(1, 2))
	add(nil)
	for range n {
		data := make([]byte, 200+source.IntN(300))
		for i := range data {
			data[i] = byte(source.Uint32())
		}
		add(data)
	}
}

// contents prints all of a state, so that a difference can be read.
func contents(t *testing.T, s schema.State) string {
	t.Helper()
	var b strings.Builder
	for _, r := range s {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(r.Key().String() + " " + string(data) + "\n")
	}
	return b.String()
}

// sameLive fails when two states differ in what a live store holds.
func sameLive(t *testing.T, what string, want, got schema.State) {
	t.Helper()
	fields := func(s schema.State) map[schema.Key]string {
		out := make(map[schema.Key]string)
		for _, r := range s {
			for _, f := range schema.Fields(r.Key().Kind) {
				out[r.Key()] += f.Path + "=" + string(f.Get(r)) + "\n"
			}
		}
		return out
	}
	if diff := cmp.Diff(fields(want), fields(got)); diff != "" || want.Digest() != got.Digest() {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func advance(t *testing.T, live schema.State, changes []reconcile.Change) schema.State {
	t.Helper()
	after, err := reconcile.Advance(live, changes)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// FuzzDiff holds laws 1 and 2: what Diff says leads to the want and no further;
// nothing differs from itself; the order of declarations does not matter; a
// plan is the same for the same input, and survives JSON.
func FuzzDiff(f *testing.F) {
	seed(f, 60, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		live := c.state()
		want := c.mutate(live)
		before := contents(t, live) + contents(t, want)
		if changes := append(reconcile.Diff(live, live), reconcile.Diff(want, want)...); len(changes) > 0 {
			t.Fatalf("a state differs from itself: %v", changes)
		}
		changes := reconcile.Diff(live, want)
		after := advance(t, live, changes)
		sameLive(t, "live does not become want", want, after)
		if again := reconcile.Diff(after, want); len(again) > 0 {
			t.Fatalf("the second plan is not empty: %v", again)
		}
		in := reconcile.Input{Live: reconcile.Live{State: live}, Want: want, Organization: c.organization(), At: now}
		plan := survives(t, in)
		anyOrder(t, in, plan, changes)
		if diff := cmp.Diff(before, contents(t, live)+contents(t, want)); diff != "" {
			t.Fatalf("planning changed its input (-before +after):\n%s", diff)
		}
	})
}

// survives makes a plan and holds that it reads as it was written.
func survives(t *testing.T, in reconcile.Input) *reconcile.Plan {
	t.Helper()
	plan, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	short, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	long, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{short, long} {
		read, err := reconcile.ParsePlan(data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if !reflect.DeepEqual(plan, read) {
			t.Fatalf("the plan does not survive JSON (-want +got):\n%s", cmp.Diff(plan, read))
		}
	}
	return plan
}

// anyOrder holds that neither the order of declarations nor that of changes
// matters.
func anyOrder(t *testing.T, in reconcile.Input, plan *reconcile.Plan, changes []reconcile.Change) {
	t.Helper()
	source := rand.New(rand.NewPCG(3, 4))
	in.Want = slices.Clone(in.Want)
	source.Shuffle(len(in.Want), func(i, j int) { in.Want[i], in.Want[j] = in.Want[j], in.Want[i] })
	in.Want.Sort()
	again, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, again); diff != "" {
		t.Fatalf("the order of the declarations matters (-want +got):\n%s", diff)
	}
	mixed := slices.Clone(changes)
	source.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	if diff := cmp.Diff(changes, reconcile.Order(mixed)); diff != "" {
		t.Fatalf("the order of the changes matters (-want +got):\n%s", diff)
	}
}

// FuzzInvert holds law 3: what was done can be taken back, and what was taken
// back can be done again.
func FuzzInvert(f *testing.F) {
	seed(f, 60, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		live := c.state()
		changes := reconcile.Diff(live, c.mutate(live))
		after := advance(t, live, changes)
		back := reconcile.Invert(changes, after)
		sameLive(t, "undo does not restore live", live, advance(t, after, back))
		if diff := cmp.Diff(changes, reconcile.Invert(back, live)); len(changes) > 0 && diff != "" {
			t.Fatalf("the inverse of the inverse is another change (-want +got):\n%s", diff)
		}
		in := reconcile.Input{Live: reconcile.Live{State: after}, Want: live, Organization: lenient(), At: now}
		plan, err := reconcile.Undo(in, reconcile.Run{ID: 7, Changes: changes})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(back, plan.Changes); len(back) > 0 && diff != "" {
			t.Fatalf("the plan of an undo is not the inverse (-want +got):\n%s", diff)
		}
	})
}

// FuzzParsePlan reads anything without a panic; what is read prints as it was;
// and one bit of difference is seen.
func FuzzParsePlan(f *testing.F) {
	seed(f, 20, func(data []byte) {
		f.Add(planFile(f, data), uint32(len(data)))
		f.Add(data, uint32(len(data)*7919))
	})
	f.Add([]byte(`{"changes":[{"kind":"User","name":"a@b.example","op":"update","version":"v","fields":[{"path":"quota","before":null,"after":"5GiB"}]}]}`), uint32(0))
	f.Add([]byte(`{"changes":[{"kind":"Profile","name":"","op":"move","fields":null}],"at":"9999-12-31T23:59:59-23:59"}`), uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, bit uint32) {
		if plan, err := reconcile.ParsePlan(data); err == nil {
			reads(t, plan)
		} else if !errors.Is(err, reconcile.ErrPlanFile) {
			t.Fatalf("%v is not an ErrPlanFile", err)
		}
		// Whatever is sealed gets past the digest, as an edit by hand would.
		var plan reconcile.Plan
		if json.Unmarshal(data, &plan) == nil {
			plan.Seal()
			sealed, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			if plan, err := reconcile.ParsePlan(sealed); err == nil {
				reads(t, plan)
			}
		}
		file := planFile(t, data)
		file[int(bit/8)%len(file)] ^= 1 << (bit % 8)
		if _, err := reconcile.ParsePlan(file); !errors.Is(err, reconcile.ErrPlanFile) {
			t.Fatalf("one bit is different, and the error is %v:\n%s", err, file)
		}
	})
}

// planFile makes a plan of a fuzzer's bytes, and prints it.
func planFile(t testing.TB, data []byte) []byte {
	t.Helper()
	c := &choices{data}
	live := c.state()
	plan, err := reconcile.New(reconcile.Input{Live: reconcile.Live{State: live}, Want: c.mutate(live), Organization: lenient(), At: now, Revision: "r"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// reads holds that a plan that was read prints to what reads the same, and that
// it can be carried out, or is an error, on a state of strangers.
func reads(t *testing.T, plan *reconcile.Plan) {
	t.Helper()
	first, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	again, err := reconcile.ParsePlan(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Fatalf("a plan prints differently when it was read (-want +got):\n%s", diff)
	}
	after, err := reconcile.Advance(nil, plan.Changes)
	if err != nil {
		return
	}
	reconcile.Effects(reconcile.Input{}, after, plan.Changes)
	reconcile.Findings(reconcile.Input{Organization: lenient()}, after, plan.Changes)
}

// FuzzLeaveAlone holds that what is outside of the scope, or not managed, stays
// as it is live, and that a rename is planned whole or not at all.
func FuzzLeaveAlone(f *testing.F) {
	seed(f, 60, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		live := c.state()
		want := c.mutate(live)
		in := reconcile.Input{Live: reconcile.Live{State: live}, Want: want, Organization: c.organization(), At: now}
		in.Only, in.Exclude = c.patterns(), c.patterns()
		plan, err := reconcile.New(in)
		if err != nil {
			t.Fatal(err)
		}
		after := advance(t, live, plan.Changes)
		if again := reconcile.Diff(after, mustScope(t, in, after)); len(again) > 0 {
			t.Fatalf("the second plan is not empty: %v", again)
		}
		pairs := renames(live, want)
		for _, ch := range plan.Changes {
			if _, renames := pairs[ch.Name]; !renames && !insideScope(in, ch.Key) {
				t.Fatalf("%s is outside of --only %v --exclude %v, and changes", ch.Key, in.Only, in.Exclude)
			}
		}
		for old, fresh := range pairs {
			if gone := after.Find(userKey(old)) == nil; fresh != "" && gone != (after.Find(userKey(fresh)) != nil) {
				t.Fatalf("half of the rename of %s to %s is planned", old, fresh)
			}
		}
		unmanagedStays(t, in, after)
	})
}

// mustScope is the want as New sees it.
func mustScope(t *testing.T, in reconcile.Input, live schema.State) schema.State {
	t.Helper()
	want, err := reconcile.Scope(reconcile.LeaveAlone(in.Want, live, in.Organization.Unmanaged), live, in.Only, in.Exclude)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// patterns makes patterns that insideScope can judge in its own way.
func (c *choices) patterns() []string {
	return one(c, [][]string{nil, nil, {"User"}, {"*@acme.test"}, {"User/ana@acme.example", "Alias"}, {"Domain", "User/*@acme.example"}})
}

func insideScope(in reconcile.Input, k schema.Key) bool {
	match := func(pattern string) bool {
		kind, name, ok := strings.Cut(pattern, "/")
		switch {
		case !ok && !strings.Contains(pattern, "@"):
			return string(k.Kind) == pattern
		case !ok:
			kind, name = string(k.Kind), pattern
		}
		domain, all := strings.CutPrefix(name, "*@")
		return string(k.Kind) == kind && (k.Name == name || all && k.Kind != schema.KindDomain && k.Domain() == domain)
	}
	return (len(in.Only) == 0 || slices.ContainsFunc(in.Only, match)) && !slices.ContainsFunc(in.Exclude, match)
}

// renames tells of each old address of a rename the new one; new ones lead to "".
func renames(live, want schema.State) map[string]string {
	out := make(map[string]string)
	for u := range want.Users() {
		old := userKey(string(u.RenamedFrom))
		if u.RenamedFrom != "" && live.Find(old) != nil && want.Find(old) == nil && live.Find(u.Key()) == nil {
			out[old.Name], out[u.Key().Name] = u.Key().Name, ""
		}
	}
	return out
}

func userKey(name string) schema.Key { return schema.Key{Kind: schema.KindUser, Name: name} }

func unmanagedStays(t *testing.T, in reconcile.Input, after schema.State) {
	t.Helper()
	for is := range in.Live.State.Users() {
		will, ok := after.Find(is.Key()).(*schema.User)
		if !ok {
			continue
		}
		for _, f := range schema.Fields(schema.KindUser) {
			group, _, _ := strings.Cut(f.Path, ".")
			unmanaged := slices.Contains(in.Organization.Unmanaged, f.Path) || slices.Contains(in.Organization.Unmanaged, group)
			if unmanaged && f.Get(is) != f.Get(will) {
				t.Fatalf("%s of %s is not managed, and changes", f.Path, is.Address)
			}
		}
		if is.Password != "" && will.Password == "" {
			t.Fatalf("%s loses the password", is.Address)
		}
	}
}

// FuzzRoute holds that Route and Reads agree, whatever circles there are, and
// that Route tells each way on once.
func FuzzRoute(f *testing.F) {
	seed(f, 50, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		s := c.state()
		for n := range c.of(20) {
			a := &schema.Alias{Address: schema.Address(string(rune('a'+n)) + "@acme.test")}
			for range 1 + c.of(3) {
				a.To = append(a.To, schema.Address(string(rune('a'+c.of(20)))+"@acme.test"))
			}
			s = append(s, a)
		}
		s.Sort()
		router := reconcile.NewRouter(s)
		for _, r := range append(s, &schema.Alias{Address: "nobody@old.example"}, &schema.Alias{Address: "ana@partner.example"}) {
			if a := r.Key().Address(); r.Key().Kind != schema.KindDomain && router.Reads(a) != isRead(s, router.Route(a)) {
				t.Fatalf("whether %s is read: Reads says %v, and not the route %v", a, router.Reads(a), router.Route(a))
			}
		}
	})
}

// isRead looks for a station where mail is read. A station that is shown, or a
// circle, is elsewhere in the tree.
func isRead(s schema.State, h reconcile.Hop) bool {
	u, isUser := s.Find(userKey(string(h.Address))).(*schema.User)
	return h.Is == reconcile.Outside || h.Is == reconcile.Delivered && isUser && len(u.SignInWays()) > 0 ||
		slices.ContainsFunc(h.Next, func(n reconcile.Hop) bool { return isRead(s, n) })
}

package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/snapshot"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// fields are the live fields of a state, but for those that leave names.
func fields(s schema.State, leave ...string) map[schema.Key]map[string]schema.Value {
	out := make(map[schema.Key]map[string]schema.Value)
	for _, r := range s {
		all := make(map[string]schema.Value)
		for _, f := range schema.Fields(r.Key().Kind) {
			all[f.Path] = f.Get(r)
		}
		for _, path := range leave {
			delete(all, path)
		}
		out[r.Key()] = all
	}
	return out
}

// TestRoundTrip: what was written is read, but for what no snapshot tells.
func TestRoundTrip(t *testing.T) {
	s := some(t)
	got := read(t, take(t, s, options()), demand())
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields(live.State, "password"), fields(got.Live.State, "password")); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	for a, o := range live.Observed {
		o.LastSignInUnix = 0
		live.Observed[a] = o
	}
	if diff := cmp.Diff(live.Observed, got.Live.Observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	for u := range got.Live.State.Users() {
		had := live.State.Find(u.Key()).(*schema.User).Password != ""
		if want := map[bool]schema.Secret{true: "hidden"}[had]; u.Password != want {
			t.Errorf("%s: password %q, want %q", u.Address, u.Password, want)
		}
	}
	runs, err := s.Since(t.Context(), options().Since)
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		runs[i].Actor = ""
	}
	if diff := cmp.Diff(runs, got.Runs); diff != "" || len(runs) != 2 {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	want := snapshot.Head{At: now, Store: "mem:", Organization: organization, Revision: "git:" + strings.Repeat("a", 40), Since: options().Since}
	if diff := cmp.Diff(want, got.Head); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	if got.Label() != "mem: as of 2026-11-22 12:00 UTC" {
		t.Errorf("the label is %s", got.Label())
	}
}

// TestAppliedLongAgo: the revision in force is found before the window, too.
func TestAppliedLongAgo(t *testing.T) {
	o := options()
	o.Since = now
	got := read(t, take(t, some(t), o), demand())
	if len(got.Runs) != 1 || got.Revision != "git:"+strings.Repeat("a", 40) {
		t.Errorf("got %d runs, revision %s", len(got.Runs), got.Revision)
	}
	if got := read(t, take(t, mem.New(), o), demand()); len(got.Runs) != 0 || got.Revision != "" || len(got.Live.State) != 0 {
		t.Errorf("of an empty store: %+v", got)
	}
}

// TestTellsNothing: no hash, no fingerprint, and with a key no name, network or
// address of somebody else; nor who asked for a run, nor when somebody signed in.
func TestTellsNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	live, secrets := storetest.Random(rng, 40)
	s := store(t, rng, live, secrets)
	plain, o := unpacked(t, take(t, s, options())), options()
	o.Key = newKey(t, "k")
	keyed := unpacked(t, take(t, s, o))
	for fingerprint, hash := range secrets {
		for _, secret := range []string{hash, string(fingerprint), strings.TrimPrefix(string(fingerprint), "sha256:")} {
			if strings.Contains(plain, secret) || strings.Contains(keyed, secret) {
				t.Fatalf("a snapshot tells %s", secret)
			}
		}
	}
	for _, text := range []string{"secretary", "lastSignIn", "1790000000"} {
		if strings.Contains(plain+keyed, text) {
			t.Errorf("a snapshot tells %s", text)
		}
	}
	for _, text := range []string{"Silva", "Bruno Costa", "DROP TABLE", "elsewhere.example", "home.example", "10.0.0.0", "192.0.2.7"} {
		if strings.Contains(keyed, text) {
			t.Errorf("with a key, a snapshot tells %s", text)
		}
		if !strings.Contains(plain, text) {
			t.Errorf("the test says nothing: no %s", text)
		}
	}
	if o.Key = newKey(t, "k"); unpacked(t, take(t, s, o)) != keyed {
		t.Error("the same key hides otherwise")
	}
	o.Key = newKey(t, "l")
	tokens := strings.Count(keyed, "@redacted.invalid") + strings.Count(keyed, "redacted:")
	for part := range strings.SplitSeq(unpacked(t, take(t, s, o)), `"`) {
		if (strings.Contains(part, "redacted") || strings.HasPrefix(part, "hmac-")) && strings.Contains(keyed, part) {
			t.Fatalf("another key hides alike: %s", part)
		}
	}
	if tokens < 20 {
		t.Errorf("the test says nothing: %d values are hidden", tokens)
	}
}

// TestOurs: an address of the organization stays, also where its domain comes
// after what names it.
func TestOurs(t *testing.T) {
	live := schema.State{
		&schema.Domain{Name: "acme.example", CatchAll: "ana@zeta.example"},
		&schema.Domain{Name: "beta.example", CatchAll: "ana@gmail.example"},
		&schema.Domain{Name: "zeta.example"},
		storetest.NewUser("ana@zeta.example"),
	}
	o := options()
	o.Key = newKey(t, "k")
	s := read(t, take(t, store(t, rand.New(rand.NewPCG(1, 1)), live, nil), o), demand())
	if got := s.Live.State[0].(*schema.Domain).CatchAll; got != "ana@zeta.example" {
		t.Errorf("an address of ours is hidden as %s", got)
	}
	if got := s.Live.State[1].(*schema.Domain).CatchAll; got.Domain() != "redacted.invalid" {
		t.Errorf("an address elsewhere is told: %s", got)
	}
}

// TestLiveFieldsAlone: what only declarations have does not reach a snapshot,
// whatever a store keeps of it.
func TestLiveFieldsAlone(t *testing.T) {
	u := storetest.NewUser("ana@acme.example")
	u.APIVersion, u.RenamedFrom, u.Profiles = "mailops/v1", "old@acme.example", []string{"office"}
	u.SigningKeys, u.Schedule = []string{"ssh-ed25519 AAAA"}, []schema.ScheduleEntry{{Reason: "leave"}}
	rows := func(yield func(reconcile.Row, error) bool) { yield(reconcile.Row{Resource: u}, nil) }
	text := unpacked(t, take(t, source{mem.New(), rows}, options()))
	for _, no := range []string{"mailops/v1\"", "old@", "office", "AAAA", "leave"} {
		if strings.Contains(text, no) {
			t.Errorf("%s is in %s", no, text)
		}
	}
	if u.Profiles == nil {
		t.Error("the store's row was changed")
	}
}

// TestSigned: ssh-keygen verifies the file without its last part, and so does
// Read.
func TestSigned(t *testing.T) {
	key, list := signingKey(t)
	o, d := options(), demand()
	o.Signer, d.Signers = key, signers(t, list)
	file := take(t, some(t), o)
	s := read(t, file, d)
	if s.Signer == nil || s.Signer.Principals != "agent@acme.example" || s.Signer.Key != key.Fingerprint() {
		t.Errorf("signed by %+v", s.Signer)
	}
	d.Signers = nil
	if s := read(t, file, d); s.Signer != nil {
		t.Errorf("nobody asked, and it was signed by %+v", s.Signer)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"snapshot": file, "allowed": []byte(list)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `
		sed -n '/^-----BEGIN SSH/,$p' snapshot >sig
		sed '/^-----BEGIN SSH/,$d' snapshot | ssh-keygen -Y verify -f allowed -I agent@acme.example -n mailops-snapshot@v1 -s sig
		gzip -dcq <snapshot 2>/dev/null | head -1`)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("Good \"mailops-snapshot@v1\" signature")) || !bytes.Contains(out, []byte(`{"snapshot":{"at":`)) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTaking: what goes wrong while it is taken is told, and leaves no snapshot.
func TestTaking(t *testing.T) {
	key, _ := signingKey(t)
	s := some(t)
	o := options()
	o.Signer = key
	broken := errors.New("the line is dead")
	half := func(yield func(reconcile.Row, error) bool) {
		for row, err := range s.Read(t.Context()) {
			if !yield(row, err) {
				return
			}
			break
		}
		yield(reconcile.Row{}, broken)
	}
	twice := func(yield func(reconcile.Row, error) bool) {
		for range 2 {
			yield(reconcile.Row{Resource: storetest.NewUser("ana@acme.example")}, nil)
		}
	}
	between := func(yield func(reconcile.Row, error) bool) {
		if _, err := s.Apply(t.Context(), reconcile.Batch{}); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		s    snapshot.Source
		want string
		is   error
	}{
		{source{s, half}, "take a snapshot: read live state: the line is dead", broken},
		{source{s, twice}, "ana@acme.example came after User/ana@acme.example", nil},
		{source{s, between}, "was applied while it was taken; take it again", reconcile.ErrConflict},
	} {
		var b bytes.Buffer
		_, err := snapshot.Write(t.Context(), &b, test.s, o)
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("got error %v, want %s", err, test.want)
		}
		if s, err := snapshot.Read(&b, demand()); err == nil {
			t.Errorf("half a snapshot is read: %+v", s.Head)
		}
	}
	full := &full{left: 100}
	if _, err := snapshot.Write(t.Context(), full, s, o); !errors.Is(err, io.ErrShortWrite) || strings.Contains(err.Error(), "read live") {
		t.Errorf("got error %v of a full disk", err)
	}
}

// A full is a disk with some bytes left.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// TestStreams: taking a snapshot holds no rows.
func TestStreams(t *testing.T) {
	const users, most = 30_000, 8 << 20
	var before, during runtime.MemStats
	rows := func(yield func(reconcile.Row, error) bool) {
		for i := range users {
			u := storetest.NewUser(schema.Address(fmt.Sprintf("user%06d@acme.example", i)))
			u.Name = fmt.Sprintf("A name of somebody %d", i)
			if !yield(reconcile.Row{Resource: u}, nil) {
				return
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&during)
	}
	o := options()
	o.Signer, _ = signingKey(t)
	o.Key = newKey(t, "k")
	runtime.GC()
	runtime.ReadMemStats(&before)
	var size counter
	out, err := snapshot.Write(t.Context(), &size, source{mem.New(), rows}, o)
	if err != nil || out.Users != users || out.Rows != users {
		t.Fatalf("%+v, %v", out, err)
	}
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > most {
		t.Errorf("it holds %d bytes", grown)
	}
	t.Logf("%d users are %d bytes", users, size)
}

// A counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

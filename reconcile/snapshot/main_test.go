package snapshot_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/sign"
	"mailops/reconcile/snapshot"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const organization = "Acme"

// options are those of most tests.
func options() snapshot.Options {
	return snapshot.Options{At: now, Since: now.Add(-24 * time.Hour), Store: "mem:", Organization: organization}
}

// demand is what most tests ask of a snapshot.
func demand() snapshot.Demand {
	return snapshot.Demand{Organization: organization, Now: now.Add(time.Minute), MaxAge: time.Hour}
}

func newKey(t testing.TB, of string) *snapshot.Key {
	t.Helper()
	k, err := snapshot.NewKey([]byte(strings.Repeat(of, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// store makes a store that holds a state, with what users own, after two runs.
func store(t testing.TB, rng *rand.Rand, live schema.State, secrets schema.Secrets) *mem.Store {
	t.Helper()
	s := mem.New()
	for i, changes := range [][]reconcile.Change{reconcile.Diff(nil, live), nil} {
		_, err := s.Apply(t.Context(), reconcile.Batch{Secrets: secrets, Run: reconcile.Run{
			At: now.Add(time.Duration(i-2) * time.Hour), Actor: "ana.secretary@acme.example", Revision: "git:" + strings.Repeat("a", 40-i), Plan: "p",
			Counts: reconcile.Counts{Deletes: i, Lockouts: 2 * i}, Whole: i == 0, Changes: changes}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for u := range live.Users() {
		if rng.IntN(2) == 0 || u.Lock.MailAddOn == schema.Locked {
			continue
		}
		own := func(of ...string) string { return of[rng.IntN(len(of))] }
		o := schema.Observed{AddOnProtocol: own("", "pop", "imap"), AddOnSharing: own("", "private", "complete"), AddOnSaved: rng.IntN(2) == 0,
			AddOnMailbox: own("", string(u.Address), "private@home.example"), StorageUsed: rng.Int64N(1 << 33), LastSignInUnix: 1_790_000_000}
		if err := s.SetObserved(t.Context(), u.Address, o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// some is a store of some users.
func some(t testing.TB) *mem.Store {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	live, secrets := storetest.Random(rng, 30)
	return store(t, rng, live, secrets)
}

func take(t testing.TB, s snapshot.Source, o snapshot.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := snapshot.Write(t.Context(), &b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, file []byte, d snapshot.Demand) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Read(bytes.NewReader(file), d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unpacked is the text of a snapshot.
func unpacked(t testing.TB, file []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// packed makes a snapshot of a text, as somebody would who wants to do harm.
func packed(t testing.TB, comment, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	z.Comment = comment
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signingKey makes a key with ssh-keygen, and the list that lets it sign.
func signingKey(t testing.TB) (key *sign.Key, list string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("these tests need ssh-keygen: %v\n%s", err, out)
	}
	key, err := sign.ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return key, "agent@acme.example " + string(public)
}

func signers(t testing.TB, list string) *sign.Signers {
	t.Helper()
	s, err := sign.ParseSigners([]byte(list))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A source is a store whose rows are those of a test.
type source struct {
	*mem.Store
	rows iter.Seq2[reconcile.Row, error]
}

// Read implements reconcile.Store.
func (s source) Read(context.Context) iter.Seq2[reconcile.Row, error] { return s.rows }

package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// commit is how the request to commit looks on the wire.
var commit = []byte("COMMIT\x00")

// one is what the suite applies again and again.
func one(t *testing.T, s reconcile.Store, name string) reconcile.Batch {
	t.Helper()
	u := storetest.NewUser("ana@acme.example")
	u.Name = name
	want := schema.State{&schema.Domain{Name: "acme.example"}, u}
	return reconcile.Batch{Run: reconcile.Run{Plan: name, Changes: reconcile.Diff(state(t, s), want)}}
}

// TestLostCommit loses the answer to COMMIT, or COMMIT itself, 200 times each:
// the answer of Apply is always right.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		fate pgtest.Fate
	}{
		{"the server committed", pgtest.LoseAnswer},
		{"it never heard of it", pgtest.LoseAsk},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			direct, database := fresh(t)
			proxy := pgtest.NewProxy(t, server(t).Address(), nil)
			s := open(t, pgtest.At(proxy.Address(), server(t).Password(), database), postgres.Options{})
			proxy.Watch(func(b []byte) pgtest.Fate {
				if bytes.Contains(b, commit) {
					return test.fate
				}
				return pgtest.Pass
			})
			committed := int64(0)
			for i := range 200 {
				run, err := s.Apply(t.Context(), one(t, direct, fmt.Sprint(i)))
				runs, rerr := direct.Runs(t.Context(), 1)
				if rerr != nil {
					t.Fatal(rerr)
				}
				switch {
				case test.fate == pgtest.LoseAnswer && (err != nil || run != committed+1 || runs[0].ID != run || runs[0].Plan != fmt.Sprint(i)):
					t.Fatalf("no. %d was committed: got run %d, error %v", i, run, err)
				case test.fate == pgtest.LoseAsk && (!errors.Is(err, reconcile.ErrUnreachable) || !strings.Contains(err.Error(), "not applied") || len(runs) > 0):
					t.Fatalf("no. %d was not committed: got run %d, error %v", i, run, err)
				}
				committed = run
			}
		})
	}
}

// TestNobodyKnows: while the server cannot be asked, the answer is neither yes
// nor no.
func TestNobodyKnows(t *testing.T) {
	t.Parallel()
	direct, database := fresh(t)
	proxy := pgtest.NewProxy(t, server(t).Address(), nil)
	s := open(t, pgtest.At(proxy.Address(), server(t).Password(), database), postgres.Options{Patience: 300 * time.Millisecond})
	gone := false
	proxy.Watch(func(b []byte) pgtest.Fate {
		if gone {
			return pgtest.LoseAsk
		}
		if gone = bytes.Contains(b, commit); gone {
			return pgtest.LoseAnswer
		}
		return pgtest.Pass
	})
	_, err := s.Apply(t.Context(), one(t, direct, "x"))
	if !errors.Is(err, reconcile.ErrUnreachable) || !strings.Contains(err.Error(), "nobody knows") {
		t.Fatalf("got error %v", err)
	}
	if strings.Contains(err.Error(), server(t).Password()) {
		t.Errorf("the password is told: %v", err)
	}
	if left := one(t, direct, "x").Changes; len(left) > 0 {
		t.Errorf("the next plan has %d changes: it was committed", len(left))
	}
}

package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

var sizes = []int{1_000, 10_000, 100_000}

// users are what an organization of that size looks like: every user has a
// password, every fourth forwards, every tenth has delegates and hours.
func users(n int) (schema.State, schema.Secrets) {
	secrets := make(schema.Secrets)
	state := schema.State{&schema.Domain{Name: "acme.example"}}
	for i := range n {
		u := storetest.NewUser(schema.Address(fmt.Sprintf("user%06d@acme.example", i)))
		u.Name = fmt.Sprintf("User Number %d", i)
		u.Password = secrets.Add(fmt.Sprintf("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$%043d", i))
		if i%4 == 0 {
			u.Forwarding.To = []schema.Address{"partner@elsewhere.example"}
		}
		if i%10 == 0 {
			u.Permissions.SendAs = []schema.Address{"user000000@acme.example", "user000001@acme.example"}
			u.Permissions.AccessHours = &schema.AccessHours{Mon: []schema.Hours{{Start: 540, End: 1080}}, Tue: []schema.Hours{{Start: 540, End: 1080}}}
		}
		state = append(state, u)
	}
	return state, secrets
}

func BenchmarkRead(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "live.db"))
			fill(b, s, n)
			b.ReportAllocs()
			for b.Loop() {
				if live, err := reconcile.ReadLive(b.Context(), s); err != nil || len(live.State) != n+1 {
					b.Fatal(len(live.State), err)
				}
			}
		})
	}
}

// BenchmarkApply creates all users in an empty store, to the disk.
func BenchmarkApply(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				s := open(b, filepath.Join(dir, fmt.Sprint(i), "live.db"))
				state, secrets := users(n)
				changes := reconcile.Diff(nil, state)
				b.StartTimer()
				apply(b, s, changes, secrets)
			}
		})
	}
}

// BenchmarkUpdate changes one user of many.
func BenchmarkUpdate(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "live.db"))
	state := fill(b, s, 10_000)
	for i := 0; b.Loop(); i++ {
		u := *state[1].(*schema.User)
		u.Name = fmt.Sprint(i)
		apply(b, s, reconcile.Diff(state[1:2], schema.State{&u}), nil)
		state[1] = &u
	}
}

func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path, sqlite.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func fill(tb testing.TB, s *sqlite.Store, n int) schema.State {
	tb.Helper()
	state, secrets := users(n)
	apply(tb, s, reconcile.Diff(nil, state), secrets)
	return state
}

func apply(tb testing.TB, s *sqlite.Store, changes []reconcile.Change, secrets schema.Secrets) int64 {
	tb.Helper()
	run, err := s.Apply(tb.Context(), reconcile.Batch{Run: reconcile.Run{Changes: changes}, Secrets: secrets})
	if err != nil {
		tb.Fatal(err)
	}
	return run
}

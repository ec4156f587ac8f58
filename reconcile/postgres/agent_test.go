package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
)

func lead(t *testing.T, s *postgres.Store, holder string) reconcile.Lease {
	t.Helper()
	l, err := s.Lead(t.Context(), holder)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLeaders: two agents of one name take over from each other, one of them
// through PgBouncer.
func TestLeaders(t *testing.T) {
	t.Parallel()
	direct, database := fresh(t)
	bounced := open(t, pgtest.At(server(t).bouncer.Address(), server(t).Password(), database), postgres.Options{})
	storetest.Leaders(t, 200, [2]reconcile.Store{direct, bounced}, func() {})
}

// TestLease: by the server's clock, a lease lasts as long as it should, and not
// longer when the clock was set back.
func TestLease(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	first := lead(t, s, "first")
	seen := func(seconds int) {
		t.Helper()
		server(t).Exec(t, database, fmt.Sprintf(`UPDATE mailops_agent SET seen = to_char(now() AT TIME ZONE 'UTC' + interval '%d s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`, seconds))
	}
	for _, seconds := range []int{-30, 0, 30} {
		seen(seconds)
		if _, err := s.Lead(t.Context(), "second"); !errors.Is(err, reconcile.ErrLed) {
			t.Errorf("seen %d s ago: got error %v, want ErrLed", -seconds, err)
		}
	}
	seen(-3600) // nobody was quicker
	if err := first.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Lead(t.Context(), "second"); !errors.Is(err, reconcile.ErrLed) {
		t.Errorf("it was renewed: got error %v, want ErrLed", err)
	}
	for i, seconds := range []int{-40, 3600} {
		seen(seconds)
		lead(t, s, fmt.Sprint("heir ", i))
	}
	if err := first.Renew(t.Context()); !errors.Is(err, reconcile.ErrFenced) {
		t.Errorf("got error %v, want ErrFenced", err)
	}
}

// TestLeadBesideApply: while an agent applies, it renews its lease, and nobody
// takes over.
func TestLeadBesideApply(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	l := lead(t, s, "first")
	taken := make(chan reconcile.Lease, 1)
	err := s.Applying(t.Context(), func(c sqlstore.Conn) error {
		if err := sqlstore.CheckEpoch(c, l.Epoch(), postgres.Dialect.Fence); err != nil {
			return err
		}
		if err := l.Renew(t.Context()); err != nil {
			return err
		}
		go func() {
			l, err := s.Lead(context.WithoutCancel(t.Context()), "first")
			if err != nil {
				t.Error(err)
			}
			taken <- l
		}()
		server(t).Await(t, database, waiting, "1")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next := <-taken; next == nil || next.Epoch() <= l.Epoch() {
		t.Errorf("got %v after epoch %d", next, l.Epoch())
	}
}

// childLeader names the store that a child process leads.
const childLeader = "MAILOPS_TEST_CHILD_LEADER"

// leadForEver leads, tells so on stdout, and renews all the time.
func leadForEver(ctx context.Context, url string) error {
	s, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	l, err := s.Lead(ctx, "child")
	for err == nil {
		fmt.Println("leads")
		err = l.Renew(ctx)
	}
	return err
}

// TestLeaderDies: a leader that is killed is succeeded when its lease has run
// out.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childLeader+"="+server(t).URL(database))
	tells, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := tells.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	server(t).Await(t, database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()", "0")
	led := new(reconcile.LedError)
	if _, err := s.Lead(t.Context(), "heir"); !errors.As(err, &led) || led.Holder != "child" {
		t.Errorf("got error %v, want that the child leads", err)
	}
	server(t).Exec(t, database, "UPDATE mailops_agent SET seen = '2000-01-01T00:00:00Z'") // 35 seconds later
	lead(t, s, "heir")
}

package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// A database is where the store of a stack is.
type database struct {
	store reconcile.Store
	maps  string // the type of Postfix's maps
	url   string // of the store, with a mail server's rights
	sql   func(t testing.TB, statement string) string
}

// databases are the kinds of stores that mail servers can read.
var databases = map[string]func(testing.TB, *Stack) database{
	"sqlite":   startSQLite,
	"postgres": startPostgres,
}

// startSQLite makes a store that the group of Postfix may read, as the README
// says for the group maildb.
func startSQLite(t testing.TB, s *Stack) database {
	t.Helper()
	if s.SmallDisk {
		s.mountSmallDisk(t)
	}
	for dir, mode := range map[string]os.FileMode{"lib": 0o750 | os.ModeSetgid, "lib/signin": 0o770} {
		if err := os.MkdirAll(s.Path(dir), 0o750); err != nil {
			t.Fatal(err)
		}
		group(t, s.Path(dir))
		if err := os.Chmod(s.Path(dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	s.chown(t, s.Path("lib/signin"), "dovecot")
	file := s.Path("lib/live.db")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	group(t, file)
	store, err := sqlite.Open(t.Context(), file, sqlite.Options{BusyTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, beside := range []string{"-wal", "-shm"} {
		group(t, file+beside)
	}
	tell := func(t testing.TB, file, statement string) string {
		t.Helper()
		// The file stays as it is: a program that closes it last would take the
		// -wal and -shm files away, and readers could not make them again.
		out, err := exec.Command("sqlite3", "-bail", "-cmd", ".filectrl persist_wal 1", "-cmd", ".timeout 60000", "-cmd", "PRAGMA foreign_keys = ON", file, statement).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", statement, err, out)
		}
		_, answer, _ := strings.Cut(string(out), "\n") // the first line is .filectrl's
		return strings.TrimSpace(answer)
	}
	tell(t, s.Path("lib", sqlite.SignIns), "CREATE TABLE last_login (email TEXT NOT NULL, service TEXT NOT NULL, last_login INTEGER NOT NULL, PRIMARY KEY (email, service))")
	s.chown(t, s.Path("lib", sqlite.SignIns), "dovecot")
	return database{store, "sqlite", "sqlite:" + file, func(t testing.TB, statement string) string {
		t.Helper()
		return tell(t, file, statement)
	}}
}

// mountSmallDisk gives the store a disk of 8 MiB.
func (s *Stack) mountSmallDisk(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", s.Path("lib")).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", s.Path("lib")).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}

// group gives a file to the user that stands for mailops, and to the group that
// stands for maildb.
func group(t testing.TB, name string) {
	t.Helper()
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	gid, _ := strconv.Atoi(u.Gid)
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	if err := os.Chown(name, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// SQL carries a statement out as a panel does: on PostgreSQL with the rights of
// mailops_selfservice.
func (s *Stack) SQL(t testing.TB, statement string) string {
	t.Helper()
	return s.db.sql(t, statement)
}

// Password is every user's, unless a test says otherwise.
const Password = "correct horse"

// secrets makes hashes, each password's once: they are slow on purpose.
type secrets struct {
	mu     sync.Mutex
	hashes map[string]string
}

// Hash returns the hash of a password.
func (s *Stack) Hash(t testing.TB, password string) string {
	t.Helper()
	s.secrets.mu.Lock()
	defer s.secrets.mu.Unlock()
	if s.secrets.hashes == nil {
		s.secrets.hashes = make(map[string]string)
	}
	if s.secrets.hashes[password] == "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		s.secrets.hashes[password] = "{BLF-CRYPT}" + string(hash)
	}
	return s.secrets.hashes[password]
}

// Apply makes resources live, as an apply of mailops does: what else is in the
// store stays. A user without a password gets [Password].
func (s *Stack) Apply(t testing.TB, resources ...schema.Resource) {
	t.Helper()
	known := make(schema.Secrets)
	known.Add(s.Hash(t, Password))
	for _, r := range resources {
		if u, ok := r.(*schema.User); ok && u.Password == "" {
			u.Password = schema.Fingerprint(s.Hash(t, Password))
		}
	}
	s.secrets.mu.Lock()
	for _, hash := range s.secrets.hashes {
		known.Add(hash)
	}
	s.secrets.mu.Unlock()
	s.change(t, known, func(live schema.State) schema.State {
		return append(without(live, resources), resources...)
	})
}

// Remove takes resources out of the store.
func (s *Stack) Remove(t testing.TB, resources ...schema.Resource) {
	t.Helper()
	s.change(t, nil, func(live schema.State) schema.State { return without(live, resources) })
}

func without(live schema.State, resources []schema.Resource) schema.State {
	named := schema.State(slices.Clone(resources))
	named.Sort()
	out := make(schema.State, 0, len(live)+len(resources))
	for _, r := range live {
		if named.Find(r.Key()) == nil {
			out = append(out, r)
		}
	}
	return out
}

// change reads what is live, and applies the difference to what is wanted. When
// another test was quicker, it does so again.
func (s *Stack) change(t testing.TB, known schema.Secrets, want func(schema.State) schema.State) {
	t.Helper()
	for try := 0; ; try++ {
		err := s.tryChange(t.Context(), known, want)
		if err == nil {
			return
		}
		if again := errors.Is(err, reconcile.ErrConflict) || errors.Is(err, reconcile.ErrBusy); !again || try == 20 {
			t.Fatal(err)
		}
	}
}

func (s *Stack) tryChange(ctx context.Context, known schema.Secrets, want func(schema.State) schema.State) error {
	live, err := reconcile.ReadLive(ctx, s.Store)
	if err != nil {
		return err
	}
	wanted := want(live.State)
	wanted.Sort()
	changes := reconcile.Diff(live.State, wanted)
	run := reconcile.Run{At: time.Now(), Actor: "test", Summary: reconcile.Summarize(changes), Changes: changes}
	if _, err := s.Store.Apply(ctx, reconcile.Batch{Run: run, Secrets: known}); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

// TestFaults: what a server does wrong, what is said of it, and what is in the
// archive nevertheless. When the server is well again, the next run ends with
// every message.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		quirks pop3sim.Quirks
		idle   time.Duration
		err    string // "": none
		odd    string
		stored int // of 20
		next   int // messages that the run after it fetches
	}{
		{name: "none", stored: 20},
		{name: "silent", quirks: pop3sim.Quirks{Silent: true}, idle: 50 * time.Millisecond, err: "the server is silent or too slow", odd: "the connection was lost", next: 20},
		{name: "stall", quirks: pop3sim.Quirks{Stall: 7}, idle: 200 * time.Millisecond, err: `INBOX "u7": fetch: the server is silent`, odd: "(3 times)", stored: 19, next: 1},
		{name: "drop", quirks: pop3sim.Quirks{Drop: 7}, err: `INBOX "u7": fetch: the server closed the connection`, odd: "the connection was lost: the server closed the connection (3 times)", stored: 19, next: 1},
		{name: "drop after bytes", quirks: pop3sim.Quirks{DropAfter: 500}, odd: "the connection was lost", stored: 20},
		{name: "refuse", quirks: pop3sim.Quirks{Refuse: 7}, err: `INBOX "u7": fetch: the server says: [SYS/PERM] the message cannot be read`, stored: 19, next: 1},
		{name: "endless", quirks: pop3sim.Quirks{Endless: 7}, err: `INBOX "u7": the server sends more than is allowed`, stored: 19, next: 1},
		{name: "no UIDL", quirks: pop3sim.Quirks{NoUIDL: true}, odd: "the server has no UIDL", stored: 20, next: 20},
		{name: "no names", quirks: pop3sim.Quirks{UIDL: map[int]string{3: "", 4: ""}}, odd: "messages have no name", stored: 20, next: 18},
		{name: "one name for two", quirks: pop3sim.Quirks{UIDL: map[int]string{3: "u4", 9: "u4"}}, odd: "messages share the name that the server gave them (3 times)", stored: 20, next: 2},
		{name: "sizes", quirks: pop3sim.Quirks{Sizes: map[int]int64{3: 1, 4: 1 << 40}}, odd: "messages have another size than the server lists (2 times)", stored: 20, next: 2},
		{name: "count too high", quirks: pop3sim.Quirks{Count: 2}, err: "number 21: fetch: the server says: there is no such message", odd: "counts 22 messages and lists 20", stored: 20},
		{name: "count far too high", quirks: pop3sim.Quirks{Count: 1 << 30}, err: "the server counts 1073741844 messages and lists 20", next: 20},
		{name: "count higher than patience", quirks: pop3sim.Quirks{Count: 5000}, err: "and 90 more", stored: 20},
		{name: "count too low", quirks: pop3sim.Quirks{Count: -5}, odd: "counts 15 messages and lists 20", stored: 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := simulate(t, numbered(20))
			server.Misbehave(test.quirks)
			o := pop(t, server)
			o.Limits.Message = 1 << 20
			if test.idle > 0 {
				o.Limits.Idle = test.idle
			}
			run, err := backup.Take(t.Context(), o)
			switch {
			case test.err == "" && err != nil, test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want %q", err, test.err)
			case !strings.Contains(strings.Join(run.Odd, "\n"), test.odd):
				t.Errorf("odd %q, want %q", run.Odd, test.odd)
			case run.Stored != test.stored || (run.State == backup.StateCompleted) != (test.err == ""):
				t.Errorf("run %+v, want %d stored", run, test.stored)
			}
			server.Misbehave(pop3sim.Quirks{})
			o.Limits.Idle = 10 * time.Second
			if run := take(t, o); run.Fetched != test.next {
				t.Errorf("the next run fetches %d, want %d", run.Fetched, test.next)
			}
			holds(t, o.Dir, numbered(20))
		})
	}
}

// TestNameOfAnother: a UIDL that names another message later takes nothing out
// of the archive, and what has it now is fetched.
func TestNameOfAnother(t *testing.T) {
	t.Parallel()
	before := numbered(10)
	server := simulate(t, before)
	o := pop(t, server)
	take(t, o)
	now := append(numbered(9), message("u10", "Subject: another\r\n\r\nwith another text\r\n"))
	server.Put(carla, now)
	run := take(t, o)
	if run.Fetched != 1 || run.Stored != 1 || !strings.Contains(strings.Join(run.Odd, ""), "are of other messages than before") {
		t.Errorf("run %+v", run)
	}
	holds(t, o.Dir, append(before, now[9]))
	if run := take(t, o); run.Fetched != 0 {
		t.Errorf("once more: %+v", run)
	}
}

// TestNewNamesForAll: a server that was rebuilt names every message anew. They
// are fetched, and not stored twice.
func TestNewNamesForAll(t *testing.T) {
	t.Parallel()
	messages := append(numbered(10), hostile...)
	server := simulate(t, messages)
	o := pop(t, server)
	take(t, o)
	renamed := make([]pop3sim.Message, len(messages))
	for i, m := range messages {
		renamed[i] = pop3sim.Message{UID: "new-" + m.UID, Body: m.Body}
	}
	server.Put(carla, renamed)
	run := take(t, o)
	if run.Fetched != len(messages) || run.Stored != 0 || !strings.Contains(strings.Join(run.Odd, ""), "under another name") {
		t.Errorf("run %+v", run)
	}
	holds(t, o.Dir, messages)
	if run := take(t, o); run.Fetched != 0 {
		t.Errorf("once more: %+v", run)
	}
}

// TestDrip: a server that sends a byte now and then is never silent, and is given
// up all the same.
func TestDrip(t *testing.T) {
	t.Parallel()
	server := simulate(t, numbered(2))
	server.Misbehave(pop3sim.Quirks{Drip: 2})
	done := make(chan struct{})
	defer close(done)
	go func() {
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			<-tick.C
			select {
			case server.Tick <- struct{}{}:
			case <-done:
				tick.Stop()
				return
			default:
			}
		}
	}()
	o := pop(t, server)
	o.Limits.Idle = 50 * time.Millisecond
	began := time.Now()
	messages := numbered(2)
	messages[1].Body = []byte(strings.Repeat("drop by drop\r\n", 10_000))
	server.Put(carla, messages)
	if _, err := backup.Take(t.Context(), o); err == nil || time.Since(began) > time.Minute {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}

// TestTotal: a run ends when it has fetched as many bytes as it may, and keeps
// what it has.
func TestTotal(t *testing.T) {
	t.Parallel()
	server := simulate(t, numbered(20))
	o := pop(t, server)
	o.Limits.Total = 1000
	run, err := backup.Take(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "as many bytes as it may") || run.Stored == 0 || run.Bytes > 1000 {
		t.Fatalf("error %v, run %+v", err, run)
	}
	o.Limits.Total = 0
	take(t, o)
	holds(t, o.Dir, numbered(20))
}

// TestSignIn: a master user who is not let in is not tried again, and neither
// the password nor the server's control characters are shown.
func TestSignIn(t *testing.T) {
	t.Parallel()
	server := simulate(t, numbered(1))
	server.Misbehave(pop3sim.Quirks{Echo: true})
	o := pop(t, server)
	o.Server.Password = "Wrong donkey 8 battery"
	_, err := backup.Take(t.Context(), o)
	if err == nil || strings.Contains(err.Error(), "donkey") || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "as carla@acme.example*backup: [AUTH] Authentication failed.") {
		t.Errorf("error %v", err)
	}
	for _, bad := range []string{"two\r\nQUIT", "nul\x00"} {
		o.Server.Password = bad
		if _, err := backup.Take(t.Context(), o); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("password %q: %v", bad, err)
		}
	}
}

// TestFullDisk: a fault of the archive ends the run at once, and is told from
// one of the server.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	server := simulate(t, numbered(5))
	o := pop(t, server)
	take(t, o)
	server.Put(carla, append(numbered(5), message("u6", "Subject: one more\r\n")))
	tmp := filepath.Join(o.Dir, "maildir", "INBOX", "tmp")
	if err := errors.Join(os.Remove(tmp), os.WriteFile(tmp, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Take(t.Context(), o); err == nil || !strings.Contains(err.Error(), "begin a message") {
		t.Errorf("error %v", err)
	}
	if _, total := server.Fetched(); total != 5 {
		t.Errorf("%d messages were asked for", total)
	}
	if err := os.Remove(tmp); err != nil {
		t.Fatal(err)
	}
	take(t, o)
}

// TestMemory: a server that never ends a message or a listing costs no memory
// beyond what is set aside. It is not parallel: it looks at the whole process.
func TestMemory(t *testing.T) {
	for name, quirks := range map[string]pop3sim.Quirks{"message": {Endless: 1}, "listing": {Listing: true}} {
		t.Run(name, func(t *testing.T) {
			server := simulate(t, numbered(1))
			server.Misbehave(quirks)
			o := pop(t, server)
			o.Limits.Message = 256 << 20
			stop, most := watchHeap()
			_, err := backup.Take(t.Context(), o)
			stop()
			if err == nil || !strings.Contains(err.Error(), "more than is allowed") {
				t.Errorf("error %v", err)
			}
			t.Logf("the server sent %d MiB, the heap grew by %d MiB", server.Sent()>>20, most.Load()>>20)
			limit := int64(16 << 20)
			if quirks.Listing {
				limit = 128 << 20 // the client keeps listings, and grows them by copying
			}
			if most.Load() > limit {
				t.Errorf("the heap grew by %d MiB", most.Load()>>20)
			}
		})
	}
}

// watchHeap looks at the heap until it is stopped, and tells by how much it grew.
func watchHeap() (stop func(), most *atomic.Int64) {
	most = new(atomic.Int64)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := int64(m.HeapInuse)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), int64(m.HeapInuse)-before))
			}
		}
	}()
	return func() { close(end); <-ended }, most
}

package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// testLook: what is looked up is what a read of all would say.
func testLook(h *harness) {
	if h.witness == nil {
		return
	}
	h.looks()
	h.looks(string(ana), domain)
	secrets := make(schema.Secrets)
	want := with(h.small(), &schema.Domain{Name: "b.example"}, full("ana@b.example", secrets), &schema.Alias{Address: "x@b.example", To: []schema.Address{ana, bruno}})
	for i := range 300 {
		want = append(want, NewUser(schema.Address("u"+string(rune('a'+i%26))+string(rune('a'+i/26))+"@acme.example")))
	}
	h.become(state(want...), secrets)
	h.observed(ana, seen)
	h.looks()
	h.looks(string(ana))
	h.looks(domain)
	h.looks("b.example", "x@b.example", "ana@b.example", string(team), string(office), string(bruno), string(ana))
	h.looks(string(ana), string(ana), "nobody@acme.example", "nowhere.example", "", "@", "@acme.example", "ana@", "a@b@c", "nul\x00@acme.example", "\xff@acme.example", `'; --@acme.example`)
	var many []string
	for _, r := range want {
		many = append(many, r.Key().Name)
	}
	h.looks(many...)
	h.looks(many[50:250]...)
	h.looks(many[50:251]...)
}

// looks compares what is looked up with what is read.
func (h *harness) looks(names ...string) {
	h.Helper()
	var want []reconcile.Row
	for row, err := range h.s.Read(h.Context()) {
		if err != nil {
			h.Fatal(err)
		}
		if slices.Contains(names, row.Key().Name) {
			want = append(want, row)
		}
	}
	got, err := h.witness.Look(h.Context(), names)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		h.Errorf("look: error %v (-read +looked up)\n%s", err, diff)
	}
}

// testOwnWork: what mailops writes itself, and what users own, is no drift.
func testOwnWork(h *harness) {
	if h.witness == nil {
		return
	}
	h.become(h.small(), nil)
	renamed := named("silva@acme.example", "Ana")
	renamed.RenamedFrom = ana
	secrets := make(schema.Secrets)
	h.become(with(without(h.small(), userKey(ana)), renamed, full("x@acme.example", secrets)), secrets)
	h.become(h.small(), nil)
	h.observed(ana, seen)
	if h.marker != nil {
		if err := h.marker.MarkBackup(h.Context(), ana, "queued"); err != nil {
			h.Error(err)
		}
	}
	if h.pauser != nil {
		p := reconcile.Pause{Scope: string(ana), Until: at.Add(time.Hour), Reason: "x", At: at}
		if err := h.pauser.Pause(h.Context(), p); err != nil {
			h.Error(err)
		}
	}
	if h.grantor != nil {
		g := reconcile.Grant{Name: "support", Target: string(ana), Hash: grantHash, Until: at.Add(time.Hour), Reason: "x", At: at}
		if err := h.grantor.Grant(h.Context(), g); err != nil {
			h.Error(err)
		}
	}
	h.fail(batch([]reconcile.Change{{Key: userKey("no-address"), Op: reconcile.OpCreate}}, nil))
	h.become(nil, nil)
	if notes, err := h.witness.Notes(h.Context(), 0); err != nil || len(notes) > 0 {
		h.Errorf("got notes %+v, error %v", notes, err)
	}
}

// Foreign holds an empty SQL store to noting whatever others write to it. exec
// writes as somebody whom the store calls by.
func Foreign(t *testing.T, s reconcile.Store, by string, exec func(sql string)) {
	h := &harness{T: t, s: s, powers: powersOf(s)}
	u := full(ana, make(schema.Secrets))
	u.Password, u.Lock.MailAddOn = "", schema.Unlocked
	h.become(with(h.small(), u, &schema.Domain{Name: "b.example"}), nil)
	h.observed(ana, seen)
	reader := noteReader{h, 0, by}
	const where = " WHERE local = 'ana'"
	for _, test := range []struct {
		sql  string
		want []string
	}{
		{"UPDATE mailuser SET imap = 0" + where, []string{string(ana)}},
		{"UPDATE mailuser SET password = '{X}x'" + where, []string{string(ana)}},
		{"UPDATE mailuser SET name = 'x'", []string{string(ana), string(bruno)}},
		{"UPDATE domain SET timezone = 'UTC' WHERE name = 'acme.example'", []string{domain}},
		{"INSERT INTO domain (name) VALUES ('c.example')", []string{"c.example"}},
		{"UPDATE domain SET name = 'd.example' WHERE name = 'c.example'", []string{"c.example", "d.example"}},
		{"DELETE FROM domain WHERE name = 'd.example'", []string{"d.example"}},
		{"INSERT INTO address (domain, local, kind) VALUES ('b.example', 'x', 'alias')", []string{"x@b.example"}},
		{"INSERT INTO forwarding (domain, local, dest) VALUES ('b.example', 'x', 'p@q.example'), ('b.example', 'x', 'q@q.example')", []string{"x@b.example"}},
		{"UPDATE address SET kind = 'list' WHERE local = 'x'", []string{"x@b.example"}},
		{"INSERT INTO listprop (domain, local, posting) VALUES ('b.example', 'x', 'anyone')", []string{"x@b.example"}},
		{"UPDATE listprop SET posting = 'members' WHERE local = 'x'", []string{"x@b.example"}},
		{"DELETE FROM listprop WHERE local = 'x'", []string{"x@b.example"}},
		{"DELETE FROM address WHERE local = 'x'", []string{"x@b.example"}},
		{"UPDATE forwarding SET dest = 'n@q.example' WHERE local = 'ana' AND dest = 'bruno@acme.example'", []string{string(ana)}},
		{"DELETE FROM forwarding" + where, []string{string(ana)}},
		{"DELETE FROM send_as" + where, []string{string(ana)}},
		{"INSERT INTO send_as (domain, local, delegate) VALUES ('acme.example', 'bruno', 'x@y.example')", []string{string(bruno)}},
		{"UPDATE send_as SET local = 'ana' WHERE local = 'bruno'", []string{string(ana), string(bruno)}},
		{"UPDATE trusted_network SET network = '192.0.2.0/24' WHERE local = 'ana' AND network = '10.0.0.0/8'", []string{string(ana)}},
		{"INSERT INTO trusted_network (domain, local, network) VALUES ('acme.example', 'bruno', '192.0.2.0/24')", []string{string(bruno)}},
		{"DELETE FROM trusted_network", []string{string(ana), string(bruno)}},
		{"UPDATE access_window SET end_min = 1000" + where, []string{string(ana)}},
		{"INSERT INTO access_window (domain, local, dow, n, start_min, end_min) VALUES ('acme.example', 'bruno', 1, 0, 0, 60)", []string{string(bruno)}},
		{"DELETE FROM access_window", []string{string(ana), string(bruno)}},
		{"UPDATE observed SET storage_used = 1", nil},
		{"INSERT INTO autoresponder (domain, local, body) VALUES ('acme.example', 'bruno', 'away')", nil},
		{"UPDATE mailuser SET name = 'nobody' WHERE local = 'nobody'", nil},
		{"BEGIN; UPDATE mailuser SET name = 'y'; ROLLBACK", nil},
		{"DELETE FROM address WHERE local = 'ana'", []string{string(ana)}},
	} {
		exec(test.sql)
		reader.reads(test.sql, test.want...)
	}
	h.become(h.small(), nil)
	reader.reads("an apply")
	if err := h.witness.ForgetNotes(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if notes, err := h.witness.Notes(t.Context(), 0); err != nil || len(notes) > 0 {
		t.Errorf("%d notes are left, error %v", len(notes), err)
	}
	exec("UPDATE mailuser SET name = 'z'" + where)
	reader.reads("after all was forgotten", string(ana)) // ids go on
	if err := h.witness.ForgetNotes(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if notes, err := h.witness.Notes(t.Context(), 0); err != nil || len(notes) != 1 {
		t.Errorf("%d notes are left, error %v; want the new one", len(notes), err)
	}
}

// A noteReader reads notes as an agent does.
type noteReader struct {
	*harness
	after int64
	by    string
}

// reads demands the names that were noted since the last time.
func (r *noteReader) reads(what string, want ...string) {
	r.Helper()
	notes, err := r.witness.Notes(r.Context(), r.after)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, n := range notes {
		if n.ID <= r.after || n.By != r.by || time.Since(n.At).Abs() > time.Minute {
			r.Errorf("%s: got %+v after %d", what, n, r.after)
		}
		r.after = n.ID
		names = append(names, n.Name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); !slices.Equal(names, want) {
		r.Errorf("%s: noted %q, want %q", what, names, want)
	}
}

// Watched demands that a watch tells of what somebody else writes. write may be
// called again and again.
func Watched(t *testing.T, s reconcile.Watcher, write func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for range s.Watch(ctx) {
			return
		}
	}()
	// The watch may begin after a write, so there is more than one.
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for {
		write()
		select {
		case <-told:
			if ctx.Err() != nil {
				t.Error("nothing was told within a minute")
			}
			return
		case <-beat.C:
		}
	}
}

package storetest

import (
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// testUndo takes back runs of every kind of change.
func testUndo(h *harness) {
	secrets := make(schema.Secrets)
	states := []schema.State{
		h.small(),
		with(h.small(), full(ana, secrets)),
		with(without(h.small(), aliasKey(office)), NewUser(office)),
		without(h.small(), userKey(ana), listKey(team)),
		with(h.small(), &schema.Domain{Name: "b.example"}, full("u@b.example", secrets)),
		nil,
	}
	h.become(states[0], secrets)
	for _, want := range states {
		before := h.live()
		changes := h.diff(before, want)
		h.apply(changes, secrets)
		h.holds(want)
		undo := reconcile.Invert(changes, h.live())
		h.apply(undo, nil)
		h.holds(before)
		h.apply(reconcile.Invert(undo, before), nil)
		h.holds(want)
	}
}

// testLedger: what was done is told as it was done.
func testLedger(h *harness) {
	if h.ledger == nil {
		return // it is kept elsewhere, and tested there
	}
	base := with(h.small(), &schema.List{Address: team, Members: []schema.Address{ana}, Posting: schema.PostingMembers})
	first := h.become(base, nil)
	changes := h.diff(h.live(), with(without(base, userKey(bruno)), named(ana, "Ana"), NewUser("c@acme.example")))
	changes[0].Fields[0].Origin = &schema.Origin{Pos: schema.Pos{File: "users/ana.yaml", Line: 3, Column: 7}, Via: "profile sales"}
	b := batch(changes, nil)
	b.Undoes, b.ID, b.LiveUsers = first, 77, 77
	second, err := h.s.Apply(h.Context(), b)
	if err != nil {
		h.Fatal(err)
	}
	third := h.apply(nil, nil)

	want := []reconcile.Run{
		{ID: third, LiveUsers: 2},
		{ID: second, LiveUsers: 2, Undoes: first, Summary: reconcile.Summary{Create: 1, Update: 1, Delete: 1}},
		{ID: first, LiveUsers: 2, Summary: reconcile.Summary{Create: 5}},
	}
	for i := range want {
		want[i].At, want[i].Actor, want[i].Revision, want[i].Plan = at.UTC(), "suite", "r1", "p1"
	}
	if diff := cmp.Diff(want, h.runs()); diff != "" {
		h.Errorf("runs (-want +got)\n%s", diff)
	}
	newest, err := h.ledger.Runs(h.Context(), 1)
	if diff := cmp.Diff(want[:1], newest); err != nil || diff != "" {
		h.Errorf("newest run: error %v (-want +got)\n%s", err, diff)
	}
	run, err := h.ledger.Run(h.Context(), second)
	want[1].Changes = h.settled(reconcile.Order(slices.Clone(changes)))
	run.Changes = h.settled(run.Changes)
	if diff := cmp.Diff(want[1], run); err != nil || diff != "" {
		h.Errorf("run: error %v (-want +got)\n%s", err, diff)
	}
	for _, unknown := range []int64{0, -1, third + 1} {
		if _, err := h.ledger.Run(h.Context(), unknown); !errors.Is(err, reconcile.ErrNoRun) {
			h.Errorf("run %d: got error %v, want ErrNoRun", unknown, err)
		}
	}
}

// testSecrets: hashes travel apart, and those that were replaced are remembered.
func testSecrets(h *harness) {
	secrets := make(schema.Secrets)
	user := func(hash string) schema.State {
		u := NewUser(ana)
		u.Password = secrets.Add(hash)
		return with(h.small(), u)
	}
	one, two, none := user("{X}one"), user("{X}two"), h.small()
	h.become(none, nil)
	b := batch(h.diff(none, one), nil)
	if err := h.fail(b); !errors.Is(err, reconcile.ErrNoSecret) {
		h.Errorf("got error %v, want ErrNoSecret", err)
	}
	b.Secrets = schema.Secrets{one.Find(userKey(ana)).(*schema.User).Password: "{X}another"}
	h.fail(b)
	h.become(one, secrets)
	h.become(two, secrets)
	h.become(one, nil) // {X}one was replaced, so it is remembered
	h.become(two, nil)
	h.become(without(h.small(), userKey(ana)), nil)
	h.become(two, nil)
	h.become(none, nil)
	// A new user may take over the hash of one who goes in the same batch.
	h.become(two, nil)
	heir := NewUser("heir@acme.example")
	heir.Password = two.Find(userKey(ana)).(*schema.User).Password
	h.become(with(without(h.small(), userKey(ana)), heir), nil)
}

// seen is an add-on that its user has configured.
var seen = schema.Observed{
	AddOnProtocol: schema.ProtocolPOP, AddOnSharing: schema.SharingComplete, AddOnMailbox: "ana@partner.example",
	AddOnSaved: true, Backup: schema.BackupCompleted, StorageUsed: 5 << 40, LastSignInUnix: 1774745400,
}

// testRename: a user who takes over a mailbox takes over what belongs to it.
func testRename(h *harness) {
	renamed := func(status string) *schema.User {
		u := named("silva@acme.example", "Ana")
		u.RenamedFrom, u.Status = ana, status
		return u
	}
	left := without(h.small(), userKey(ana))
	forward := &schema.Alias{Address: ana, To: []schema.Address{"silva@acme.example"}}
	occupied := &schema.Alias{Address: "silva@acme.example", To: []schema.Address{ana}}
	for _, test := range []struct {
		before, after schema.State
	}{
		{h.small(), with(left, renamed(schema.StatusActive))},
		{h.small(), with(left, renamed(schema.StatusActive), forward)},
		{with(h.small(), occupied), with(left, renamed(schema.StatusActive), forward)},
	} {
		h.become(test.before, nil)
		h.observed(ana, seen)
		changes := h.diff(h.live(), test.after)
		h.apply(changes, nil)
		h.holds(test.after)
		h.sees("silva@acme.example", seen)
		h.apply(reconcile.Invert(changes, h.live()), nil)
		h.holds(test.before)
		h.sees(ana, seen)
	}
	// A rename that reactivates is a reactivation.
	deactivated := NewUser(ana)
	deactivated.Status = schema.StatusDeactivated
	h.become(with(h.small(), deactivated), nil)
	h.become(with(left, renamed(schema.StatusActive)), nil)
	unsaved := seen
	unsaved.AddOnSaved = false
	h.sees("silva@acme.example", unsaved)
	h.become(h.small(), nil)
	// When the old user stays, or two claim the mailbox, nobody loses one.
	h.apply(h.diff(h.small(), with(h.small(), renamed(schema.StatusActive))), nil)
	h.sees("silva@acme.example", schema.Observed{})
	h.become(h.small(), nil)
	h.observed(ana, seen)
	second := renamed(schema.StatusActive)
	second.Address = "tavares@acme.example"
	h.become(with(left, renamed(schema.StatusActive), second), nil)
	h.sees("silva@acme.example", seen)
	h.sees("tavares@acme.example", schema.Observed{})
}

// testNoRename: a store that cannot rename a mailbox refuses to make another one and
// delete the first, with the mail in it.
func testNoRename(h *harness) {
	h.become(h.small(), nil)
	renamed := named("silva@acme.example", "Ana")
	renamed.RenamedFrom = ana
	want := with(without(h.small(), userKey(ana)), renamed)
	h.fail(batch(reconcile.Diff(h.live(), want), nil))
	if changes := h.diff(h.live(), want); len(changes) > 0 {
		h.Errorf("a plan for it is %+v", changes)
	}
}

// testObserved: what users own is theirs, within their locks, and a
// reactivation makes them save their configuration anew.
func testObserved(h *harness) {
	if h.observer == nil {
		return // nobody can set it, so there is nothing to keep
	}
	h.become(h.small(), nil)
	if err := h.observer.SetObserved(h.Context(), "nobody@acme.example", seen); err == nil {
		h.Error("what a user owns was set for an address without user")
	}
	h.observe(ana, seen)
	locked := NewUser(ana)
	locked.Lock.MailAddOn, locked.Status = schema.Locked, schema.StatusDeactivated
	h.become(with(h.small(), locked), nil)
	h.sees(ana, seen)
	other := seen
	for _, change := range []func(){
		func() { other.AddOnProtocol = schema.ProtocolIMAP },
		func() { other.AddOnSharing = schema.SharingPrivate },
		func() { other.AddOnMailbox = "" },
	} {
		other = seen
		change()
		if err := h.observer.SetObserved(h.Context(), ana, other); err == nil {
			h.Errorf("a locked add-on was changed to %+v", other)
		}
		h.sees(ana, seen)
	}
	other = seen
	other.StorageUsed++
	h.observe(ana, other) // the system's own figures are not the user's configuration

	suspended := NewUser(ana)
	suspended.Status = schema.StatusSuspended
	h.become(with(h.small(), suspended), nil)
	h.sees(ana, other)
	h.become(with(h.small(), locked), nil)
	h.become(h.small(), nil)
	other.AddOnSaved = false
	h.sees(ana, other)
	// A locked user who configured nothing cannot begin to, and can be deleted.
	h.become(with(without(h.small(), userKey(ana)), lockedUser(bruno)), nil)
	if err := h.observer.SetObserved(h.Context(), bruno, seen); err == nil {
		h.Error("a locked add-on was configured")
	}
	h.become(h.small(), nil)
	h.observe(ana, seen)
	h.become(with(h.small(), lockedUser(ana)), nil)
	h.become(without(h.small(), userKey(ana)), nil)
	h.become(h.small(), nil)
	h.sees(ana, schema.Observed{})
}

// testBackupState: the state of a backup is written beside what the user owns,
// under any lock, and what the user writes meanwhile stays.
func testBackupState(h *harness) {
	if h.marker == nil || h.observer == nil {
		return
	}
	h.become(with(h.small(), lockedUser(bruno)), nil)
	if err := h.marker.MarkBackup(h.Context(), "nobody@acme.example", "queued"); err == nil {
		h.Error("a backup was marked for an address without user")
	}
	want := seen
	h.observe(ana, seen)
	for _, state := range []string{"queued", "running", "failed", "completed"} {
		want.Backup = state
		want.StorageUsed++
		h.observe(ana, want)
		for _, at := range []schema.Address{ana, bruno} {
			if err := h.marker.MarkBackup(h.Context(), at, state); err != nil {
				h.Errorf("%s of %s: %v", state, at, err)
			}
		}
		h.sees(ana, want)
		h.sees(bruno, schema.Observed{Backup: state})
	}
}

func lockedUser(a schema.Address) *schema.User {
	u := NewUser(a)
	u.Lock.MailAddOn = schema.Locked
	return u
}

// observed sets what a user owns, where the store can.
func (h *harness) observed(at schema.Address, o schema.Observed) {
	h.Helper()
	if h.observer != nil {
		h.observe(at, o)
	}
}

// sees demands what is observed of a user, where it could be set.
func (h *harness) sees(at schema.Address, want schema.Observed) {
	h.Helper()
	if h.observer == nil {
		return
	}
	if diff := cmp.Diff(want, h.read().Observed[at]); diff != "" {
		h.Errorf("observed of %s (-want +got)\n%s", at, diff)
	}
}

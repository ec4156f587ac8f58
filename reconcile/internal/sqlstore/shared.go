package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// Transactions is how one database runs something in a transaction: to begin it,
// to end it, and to put its errors into the words of reconcile. A store that
// does not exist yet reads as [Nothing].
type Transactions interface {
	// Snapshot is for reading live state whole.
	Snapshot(ctx context.Context, f func(Conn) error) error
	// Reading is for everything else that is read.
	Reading(ctx context.Context, f func(Conn) error) error
	// Writing is for rows that an apply does not write.
	Writing(ctx context.Context, f func(Conn) error) error
	// Alone is for those that it does: no other apply runs beside it.
	Alone(ctx context.Context, f func(Conn) error) error
}

// Shared is what a store does alike on every database. A store embeds it.
type Shared struct{ T Transactions }

// Read implements reconcile.Store. It yields one snapshot, however long it
// takes and whatever is applied meanwhile.
func (s Shared) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		stopped := false
		err := s.T.Snapshot(ctx, func(c Conn) error {
			for row, err := range Read(c) {
				if err != nil {
					return err
				}
				if stopped = !yield(row, nil); stopped {
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(reconcile.Row{}, fmt.Errorf("read store: %w", err))
		}
	}
}

// ask runs a question in a transaction; what is the act for errors.
func ask[A any](ctx context.Context, in func(context.Context, func(Conn) error) error, what string, question func(Conn) (A, error)) (A, error) {
	var answer, none A
	err := in(ctx, func(c Conn) (err error) {
		answer, err = question(c)
		return err
	})
	if err != nil {
		return none, fmt.Errorf("%s: %w", what, err)
	}
	return answer, nil
}

// tell is ask for what has no answer.
func tell(ctx context.Context, in func(context.Context, func(Conn) error) error, what string, act func(Conn) error) error {
	if err := in(ctx, act); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Runs implements reconcile.Ledger.
func (s Shared) Runs(ctx context.Context, limit int) ([]reconcile.Run, error) {
	return ask(ctx, s.T.Reading, "read ledger", func(c Conn) ([]reconcile.Run, error) { return Runs(c, limit) })
}

// Run implements reconcile.Ledger.
func (s Shared) Run(ctx context.Context, id int64) (reconcile.Run, error) {
	return ask(ctx, s.T.Reading, "read ledger", func(c Conn) (reconcile.Run, error) { return Run(c, id) })
}

// Since implements reconcile.Ledger.
func (s Shared) Since(ctx context.Context, since time.Time) ([]reconcile.Run, error) {
	return ask(ctx, s.T.Reading, "read ledger", func(c Conn) ([]reconcile.Run, error) { return Since(c, since) })
}

// History implements reconcile.Ledger.
func (s Shared) History(ctx context.Context, name string, limit int) ([]reconcile.Run, error) {
	return ask(ctx, s.T.Reading, "read ledger", func(c Conn) ([]reconcile.Run, error) { return History(c, name, limit) })
}

// Forget drops runs from the ledger that are older than before, but never the
// newest, and the password hashes that only they named. It returns how many
// runs it dropped; they cannot be taken back any more.
func (s Shared) Forget(ctx context.Context, before time.Time) (int64, error) {
	return ask(ctx, s.T.Alone, "forget runs", func(c Conn) (int64, error) { return Forget(c, before) })
}

// SetObserved does what a webmail or panel does for its user: it writes what
// the user owns. While the user's add-on is locked, a change of its
// configuration is refused, here as for any other writer of the table
// observed, by a trigger.
func (s Shared) SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error {
	return tell(ctx, s.T.Writing, "set what "+string(at)+" owns", func(c Conn) error { return SetObserved(c, at, o) })
}

// MarkBackup writes the state of a user's backup, and nothing else of what is
// observed: what the user changes in the same moment stays.
func (s Shared) MarkBackup(ctx context.Context, at schema.Address, state string) error {
	return tell(ctx, s.T.Writing, "mark the backup of "+string(at), func(c Conn) error { return MarkBackup(c, at, state) })
}

// Recorded implements reconcile.Recorder.
func (s Shared) Recorded() []string { return Recorded }

// Grant implements reconcile.Grantor.
func (s Shared) Grant(ctx context.Context, g reconcile.Grant) error {
	return tell(ctx, s.T.Writing, "grant", func(c Conn) error { return Grant(c, g) })
}

// Grants implements reconcile.Grantor.
func (s Shared) Grants(ctx context.Context) ([]reconcile.Grant, error) {
	return ask(ctx, s.T.Reading, "read grants", Grants)
}

// Revoke implements reconcile.Grantor.
func (s Shared) Revoke(ctx context.Context, name, target string, now time.Time) (int64, error) {
	return ask(ctx, s.T.Writing, "revoke", func(c Conn) (int64, error) { return Revoke(c, name, target, now) })
}

// Pause implements reconcile.Pauser.
func (s Shared) Pause(ctx context.Context, p reconcile.Pause) error {
	return tell(ctx, s.T.Writing, "pause", func(c Conn) error { return Pause(c, p) })
}

// Pauses implements reconcile.Pauser.
func (s Shared) Pauses(ctx context.Context) ([]reconcile.Pause, error) {
	return ask(ctx, s.T.Reading, "read pauses", Pauses)
}

// Resume implements reconcile.Pauser.
func (s Shared) Resume(ctx context.Context, scope string, now time.Time) (int64, error) {
	return ask(ctx, s.T.Writing, "resume", func(c Conn) (int64, error) { return endPauses(c, scope, now) })
}

// Notes implements reconcile.Witness, where who is done later has higher ids.
func (s Shared) Notes(ctx context.Context, after int64) ([]reconcile.Note, error) {
	return ask(ctx, s.T.Reading, "read notes", func(c Conn) ([]reconcile.Note, error) { return Notes(c, after, math.MaxInt64) })
}

// Look implements reconcile.Witness.
func (s Shared) Look(ctx context.Context, names []string) ([]reconcile.Row, error) {
	return ask(ctx, s.T.Snapshot, "look up resources", func(c Conn) ([]reconcile.Row, error) { return Look(c, names) })
}

// ForgetNotes implements reconcile.Witness.
func (s Shared) ForgetNotes(ctx context.Context, before time.Time) error {
	return tell(ctx, s.T.Writing, "forget notes", func(c Conn) error { return ForgetNotes(c, before) })
}

// SharedGate is what a gate does alike on every database. A gate embeds it.
type SharedGate struct{ T Transactions }

// Access implements reconcile.Gate.
func (g SharedGate) Access(ctx context.Context, users []schema.Address) (map[schema.Address]reconcile.Access, error) {
	return ask(ctx, g.T.Reading, "read who may sign in", func(c Conn) (map[schema.Address]reconcile.Access, error) { return Access(c, users) })
}

// ClosedTo implements reconcile.Gate.
func (g SharedGate) ClosedTo(ctx context.Context, sender, recipient schema.Address) (schema.Address, error) {
	return ask(ctx, g.T.Reading, "read who may post", func(c Conn) (schema.Address, error) { return ClosedTo(c, sender, recipient) })
}

// Nothing is a store that does not exist yet: it holds no rows.
type Nothing struct{ Conn }

// Query implements Conn.
func (Nothing) Query(string, ...any) Rows { return noRows{} }

type noRows struct{}

func (noRows) Next() bool    { return false }
func (noRows) Values() []any { return nil }
func (noRows) Err() error    { return nil }
func (noRows) Close()        {}

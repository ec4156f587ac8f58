// Package mem is a store in memory: the reference that the other stores are
// compared with, and a stand-in for tests. Imports: reconcile, schema and the
// standard library.
package mem

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"mailops/reconcile"
	"mailops/schema"
)

// A Store holds its rows in memory. The zero value is empty and ready.
type Store struct {
	By      string           // who Put and Remove are noted as; "" is "somebody"
	Lacking []reconcile.Lack // what it is said not to be able to do

	mu       sync.Mutex
	rows     map[schema.Key]schema.Resource
	observed map[schema.Address]schema.Observed
	replaced map[schema.Secret]bool // fingerprints of passwords that were; hashes are not kept
	runs     []reconcile.Run
	pauses   []reconcile.Pause
	agent    agent
	notes    []reconcile.Note
	noted    int64 // the last id of a note
	watchers map[*watcher]bool
	closed   bool
}

var (
	_ reconcile.Store   = (*Store)(nil)
	_ reconcile.Ledger  = (*Store)(nil)
	_ reconcile.Pauser  = (*Store)(nil)
	_ reconcile.Leader  = (*Store)(nil)
	_ reconcile.Witness = (*Store)(nil)
	_ reconcile.Watcher = (*Store)(nil)
	_ reconcile.Limited = (*Store)(nil)
)

// Lacks implements reconcile.Limited.
func (s *Store) Lacks() []reconcile.Lack { return s.Lacking }

// New returns an empty store.
func New() *Store { return &Store{} }

// errClosed is what every method answers after Close.
var errClosed = fmt.Errorf("%w: it is closed", reconcile.ErrUnreachable)

// enter locks the store, and reports why it cannot be used.
func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	if s.rows == nil {
		s.rows, s.observed = make(map[schema.Key]schema.Resource), make(map[schema.Address]schema.Observed)
		s.replaced = make(map[schema.Secret]bool)
	}
	if s.closed {
		return errClosed
	}
	return ctx.Err()
}

// Read implements reconcile.Store: the rows as they are when it begins.
func (s *Store) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		rows, err := s.snapshot(ctx)
		for _, row := range rows {
			if err = ctx.Err(); err != nil || !yield(row, nil) {
				break
			}
		}
		if err != nil {
			yield(reconcile.Row{}, err)
		}
	}
}

func (s *Store) snapshot(ctx context.Context) ([]reconcile.Row, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	rows := make([]reconcile.Row, 0, len(s.rows))
	for key, r := range s.rows {
		row := reconcile.Row{Resource: r}
		if key.Kind == schema.KindUser {
			row.Observed = s.observed[key.Address()]
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b reconcile.Row) int { return a.Key().Compare(b.Key()) })
	return rows, nil
}

// Try says what an Apply of the batch would say now, and writes nothing.
func (s *Store) Try(ctx context.Context, b reconcile.Batch) error {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.fence(b.Epoch); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	_, err := s.check(b)
	return err
}

// Apply implements reconcile.Store.
func (s *Store) Apply(ctx context.Context, b reconcile.Batch) (int64, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	if err := s.fence(b.Epoch); err != nil {
		return 0, fmt.Errorf("apply: %w", err)
	}
	b.Changes = reconcile.Order(slices.Clone(b.Changes))
	next, err := s.check(b)
	if err != nil {
		return 0, err
	}
	s.observe(b.Changes, next)
	for _, c := range b.Changes {
		s.remember(c)
	}
	s.rows = next
	return s.record(b.Run), nil
}

// check returns the rows that the batch leaves, or why it cannot be applied.
func (s *Store) check(b reconcile.Batch) (map[schema.Key]schema.Resource, error) {
	next, err := reconcile.Carry(s.rows, b.Changes)
	if err != nil {
		return nil, err
	}
	return next, s.secrets(b)
}

// observe moves and resets what users own, as the batch asks.
func (s *Store) observe(changes []reconcile.Change, next map[schema.Key]schema.Resource) {
	moved := make(map[schema.Address]schema.Observed)
	for _, c := range changes {
		if c.Kind != schema.KindUser {
			continue
		}
		from := c.Key
		if c.Op == reconcile.OpCreate {
			from.Name = string(c.From)
		}
		before, _ := s.rows[from].(*schema.User)
		after, _ := next[c.Key].(*schema.User)
		if before == nil || after == nil || from != c.Key && next[from] != nil {
			continue // deleted, new, or the old mailbox stays
		}
		o := s.observed[from.Address()]
		delete(s.observed, from.Address()) // of several heirs, the first has it
		if before.Status == schema.StatusDeactivated && after.Status == schema.StatusActive {
			o.AddOnSaved = false
		}
		moved[c.Address()] = o
	}
	for _, c := range changes {
		if c.Kind == schema.KindUser && c.Op == reconcile.OpDelete {
			delete(s.observed, c.Address())
		}
	}
	maps.Copy(s.observed, moved)
}

// SetObserved does what a user's own side does: it writes what the user owns.
// While the add-on is locked, a change of its configuration is an error.
func (s *Store) SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	u, ok := s.rows[schema.Key{Kind: schema.KindUser, Name: string(at)}].(*schema.User)
	if !ok {
		return fmt.Errorf("there is no user %s", at)
	}
	old := s.observed[at]
	same := old.AddOnProtocol == o.AddOnProtocol && old.AddOnSharing == o.AddOnSharing && old.AddOnMailbox == o.AddOnMailbox
	if u.Lock.MailAddOn == schema.Locked && !same {
		return errors.New("the mail add-on is locked")
	}
	s.observed[at] = o
	return nil
}

// MarkBackup writes the state of a user's backup, and nothing else of what is
// observed.
func (s *Store) MarkBackup(ctx context.Context, at schema.Address, state string) error {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if _, ok := s.rows[schema.Key{Kind: schema.KindUser, Name: string(at)}]; !ok {
		return fmt.Errorf("there is no user %s", at)
	}
	o := s.observed[at]
	o.Backup = state
	s.observed[at] = o
	return nil
}

// Put writes a row behind the ledger's back, as a foreign writer does.
func (s *Store) Put(r schema.Resource) {
	defer s.mu.Unlock()
	_ = s.enter(context.Background()) // a closed store may be written to: nobody reads it
	r = schema.Clone(r)
	schema.Normalize(r)
	s.rows[r.Key()] = r
	s.note(r.Key())
}

// Remove deletes a row behind the ledger's back.
func (s *Store) Remove(key schema.Key) {
	defer s.mu.Unlock()
	_ = s.enter(context.Background())
	delete(s.rows, key)
	if key.Kind == schema.KindUser {
		delete(s.observed, key.Address())
	}
	s.note(key)
}

// Close implements reconcile.Store. What was stored is lost with the value.
func (s *Store) Close() error {
	defer s.mu.Unlock()
	s.mu.Lock()
	s.closed = true
	return nil
}

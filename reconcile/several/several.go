// Package several joins stores into one: of an organization each has what its route
// says, and all of them one ledger. What a part holds and another one should have is
// left alone. An apply goes through the parts one after another and can end between
// two of them, as in any store without transactions: the journal tells where.
//
// The ledger is one, and no sum of the parts': runs have one numbering, the guards
// count one window, and one agent leads. It has no rows: hashes stay in the parts,
// which keep ledgers of their own for what they are asked to take back.
// Imports: schema, reconcile, reconcile/internal/hosted and reconcile/sqlite.
package several

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// A Part is one of the stores. The last part of all has what fits no other route.
type Part struct {
	Name  string // as plans call it, without credentials
	Store reconcile.Store
	Route schema.StoreRoute
}

// Options say what the parts have in common.
type Options struct {
	Home *sqlite.Store // the ledger and the journal; nothing else uses it
	Lock string        // a file that is held while an apply runs
}

// A Store is several stores.
type Store struct {
	reconcile.Ledger
	reconcile.Pauser

	home    *sqlite.Store
	lock    string
	parts   []part
	routes  []schema.StoreRoute
	applies sync.Mutex // one apply at a time, of this process
	closed  atomic.Bool

	mu    sync.Mutex
	aside []reconcile.Aside // as of the last read
	led   map[int64]*lease  // by epoch
	heard notebook
}

var (
	_ reconcile.Store     = (*Store)(nil)
	_ reconcile.Ledger    = (*Store)(nil)
	_ reconcile.Limited   = (*Store)(nil)
	_ reconcile.Recorder  = (*Store)(nil)
	_ reconcile.Piecemeal = (*Store)(nil)
	_ reconcile.Leader    = (*Store)(nil)
	_ reconcile.Pauser    = (*Store)(nil)
	_ reconcile.Witness   = (*Store)(nil)
	_ reconcile.Watcher   = (*Store)(nil)
	_ reconcile.Joined    = (*Store)(nil)
	_ reconcile.Passwords = (*Store)(nil)
	_ reconcile.Licensed  = (*Store)(nil)
)

// A part is a Part with what it can do beyond reading and applying; nil is not.
type part struct {
	Part
	ledger    reconcile.Ledger
	limited   reconcile.Limited
	recorder  reconcile.Recorder
	piecemeal reconcile.Piecemeal
	leader    reconcile.Leader
	witness   reconcile.Witness
	watcher   reconcile.Watcher
	passwords reconcile.Passwords
	licensed  reconcile.Licensed
	trier     trier
	owner     owner
	checker   checker
}

// A trier says what an Apply would say, and writes nothing.
type trier interface {
	Try(ctx context.Context, b reconcile.Batch) error
}

// An owner writes what users own.
type owner interface {
	SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error
	MarkBackup(ctx context.Context, at schema.Address, state string) error
}

// A checker says what is wrong with itself.
type checker interface {
	Check(ctx context.Context) ([]string, error)
}

// powersOf is the only place where a part is asked for more.
func powersOf(p Part) part {
	out := part{Part: p}
	out.ledger, _ = p.Store.(reconcile.Ledger)
	out.limited, _ = p.Store.(reconcile.Limited)
	out.recorder, _ = p.Store.(reconcile.Recorder)
	out.piecemeal, _ = p.Store.(reconcile.Piecemeal)
	out.leader, _ = p.Store.(reconcile.Leader)
	out.witness, _ = p.Store.(reconcile.Witness)
	out.watcher, _ = p.Store.(reconcile.Watcher)
	out.passwords, _ = p.Store.(reconcile.Passwords)
	out.licensed, _ = p.Store.(reconcile.Licensed)
	out.trier, _ = p.Store.(trier)
	out.owner, _ = p.Store.(owner)
	out.checker, _ = p.Store.(checker)
	return out
}

// Join makes one store of several, which it closes when it is closed.
func Join(parts []Part, o Options) (*Store, error) {
	s := &Store{Ledger: o.Home, Pauser: o.Home, home: o.Home, lock: o.Lock, led: make(map[int64]*lease)}
	for _, p := range parts {
		s.parts = append(s.parts, powersOf(p))
		s.routes = append(s.routes, p.Route)
	}
	if len(parts) == 0 || !s.routes[len(parts)-1].Whole() {
		return nil, errors.New("join stores: the last one has to have all that fits no other")
	}
	return s, nil
}

// Routes implements reconcile.Joined.
func (s *Store) Routes() []schema.StoreRoute { return slices.Clone(s.routes) }

// of is the part that has a resource.
func (s *Store) of(key schema.Key) *part { return &s.parts[schema.RouteOf(s.routes, key)] }

// errClosed is what is answered after Close.
var errClosed = fmt.Errorf("%w: it is closed", reconcile.ErrUnreachable)

// Close implements reconcile.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	errs := []error{s.home.Close()}
	for _, p := range s.parts {
		errs = append(errs, p.Store.Close())
	}
	return errors.Join(errs...)
}

// in says in which part something went wrong.
func (p *part) in(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Name, err)
}

// Recorded implements reconcile.Recorder: what one of the parts only records.
func (s *Store) Recorded() []string {
	var out []string
	for _, p := range s.parts {
		if p.recorder != nil {
			out = append(out, p.recorder.Recorded()...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Licences implements reconcile.Licensed: each part's counts what its route gives it.
func (s *Store) Licences(ctx context.Context) (out []reconcile.Licence, err error) {
	for i := range s.parts {
		p := &s.parts[i]
		if p.licensed == nil {
			continue
		}
		paid, err := p.licensed.Licences(ctx)
		if err != nil {
			return nil, p.in(err)
		}
		for _, l := range paid {
			l.Part, l.Store = i, p.Name
			out = append(out, l)
		}
	}
	return out, nil
}

// SetPassword implements reconcile.Passwords, where the user is.
func (s *Store) SetPassword(ctx context.Context, n reconcile.NewPassword) (once bool, err error) {
	p := s.of(schema.Key{Kind: schema.KindUser, Name: string(n.User)})
	if p.passwords == nil {
		return false, p.in(reconcile.ErrHashes)
	}
	once, err = p.passwords.SetPassword(ctx, n)
	return once, p.in(err)
}

// SetObserved writes what a user owns, where the user is.
func (s *Store) SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error {
	p := s.of(schema.Key{Kind: schema.KindUser, Name: string(at)})
	if p.owner == nil {
		return p.in(errors.New("it does not keep what users own"))
	}
	return p.in(p.owner.SetObserved(ctx, at, o))
}

// MarkBackup writes the state of a user's backup, where the user is.
func (s *Store) MarkBackup(ctx context.Context, at schema.Address, state string) error {
	p := s.of(schema.Key{Kind: schema.KindUser, Name: string(at)})
	if p.owner == nil {
		return p.in(errors.New("it does not keep the state of backups"))
	}
	return p.in(p.owner.MarkBackup(ctx, at, state))
}

// Check says what is wrong with the parts.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	var out []string
	for i := range s.parts {
		p := &s.parts[i]
		if p.checker == nil {
			continue
		}
		wrong, err := p.checker.Check(ctx)
		if err != nil {
			return out, p.in(err)
		}
		for _, text := range wrong {
			out = append(out, p.Name+": "+text)
		}
	}
	return out, nil
}

// now is the time that the journal has.
func now() time.Time { return time.Now().UTC() }

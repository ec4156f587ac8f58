package mem

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// stranger is who Put and Remove are noted as when nobody says.
const stranger = "somebody"

// note writes down that somebody else wrote a resource, and wakes who watches.
func (s *Store) note(key schema.Key) {
	by := cmp.Or(s.By, stranger)
	s.noted++
	s.notes = append(s.notes, reconcile.Note{ID: s.noted, At: moment(time.Now()), By: by, Name: key.Name})
	n := reconcile.Notice{By: by}
	if key.Kind != schema.KindDomain {
		n.Users = []schema.Address{key.Address()}
	}
	for w := range s.watchers {
		w.tell(n)
	}
}

// Notes implements reconcile.Witness.
func (s *Store) Notes(ctx context.Context, after int64) ([]reconcile.Note, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	first, _ := slices.BinarySearchFunc(s.notes, after+1, func(n reconcile.Note, id int64) int { return cmp.Compare(n.ID, id) })
	return append([]reconcile.Note(nil), s.notes[first:]...), nil
}

// ForgetNotes implements reconcile.Witness.
func (s *Store) ForgetNotes(ctx context.Context, before time.Time) error {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.notes = slices.DeleteFunc(s.notes, func(n reconcile.Note) bool { return n.At.Before(moment(before)) })
	return nil
}

// Look implements reconcile.Witness.
func (s *Store) Look(ctx context.Context, names []string) ([]reconcile.Row, error) {
	rows, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	rows = slices.DeleteFunc(rows, func(r reconcile.Row) bool { return !wanted[r.Key().Name] })
	return append([]reconcile.Row(nil), rows...), nil
}

// most is how many notices wait for a watcher; more are one.
const most = 100

// A watcher is who watches. Its channel is made where it is waited for, so that
// it may live in a bubble of testing/synctest.
type watcher struct {
	wake    chan struct{}
	notices []reconcile.Notice // guarded by the store's mutex, as all of it
}

func (w *watcher) tell(n reconcile.Notice) {
	if len(w.notices) == most {
		n, w.notices = reconcile.Notice{}, nil
	}
	w.notices = append(w.notices, n)
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}

// Watch implements reconcile.Watcher: it tells of Put and Remove.
func (s *Store) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		w := &watcher{wake: make(chan struct{}, 1)}
		s.watch(w)
		defer s.unwatch(w)
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
			for _, n := range s.heard(w) {
				if ctx.Err() != nil || !yield(n) {
					return
				}
			}
		}
	}
}

func (s *Store) watch(w *watcher) {
	defer s.mu.Unlock()
	s.mu.Lock()
	if s.watchers == nil {
		s.watchers = make(map[*watcher]bool)
	}
	s.watchers[w] = true
}

func (s *Store) unwatch(w *watcher) {
	defer s.mu.Unlock()
	s.mu.Lock()
	delete(s.watchers, w)
}

func (s *Store) heard(w *watcher) []reconcile.Notice {
	defer s.mu.Unlock()
	s.mu.Lock()
	notices := w.notices
	w.notices = nil
	return notices
}

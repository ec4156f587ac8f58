package several

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"mailops/reconcile"
)

// A notebook has the notes of all parts under ids of its own, which hold as long as
// the store is open: who opens it again begins with all of them again.
type notebook struct {
	notes []reconcile.Note
	last  int64
	upTo  []int64 // the last id of each part
}

// Notes implements reconcile.Witness.
func (s *Store) Notes(ctx context.Context, after int64) ([]reconcile.Note, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.heard
	if h.upTo == nil {
		h.upTo = make([]int64, len(s.parts))
	}
	var fresh []reconcile.Note
	for i := range s.parts {
		if s.parts[i].witness == nil {
			continue
		}
		notes, err := s.parts[i].witness.Notes(ctx, h.upTo[i])
		if err != nil {
			return nil, s.parts[i].in(err)
		}
		if len(notes) > 0 {
			fresh = append(fresh, notes...)
			h.upTo[i] = notes[len(notes)-1].ID
		}
	}
	slices.SortStableFunc(fresh, func(a, b reconcile.Note) int { return a.At.Compare(b.At) })
	for _, n := range fresh {
		h.last++
		n.ID = h.last
		h.notes = append(h.notes, n)
	}
	first := slices.IndexFunc(h.notes, func(n reconcile.Note) bool { return n.ID > after })
	if first < 0 {
		return nil, nil
	}
	return slices.Clone(h.notes[first:]), nil
}

// ForgetNotes implements reconcile.Witness.
func (s *Store) ForgetNotes(ctx context.Context, before time.Time) error {
	for i := range s.parts {
		if w := s.parts[i].witness; w != nil {
			if err := w.ForgetNotes(ctx, before); err != nil {
				return s.parts[i].in(err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard.notes = slices.DeleteFunc(s.heard.notes, func(n reconcile.Note) bool { return n.At.Before(before.Truncate(time.Second)) })
	return nil
}

// Watch implements reconcile.Watcher: what each part tells.
func (s *Store) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		ctx, stop := context.WithCancel(ctx)
		told := make(chan reconcile.Notice)
		var group sync.WaitGroup
		defer group.Wait()
		defer stop()
		for i := range s.parts {
			if w := s.parts[i].watcher; w != nil {
				group.Go(func() { pass(ctx, w, told) })
			}
		}
		for {
			select {
			case <-ctx.Done():
				return
			case n := <-told:
				if !yield(n) {
					return
				}
			}
		}
	}
}

// pass passes on what a part tells.
func pass(ctx context.Context, w reconcile.Watcher, told chan<- reconcile.Notice) {
	for n := range w.Watch(ctx) {
		select {
		case <-ctx.Done():
			return
		case told <- n:
		}
	}
}

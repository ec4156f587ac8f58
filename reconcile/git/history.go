package git

import (
	"bufio"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Relation is what an older revision is to a newer one.
type Relation int

// Ancestor: the branch has grown, or stands still. Rewritten: the older one is
// no longer part of it. Unknown: the history is cut off before it is known.
const (
	Unknown Relation = iota
	Ancestor
	Rewritten
)

// String is the relation in a word.
func (r Relation) String() string {
	return [...]string{"unknown", "ancestor", "rewritten"}[r]
}

// Follows says whether new came to be by adding to old.
func (r *Repository) Follows(ctx context.Context, old, new Revision) (Relation, error) {
	if old.Commit == new.Commit {
		return Ancestor, nil
	}
	from, ok := parseID(old.Commit)
	if !ok {
		return Unknown, fmt.Errorf("compare histories: %w: %q is not a full commit name", ErrNoRevision, old.Commit)
	}
	if _, err := r.objects.kindOf(from); errors.Is(err, errMissing) {
		// Whatever came to be by adding to it would have brought it along,
		// unless the history was cut off on the way.
		return r.absent(new)
	}
	w, err := r.meet(ctx, old, new)
	switch {
	case err != nil:
		return Unknown, fmt.Errorf("compare histories: %w", err)
	case w.marks[from]&ofBoth == ofBoth:
		return Ancestor, nil
	case w.cut:
		return Unknown, nil
	}
	return Rewritten, nil
}

func (r *Repository) absent(new Revision) (Relation, error) {
	if _, _, err := r.of(new); err != nil {
		return Unknown, fmt.Errorf("compare histories: %w", err)
	}
	cut, err := r.cut()
	if err != nil || len(cut) > 0 {
		return Unknown, err
	}
	return Rewritten, nil
}

// MergeBase returns the newest commit that both have grown from. The error wraps
// ErrUnrelated when there is none, and ErrShallow when that cannot be known.
func (r *Repository) MergeBase(ctx context.Context, a, b Revision) (Revision, error) {
	w, err := r.meet(ctx, a, b)
	if err == nil && len(w.common) == 0 {
		err = ErrUnrelated
		if w.cut {
			err = ErrShallow
		}
	}
	if err != nil {
		return Revision{}, fmt.Errorf("find the merge base: %w", err)
	}
	best := w.common[0]
	for _, c := range w.common[1:] {
		if w.marks[best]&below != 0 || w.marks[c]&below == 0 && w.at(c).After(w.at(best)) {
			best = c
		}
	}
	return r.revision(best)
}

// The marks of a commit that is reached on a walk.
const (
	ofA    = 1 << iota // a has grown from it
	ofB                // b has
	below              // it lies below one that both have grown from
	ofBoth = ofA | ofB
)

// A walk goes back from two commits, the newest first, until it is known where
// they meet.
type walk struct {
	r      *Repository
	marks  map[id]byte
	times  map[id]time.Time
	queue  newest
	open   int  // commits in the queue that do not lie below a common one
	common []id // that both have grown from
	cut    bool // the history ended too early
}

func (w *walk) at(i id) time.Time { return w.times[i] }

func (r *Repository) meet(ctx context.Context, a, b Revision) (*walk, error) {
	from, _, err := r.of(a)
	if err != nil {
		return nil, err
	}
	to, _, err := r.of(b)
	if err != nil {
		return nil, err
	}
	return r.meetAll(ctx, from, []id{to})
}

// meetAll walks back from one commit on the one side and some on the other.
func (r *Repository) meetAll(ctx context.Context, a id, b []id) (*walk, error) {
	w := &walk{r: r, marks: make(map[id]byte), times: make(map[id]time.Time)}
	cut, err := r.cut()
	if err != nil {
		return nil, err
	}
	if err := w.mark(a, ofA); err != nil {
		return nil, err
	}
	for _, i := range b {
		if err := w.mark(i, ofB); err != nil {
			return nil, err
		}
	}
	for w.open > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.step(cut); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// mark adds marks to a commit, and puts it into the queue when they are new.
func (w *walk) mark(i id, marks byte) error {
	old := w.marks[i]
	if old|marks == old {
		return nil
	}
	if _, known := w.times[i]; !known {
		c, err := w.r.commit(i)
		if err != nil {
			return err
		}
		w.times[i] = c.committer.when
	}
	w.marks[i] = old | marks
	queued := w.queue.holds(i)
	if queued && old&below == 0 {
		w.open--
	}
	if w.marks[i]&below == 0 {
		w.open++
	}
	if !queued {
		heap.Push(&w.queue, queued1{i, w.times[i]})
	}
	return nil
}

// step passes the marks of the newest commit on to its parents.
func (w *walk) step(cut map[id]bool) error {
	i := w.queue.pop()
	marks := w.marks[i]
	if marks&below == 0 {
		w.open--
	}
	if marks&ofBoth == ofBoth && marks&below == 0 {
		w.common = append(w.common, i)
		marks |= below
	}
	if cut[i] {
		w.cut = true
		return nil
	}
	c, err := w.r.commit(i)
	if err != nil {
		return err
	}
	for _, parent := range c.parents {
		if err := w.mark(parent, marks); err != nil {
			return err
		}
	}
	return nil
}

// newest is a queue of commits, the newest first.
type newest struct {
	list []queued1
	in   map[id]bool
}

type queued1 struct {
	id   id
	when time.Time
}

func (q *newest) Len() int           { return len(q.list) }
func (q *newest) Less(a, b int) bool { return q.list[a].when.After(q.list[b].when) }
func (q *newest) Swap(a, b int)      { q.list[a], q.list[b] = q.list[b], q.list[a] }
func (q *newest) holds(i id) bool    { return q.in[i] }

// Push is for container/heap.
func (q *newest) Push(x any) {
	if q.in == nil {
		q.in = make(map[id]bool)
	}
	q.list = append(q.list, x.(queued1))
	q.in[x.(queued1).id] = true
}

// Pop is for container/heap.
func (q *newest) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	delete(q.in, last.id)
	return last
}

func (q *newest) pop() id { return heap.Pop(q).(queued1).id }

// cut are the commits at which a shallow history ends.
func (r *Repository) cut() (map[id]bool, error) {
	f, err := os.Open(filepath.Join(r.dirs.common, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make(map[id]bool)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if i, ok := parseID(strings.TrimSpace(lines.Text())); ok {
			out[i] = true
		}
	}
	return out, lines.Err()
}

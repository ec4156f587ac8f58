package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"mailops/schema"
)

// A taker is one run of Take.
type taker struct {
	Options
	*archive
	run    Run
	tries  map[string]int // how often a message could not be fetched, by its key
	failed int            // fetches that did not work since the last one that did
	moves  int            // fetches, of either kind
	spent  int64          // bytes that the server has sent
	lost   []string       // messages that could not be, and why
	odd    map[string]int // what was odd, and how often
	done   int            // messages of this listing that are in the archive
	listed []remote
}

// storeError is an error of the archive, not of the server: trying again does
// not help.
type storeError struct{ error }

// Unwrap returns the cause.
func (e storeError) Unwrap() error { return e.error }

// sessions signs in until every message is fetched, or nothing moves any more.
func (t *taker) sessions(ctx context.Context) error {
	for idle := 1; ; idle++ {
		moves := t.moves
		err := t.session(ctx)
		var own storeError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted: %w", ctx.Err())
		case errors.As(err, &own), errors.Is(err, errSignIn), errors.Is(err, errTotal), errors.Is(err, ErrIncomplete):
			return err
		case errors.Is(err, errTooLong) && t.moves == moves:
			return err // a listing, which would come again
		case t.moves > moves:
			idle = 0
		case idle >= attempts:
			return err
		}
		t.odd["the connection was lost: "+err.Error()]++
		if err := pause(ctx, t.Limits.Pause); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}

// session signs in once and fetches what it can.
func (t *taker) session(ctx context.Context) error {
	box, err := enter(ctx, t.Options)
	if err != nil {
		return err
	}
	defer box.leave()
	listed, odd, err := box.list()
	if err != nil {
		return err
	}
	for _, o := range odd {
		t.odd[o] = 1
	}
	match := t.match(listed)
	t.listed, t.run.Listed, t.done = listed, len(listed), len(listed)-len(match.lacking)
	t.run.Known = max(t.run.Known, t.done-t.run.Stored)
	for _, r := range match.lacking {
		if err := t.one(box, match, r); err != nil {
			return err
		}
	}
	return nil
}

// one fetches one message. What is wrong with this message alone is noted, and
// the run goes on.
func (t *taker) one(box mailbox, match *matching, r remote) error {
	key := r.key()
	if t.tries[key] >= attempts {
		return nil
	}
	err := t.fetch(box, match, r)
	t.moves++
	if err == nil {
		delete(t.tries, key)
		t.failed, t.done = 0, t.done+1
		if t.Progress != nil {
			t.Progress(t.done, t.run.Listed)
		}
		return nil
	}
	var own storeError
	if errors.As(err, &own) || errors.Is(err, errTotal) {
		return err
	}
	if t.tries[key]++; errors.Is(err, errTooLong) || box.alive() == nil {
		t.tries[key] = attempts // the same would come again
	}
	if t.tries[key] == attempts {
		t.lost = append(t.lost, fmt.Sprintf("%s: %v", r, err))
	}
	if t.failed++; t.failed >= mostFailed {
		return t.missing()
	}
	return box.alive()
}

// mostFailed is how many fetches in a row may fail before the rest is left for
// another day.
const mostFailed = 100

// fetch takes one message off the server and into the archive.
func (t *taker) fetch(box mailbox, match *matching, r remote) error {
	sp, err := t.storage.spool(r.folder)
	if err != nil {
		return storeError{fmt.Errorf("begin a message: %w", err)}
	}
	w := &meter{spool: sp, sum: sha256.New(), left: t.Limits.Total - t.spent, most: t.Limits.Message}
	err = box.fetch(r, w)
	t.spent += w.size
	if w.fault != nil {
		err = w.fault // what the server did next is a consequence
	}
	if err != nil {
		return errors.Join(err, ignore(sp.discard()))
	}
	t.run.Fetched++
	t.run.Bytes += w.size
	m := Message{Folder: r.folder, UID: r.uid, Listed: r.size, Size: w.size, SHA256: hex.EncodeToString(w.sum.Sum(nil)), FetchedAt: t.Now().UTC()}
	if err := t.keep(sp, match, r, m); err != nil {
		return storeError{fmt.Errorf("store a message: %w", err)}
	}
	return nil
}

// ignore drops the error of clearing away what failed already; mend does it
// again.
func ignore(error) error { return nil }

// keep stores what was fetched, unless the archive has it under another name.
func (t *taker) keep(sp spool, match *matching, r remote, m Message) error {
	// Servers that list a message as it lies there send the end of its last line
	// too, which it may lack.
	ended := t.Server.Protocol() == schema.ProtocolPOP && m.Size == m.Listed+int64(len(newline))
	if m.Size != m.Listed && m.Listed >= 0 && !ended {
		t.odd["messages have another size than the server lists"]++
	}
	if old := match.same(&m); old != nil {
		named := *old
		named.UID, named.Listed = m.UID, m.Listed
		if old.UID != "" && m.UID != old.UID {
			t.odd["messages are in the archive under another name that the server gave them"]++
		}
		return errors.Join(t.record(&named), sp.discard())
	}
	m.ID = t.next()
	var broken *Message
	if old := match.damaged(&m); old != nil {
		copied := *old // record writes over it
		broken, m.ID = &copied, old.ID
	}
	if err := sp.finish(&m); err != nil {
		return errors.Join(err, sp.discard())
	}
	if err := t.record(&m); err != nil {
		return errors.Join(err, sp.discard())
	}
	match.claim(t.byID[m.ID])
	t.run.Stored++
	if err := sp.publish(); err != nil || broken == nil {
		return err
	}
	return t.storage.forget(broken)
}

// missing is the error of a run that ended in peace and yet lacks messages.
func (t *taker) missing() error {
	damaged := 0
	for _, m := range t.Messages {
		if m.Damaged {
			damaged++
		}
	}
	var errs []error
	if damaged > 0 {
		errs = append(errs, fmt.Errorf("%d messages of the archive are damaged, and the server has them no longer", damaged))
	}
	for i, lost := range t.lost {
		if i == 10 {
			errs = append(errs, fmt.Errorf("and %d more", len(t.lost)-i))
			break
		}
		errs = append(errs, errors.New(lost))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrIncomplete, errors.Join(errs...))
}

// oddities tells what was odd, in order.
func (t *taker) oddities() []string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(t.odd)) {
		if n := t.odd[what]; n > 1 {
			what = fmt.Sprintf("%s (%d times)", what, n)
		}
		out = append(out, what)
	}
	return out
}

// A meter measures a message on its way to the spool.
type meter struct {
	spool spool
	sum   hash.Hash
	size  int64
	most  int64 // of this message
	left  int64 // of the run
	fault error
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	n := int64(len(p))
	switch {
	case m.size+n > m.left:
		m.fault = errTotal
	case m.size+n > m.most:
		m.fault = errTooLong
	default:
		if _, err := m.spool.Write(p); err != nil {
			m.fault = storeError{fmt.Errorf("write a message: %w", err)}
		}
	}
	if m.fault != nil {
		return 0, m.fault
	}
	m.size += n
	return m.sum.Write(p)
}

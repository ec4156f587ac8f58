package snapshot

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sign"
	"mailops/schema"
)

// A Source is a store with its ledger.
type Source interface {
	reconcile.Store
	reconcile.Ledger
}

// Options say how a snapshot is taken.
type Options struct {
	At           time.Time
	Since        time.Time // the runs from then on are needed: the beginning of the guards' window
	Store        string    // as plans name it, without credentials
	Organization string
	Key          *Key      // nil: personal fields stay, and passwords cannot be compared
	Signer       *sign.Key // nil: it is not signed
}

// A Written tells of a snapshot that was written.
type Written struct {
	Head
	Rows, Users int
}

// Write takes a snapshot of a store, row by row. What was written when it fails
// is no snapshot. An apply that gets in between is an error that wraps
// reconcile.ErrConflict.
func Write(ctx context.Context, w io.Writer, s Source, o Options) (Written, error) {
	out, err := write(ctx, w, s, o)
	if err != nil {
		return Written{}, fmt.Errorf("take a snapshot: %w", err)
	}
	return out, nil
}

func write(ctx context.Context, w io.Writer, s Source, o Options) (Written, error) {
	if o.Signer == nil {
		return pack(ctx, w, s, o)
	}
	stream := o.Signer.Stream(sign.Snapshot)
	defer stream.Close()
	out, err := pack(ctx, io.MultiWriter(w, stream), s, o)
	if err == nil {
		_, err = io.WriteString(io.MultiWriter(w, stream), "\n")
	}
	if err != nil {
		return out, err
	}
	signature, err := stream.Signature()
	if err == nil {
		_, err = w.Write(signature)
	}
	return out, err
}

// pack writes the part that is signed.
func pack(ctx context.Context, w io.Writer, s Source, o Options) (Written, error) {
	buffered := bufio.NewWriterSize(w, 64<<10) // gzip writes a few bytes at a time
	z := gzip.NewWriter(buffered)
	z.Comment = Format
	out, err := lines(ctx, json.NewEncoder(z), s, o)
	if err != nil {
		return out, err
	}
	return out, errors.Join(z.Close(), buffered.Flush())
}

func lines(ctx context.Context, enc *json.Encoder, s Source, o Options) (Written, error) {
	runs, err := s.Since(ctx, o.Since)
	if err != nil {
		return Written{}, err
	}
	out := Written{Head: Head{At: o.At.UTC().Truncate(time.Second), Store: o.Store, Organization: o.Organization, Since: o.Since.UTC()}}
	if out.Revision, err = applied(ctx, s, runs); err != nil {
		return Written{}, err
	}
	if r, ok := s.(reconcile.Recorder); ok {
		out.Recorded = r.Recorded()
	}
	if l, ok := s.(reconcile.Limited); ok {
		out.Lacks = l.Lacks()
	}
	if o.Key != nil {
		out.Key = o.Key.id()
	}
	if err := enc.Encode(line{Head: &out.Head}); err != nil {
		return out, err
	}
	for _, r := range runs {
		r.Actor, r.Changes = "", nil
		if err := enc.Encode(line{Run: &r}); err != nil {
			return out, err
		}
	}
	if err := rows(ctx, enc, s, o.Key, &out); err != nil {
		return out, err
	}
	if err := undisturbed(ctx, s, runs); err != nil {
		return out, err
	}
	return out, enc.Encode(line{End: &end{Runs: len(runs), Rows: out.Rows}})
}

// rows writes what the store holds, row by row.
func rows(ctx context.Context, enc *json.Encoder, s Source, key *Key, out *Written) error {
	w := &rowWriter{enc: enc, redact: newRedactor(key), out: out}
	for row, err := range s.Read(ctx) {
		if err != nil {
			return fmt.Errorf("read live state: %w", err)
		}
		if err := w.take(row); err != nil {
			return err
		}
	}
	return w.flush()
}

// A rowWriter writes rows as they come, but for domains: what is an address of
// the organization is known when all of them are, and catch-alls are addresses.
type rowWriter struct {
	enc     *json.Encoder
	redact  *redactor
	out     *Written
	last    schema.Key
	domains []reconcile.Row // that wait
}

func (w *rowWriter) take(row reconcile.Row) error {
	at := row.Key()
	if w.out.Rows > 0 && w.last.Compare(at) >= 0 {
		return fmt.Errorf("read live state: %s came after %s", at, w.last)
	}
	w.last = at
	w.out.Rows++
	if at.Kind == schema.KindDomain {
		w.redact.domains[at.Name] = true
		w.domains = append(w.domains, row)
		return nil
	}
	if at.Kind == schema.KindUser {
		w.out.Users++
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.write(row)
}

func (w *rowWriter) flush() error {
	for _, row := range w.domains {
		if err := w.write(row); err != nil {
			return err
		}
	}
	w.domains = nil
	return nil
}

func (w *rowWriter) write(row reconcile.Row) error { return w.enc.Encode(lineOf(w.redact.row(row))) }

// applied is the revision of the newest run that left nothing out.
func applied(ctx context.Context, s Source, newest []reconcile.Run) (string, error) {
	whole := func(runs []reconcile.Run) (string, bool) {
		for _, r := range runs {
			if r.Whole {
				return r.Revision, true
			}
		}
		return "", false
	}
	revision, ok := whole(newest)
	if ok || len(newest) == 0 {
		return revision, nil
	}
	all, err := s.Runs(ctx, 0)
	revision, _ = whole(all)
	return revision, err
}

// undisturbed makes sure that the rows are those that the runs left: a snapshot
// with half of an apply would show a plan that nobody will ever see.
func undisturbed(ctx context.Context, s Source, before []reconcile.Run) error {
	now, err := s.Runs(ctx, 1)
	if err != nil {
		return err
	}
	if len(now) > 0 && (len(before) == 0 || now[0].ID != before[0].ID) {
		return fmt.Errorf("run %d was applied while it was taken; take it again: %w", now[0].ID, reconcile.ErrConflict)
	}
	return nil
}

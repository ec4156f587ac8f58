package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// rootPace is how often one asks whether the root is still the same folder. A
// link that leads elsewhere and a parent that is moved make no event.
const rootPace = 500 * time.Millisecond

// Why one following of a root ended, and another begins.
var (
	errMoved    = errors.New("the root is another folder now")
	errOverflow = errors.New("events were lost")
	errTryAgain = errors.New("there may be better watches")
)

// A follower hears what happens to a tree and tells it on.
type follower struct {
	Options
	dir  string
	tell chan<- news

	began   bool   // something was told before
	said    string // the trouble that was told last, "" when it is over
	looking bool   // the tree was not watched, the last time
	print   uint64 // the tree's fingerprint at the last look; 0: there was none
}

// follow follows the root, whatever becomes of it, until ctx ends. After each
// trouble everything is made anew: watches that may be wrong are not mended.
func (f *follower) follow(ctx context.Context) {
	overflow := false
	for ctx.Err() == nil {
		err := f.once(ctx, overflow)
		overflow = errors.Is(err, errOverflow)
		switch {
		case ctx.Err() != nil || errors.Is(err, errMoved) || errors.Is(err, errTryAgain):
		case overflow:
			sleep(ctx, f.Quiet) // the storm may go on
		default:
			f.trouble(ctx, fmt.Errorf("follow %s: %w", f.dir, err))
			f.looking = false // so that the end of the trouble is told
			sleep(ctx, rootPace)
		}
	}
}

// once follows the root for as long as it is the same folder and no event is
// lost. It never returns nil.
func (f *follower) once(ctx context.Context, overflow bool) error {
	t, err := f.open(ctx)
	if err != nil {
		return err
	}
	if t.watches != nil {
		defer t.watches.close()
	}
	wasLooking := f.looking
	f.looking = t.watches == nil
	if !f.looking {
		f.said = ""
	}
	if f.print == 0 || f.looking {
		// What changes after this look and before the first event is told by it.
		if err := f.look(ctx, t); err != nil {
			return err
		}
	}
	if !f.looking || !wasLooking {
		f.say(ctx, news{Event: Event{Overflow: overflow, Looking: f.looking}, urgent: !f.began})
		f.began = true
	}
	return f.listen(ctx, t)
}

// A tree is a root that is being followed.
type tree struct {
	root    string      // without links
	is      fs.FileInfo // how the root is recognized
	watches *watches    // nil: there are none

	// mend is set when a watched folder was moved. It may have been found under
	// its new name before the news of its old one came, which then took the
	// watch away from both. So all watches are made anew a little later.
	mend <-chan time.Time
}

// open finds the root and watches it, or sees that it has to be looked through.
func (f *follower) open(ctx context.Context) (*tree, error) {
	root, err := filepath.EvalSymlinks(f.dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, err
	}
	t := &tree{root: root}
	if t.is, err = os.Stat(root); err != nil {
		return nil, err
	}
	if !t.is.IsDir() {
		return nil, &fs.PathError{Op: "watch", Path: root, Err: syscall.ENOTDIR}
	}
	t.watches, err = watch(root, f.Log)
	if limit := new(limitError); errors.As(err, &limit) {
		f.trouble(ctx, fmt.Errorf("follow %s: look every %s instead: %w", f.dir, f.Look, limit))
		t.watches, err = nil, nil
	}
	return t, err
}

// listen tells what happens to a tree until it cannot go on.
func (f *follower) listen(ctx context.Context, t *tree) error {
	var events <-chan fsnotify.Event
	var lost <-chan struct{}
	var again <-chan time.Time
	if pause := f.Look; t.watches != nil {
		events, lost = t.watches.events, t.watches.lost
	} else {
		again = time.After(30 * pause)
	}
	root := time.NewTicker(rootPace)
	defer root.Stop()
	look := time.NewTimer(f.pause(0))
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case e := <-events:
			err = f.heard(ctx, t, e)
		case <-lost:
			err = errOverflow
		case <-again:
			err = errTryAgain
		case <-t.mend:
			err = errTryAgain
		case <-root.C:
			if is, stat := os.Stat(f.dir); stat != nil || !os.SameFile(is, t.is) {
				err = errMoved
			}
		case <-look.C:
			began := time.Now()
			err = f.look(ctx, t)
			look.Reset(f.pause(time.Since(began)))
		}
		if err != nil {
			return err
		}
	}
}

// pause is the time until the next look, when the last one took so long: looking
// takes a twentieth of a core at most.
func (f *follower) pause(took time.Duration) time.Duration {
	if f.looking {
		return max(f.Look, 20*took)
	}
	return max(f.Recheck, 20*took)
}

// heard takes in one event: first the watches follow what happened, then it is
// told, so that what is read upon it was watched before.
func (f *follower) heard(ctx context.Context, t *tree, e fsnotify.Event) error {
	moved := e.Has(fsnotify.Remove | fsnotify.Rename)
	switch {
	case e.Name == t.root && moved:
		return errMoved
	case e.Name == t.root:
	case !matters(e.Name):
		return nil
	case e.Has(fsnotify.Rename) && t.mend == nil && t.watches.has(e.Name):
		t.mend = time.After(f.Longest)
		fallthrough
	case moved || e.Has(fsnotify.Create) || e.Has(fsnotify.Chmod) && !t.watches.has(e.Name):
		if err := t.watches.renew(e.Name); err != nil {
			return errTryAgain // there are no watches left, and that is found out again
		}
	}
	f.say(ctx, news{})
	return nil
}

// look compares the tree with the last look, and tells when it differs.
func (f *follower) look(ctx context.Context, t *tree) error {
	print, err := fingerprint(ctx, t.root)
	if err != nil {
		return err
	}
	if f.print != 0 && f.print != print {
		f.say(ctx, news{Event: Event{Looking: f.looking}})
	}
	f.print = print
	return nil
}

// trouble tells what hinders, unless it was the last thing told of that kind.
func (f *follower) trouble(ctx context.Context, err error) {
	if err.Error() == f.said {
		return
	}
	f.said = err.Error()
	f.say(ctx, news{err: err})
}

func (f *follower) say(ctx context.Context, n news) {
	select {
	case <-ctx.Done():
	case f.tell <- n:
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

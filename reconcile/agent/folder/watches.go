package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// watches are the watches of all folders of a tree. Files need none, and would
// lose theirs when an editor puts a new file in the place of the old one.
type watches struct {
	watcher *fsnotify.Watcher
	below   map[string]map[string]bool // a watched folder → the watched folders in it
	log     *slog.Logger

	events  chan fsnotify.Event
	lost    chan struct{} // some events were; at most one word of it waits
	drained sync.WaitGroup
}

// mostQueued is how many events wait while the follower is busy. The system
// keeps about as many.
const mostQueued = 10_000

// watch watches the tree below root, which exists.
func watch(root string, log *slog.Logger) (*watches, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, &limitError{cause: err}
	}
	w := &watches{
		watcher: watcher, below: make(map[string]map[string]bool), log: log,
		events: make(chan fsnotify.Event), lost: make(chan struct{}, 1),
	}
	w.drained.Go(w.drain)
	if err = w.add(root); err == nil && !w.has(root) {
		if _, err = os.ReadDir(root); err == nil {
			err = errMoved // it can be read by now
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *watches) close() error {
	defer w.drained.Wait()
	return w.watcher.Close()
}

// drain takes all that the watcher says, as it says it, until it is closed. The
// follower cannot do so itself: the watcher says some errors while it holds the
// lock that is needed to add and remove watches, and would wait for ever for a
// follower that is about to.
func (w *watches) drain() {
	var queue []fsnotify.Event
	for {
		var events chan<- fsnotify.Event
		var next fsnotify.Event
		if len(queue) > 0 {
			events, next = w.events, queue[0]
		}
		select {
		case e, open := <-w.watcher.Events:
			if !open {
				return
			}
			if queue = append(queue, e); len(queue) > mostQueued {
				queue = nil
				w.lose()
			}
		case _, open := <-w.watcher.Errors: // events were lost, or something like it
			if !open {
				return
			}
			w.lose()
		case events <- next:
			queue = queue[1:]
		}
	}
}

func (w *watches) lose() {
	select {
	case w.lost <- struct{}{}:
	default:
	}
}

// has reports whether a folder is watched.
func (w *watches) has(dir string) bool { return w.below[dir] != nil }

// add watches a folder and those in it. The watch comes first and the look into
// the folder second, so that what is made in between is found by one of them.
// The only error is that the system has no watches left: a folder that is gone
// again or cannot be read is left out, and what its parent tells brings it back.
func (w *watches) add(dir string) error {
	err := w.watcher.Add(dir)
	var entries []fs.DirEntry
	if err == nil {
		w.below[dir] = make(map[string]bool)
		if parent := w.below[filepath.Dir(dir)]; parent != nil {
			parent[dir] = true
		}
		entries, err = os.ReadDir(dir)
	}
	if isLimit(err) {
		return &limitError{cause: err}
	}
	if err != nil {
		w.drop(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			w.log.Warn("a folder is not watched", "folder", dir, "error", err)
		}
		return nil
	}
	for _, e := range entries {
		if !e.IsDir() || hidden(e.Name()) {
			continue
		}
		if err := w.add(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// drop forgets a folder and those in it. A folder that was moved away takes its
// watches along, which would go on to speak of its old name.
func (w *watches) drop(dir string) {
	if !w.has(dir) {
		return
	}
	for sub := range w.below[dir] {
		w.drop(sub)
	}
	delete(w.below, dir)
	delete(w.below[filepath.Dir(dir)], dir)
	w.unwatch(dir)
}

// unwatch takes a watch away. fsnotify 1.10.1 loses count of watches when the
// system takes one away in the same moment, and then reads through nil: the watch
// is gone, which is what was wanted.
func (w *watches) unwatch(dir string) {
	defer func() { _ = recover() }()
	_ = w.watcher.Remove(dir) // the system removes those of deleted folders itself
}

// renew makes the watches below a name those of what has that name now, which
// may be something else than what was told: an event is old when it is read.
func (w *watches) renew(name string) error {
	w.drop(name)
	if info, err := os.Lstat(name); err != nil || !info.IsDir() || hidden(info.Name()) {
		return nil
	}
	return w.add(name)
}

// hidden reports whether a name is left out when declarations are read.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// matters reports whether what happens to a name below the root is told. Two
// dots begin what Kubernetes puts in the place of its volumes' content: links in
// the tree lead through them.
func matters(name string) bool {
	base := filepath.Base(name)
	return !hidden(base) || strings.HasPrefix(base, "..")
}

// A limitError says that the system has no watches left.
type limitError struct{ cause error }

func (e *limitError) Unwrap() error { return e.cause }

func (e *limitError) Error() string {
	switch {
	case errors.Is(e.cause, syscall.ENOSPC):
		return fmt.Sprintf("no more folders can be watched, raise fs.inotify.max_user_watches: %v", e.cause)
	case errors.Is(e.cause, syscall.EMFILE):
		return fmt.Sprintf("nothing can be watched, raise fs.inotify.max_user_instances or the limit of open files: %v", e.cause)
	}
	return fmt.Sprintf("folders cannot be watched: %v", e.cause)
}

func isLimit(err error) bool {
	for _, limit := range []error{syscall.ENOSPC, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, limit) {
			return true
		}
	}
	return false
}

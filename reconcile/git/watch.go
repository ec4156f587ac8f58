package git

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// Watch tells each time that the branch of a local repository has moved, was
// deleted, or is back, until ctx ends and the channel is closed. Several moves
// may be told as one. It may miss moves, as on a network's file system, so
// callers ask Head now and then as well. Of a mirror it tells nothing.
func (r *Repository) Watch(ctx context.Context) (<-chan struct{}, error) {
	out := make(chan struct{}, 1)
	if r.dirs.mirror {
		context.AfterFunc(ctx, func() { close(out) })
		return out, nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the branch: %w", err)
	}
	watch := &watching{r: r, w: w, out: out}
	if err := watch.begin(); err != nil {
		w.Close()
		return nil, fmt.Errorf("watch the branch: %w", err)
	}
	go watch.run(ctx)
	return out, nil
}

// A watching is one Watch under way.
type watching struct {
	r       *Repository
	w       *fsnotify.Watcher
	out     chan struct{}
	at      string // where the branch was when it was last looked at
	folders map[string]bool
}

// where is the branch's place, or what is wrong with it.
func (w *watching) where() string {
	i, err := w.r.tip()
	if err != nil {
		return err.Error()
	}
	return i.String()
}

func (w *watching) begin() error {
	err := w.follow()
	w.at = w.where()
	return err
}

// follow watches the folders in which the branch may be written: those of HEAD,
// of packed-refs, and of each step of its name. Files are not watched, since
// git replaces them.
func (w *watching) follow() error {
	want := []string{w.r.dirs.git, w.r.dirs.common}
	ref := w.r.headRef()
	if ref == "HEAD" {
		if _, next, err := w.r.dirs.refOnce("HEAD"); err == nil && validRef(next) {
			ref = next
		}
	}
	for at := 0; ; {
		next := strings.IndexByte(ref[at:], '/')
		if next < 0 {
			break
		}
		want = append(want, filepath.Join(w.r.dirs.common, filepath.FromSlash(ref[:at+next])))
		at += next + 1
	}
	w.folders = make(map[string]bool)
	for n, dir := range want {
		w.folders[dir] = true
		if err := w.w.Add(dir); err != nil && n < 2 {
			return err
		} // the others come and go with the branches in them
	}
	for _, dir := range w.w.WatchList() {
		if !w.folders[dir] {
			w.w.Remove(dir) // it may be gone already
		}
	}
	return nil
}

// matters tells the events that may be a move from the many that are not.
func (w *watching) matters(e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	return !e.Has(fsnotify.Chmod) && !strings.HasSuffix(name, ".lock") && name != "index"
}

func (w *watching) run(ctx context.Context) {
	defer close(w.out)
	defer w.w.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.w.Events:
			if !ok {
				return
			}
			if w.matters(e) {
				w.look()
			}
		case _, ok := <-w.w.Errors: // too many events: some were lost
			if !ok {
				return
			}
			w.look()
		}
	}
}

// look tells when the branch is elsewhere. The folders are watched before it is
// read, so that a move in between is seen.
func (w *watching) look() {
	w.follow() // what cannot be watched is polled for by the caller
	at := w.where()
	if at == w.at {
		return
	}
	w.at = at
	select {
	case w.out <- struct{}{}:
	default: // told already, and not yet heard
	}
}

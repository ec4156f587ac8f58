// Package folder follows a folder of declarations that is being edited. What the
// system tells about files is a hint and no more: watches overflow, run out and
// are silent on some file systems. So a change is told once the tree has been
// quiet for a moment, never what changed; who hears it reads the tree anew, and
// keeps its last good state while a file is half written.
// Imports: the standard library and fsnotify.
package folder

import (
	"context"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// An Event says that the tree has changed, and has been quiet since or was
// waited for long enough.
type Event struct {
	Overflow bool // so much happened that some of it was lost, and the watches were made anew
	Looking  bool // there are no watches: changes are found by looking through the tree
}

// Options says how to follow a folder. The zero value is for a folder that
// people edit.
type Options struct {
	// Quiet is how long nothing must happen before a change is told; 0 is 200 ms.
	Quiet time.Duration

	// Longest is how long a change waits for quiet; 0 is 2 s. When changes go on
	// within that time after they were told, both times are twice as long for
	// the next, four times for the one after it, and so on: Quiet at most as long
	// as Longest, and Longest at most 16 times as long as it was.
	Longest time.Duration

	// Look is the time between two looks through a tree that the system does not
	// watch; 0 is 2 s. A tree that takes long to look through has longer ones.
	Look time.Duration

	// Recheck is the time between two looks through a tree that is watched, as
	// network file systems do not tell what others change; 0 is 5 min.
	Recheck time.Duration

	// Log hears which folders cannot be watched; nil is silent.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Quiet = orElse(o.Quiet, 200*time.Millisecond)
	o.Longest = orElse(o.Longest, 2*time.Second)
	o.Look = orElse(o.Look, 2*time.Second)
	o.Recheck = orElse(o.Recheck, 5*time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func orElse(d, usual time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return usual
}

// Watch says when the tree below dir has changed, until ctx ends or its reader
// stops. The first event comes as soon as dir is followed. Changes during one
// turn of the reader are one event at the next. Names that begin with a dot are
// left out, as when declarations are read.
//
// An error says what hinders (dir is gone, or the system has no watches left),
// once, and does not end the watch: the next event says that dir is followed
// again. dir may be a symbolic link, and lead elsewhere later.
func Watch(ctx context.Context, dir string, o Options) iter.Seq2[Event, error] {
	o, dir = o.withDefaults(), filepath.Clean(dir)
	return func(yield func(Event, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		heard, settled := make(chan news), make(chan news)
		var both sync.WaitGroup
		defer both.Wait()
		defer stop()
		both.Go(func() { (&follower{Options: o, dir: dir, tell: heard}).follow(ctx) })
		both.Go(func() { settle(ctx, o, heard, settled) })
		for {
			select {
			case <-ctx.Done():
				return
			case n := <-settled:
				if !yield(n.Event, n.err) {
					return
				}
			}
		}
	}
}

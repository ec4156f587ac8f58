package main

import (
	"context"

	"mailops/reconcile"
	"mailops/schema"
)

// A reading is a live store that is being read while its caller does other
// things: a hundred thousand users take longer than all the rest of a preview.
type reading struct {
	app    *app
	ctx    context.Context
	cancel context.CancelFunc

	read  chan struct{} // closed when what follows is there
	store liveStore     // nil: it could not be opened, or is closed
	in    reconcile.Input
	err   error
}

// readLive begins to read the live store. One of input and stop ends it.
func (a *app) readLive(ctx context.Context, how access) *reading {
	r := &reading{app: a, read: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(ctx)
	go func() {
		defer close(r.read)
		r.in, r.err = a.asked()
		if r.err == nil {
			r.err = r.whole(how)
		}
	}()
	return r
}

// whole reads all of the store, which stays open.
func (r *reading) whole(how access) error {
	s, name, err := r.app.open(r.ctx, how)
	if err != nil {
		return err
	}
	r.store, r.in.Store = s, name
	if recorder, ok := s.(reconcile.Recorder); ok {
		r.in.Recorded = recorder.Recorded()
	}
	if limited, ok := s.(reconcile.Limited); ok {
		r.in.Lacks = limited.Lacks()
	}
	_, r.in.Piecemeal = s.(reconcile.Piecemeal)
	if licensed, ok := s.(reconcile.Licensed); ok {
		if r.in.Licences, err = licensed.Licences(r.ctx); err != nil {
			return err
		}
	}
	if r.in.Live, err = reconcile.ReadLive(r.ctx, s); err != nil {
		return err
	}
	if joined, ok := s.(reconcile.Joined); ok {
		r.in.Aside, r.in.Routes = joined.Aside(), joined.Routes()
	} else {
		r.in.Sole = r.app.sole()
	}
	return nil
}

// stop ends a reading whose result nobody needs.
func (r *reading) stop() {
	r.cancel()
	<-r.read
	if r.store != nil {
		r.store.Close()
		r.store = nil
	}
}

// input waits for the live state, and reads of the ledger what the guards of the
// organization ask for.
func (r *reading) input(org schema.Organization) (reconcile.Input, error) {
	defer r.app.progress("reading the live store")()
	defer r.stop()
	<-r.read
	if r.err == nil {
		r.in.Runs, r.err = r.store.Since(r.ctx, r.app.window(org))
	}
	return r.in, r.err
}

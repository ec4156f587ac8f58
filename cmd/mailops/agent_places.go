package main

import (
	"context"
	"errors"
	"io/fs"

	"mailops/reconcile/agent"
	"mailops/schema"
)

// places is where an agent has the live state, by the revision that it follows.
type places struct {
	app    *app
	routes []schema.StoreRoute
}

// read implements agent.Where.
func (p *places) read(files fs.FS) (string, error) {
	routes, err := p.app.agreed(files)
	if err != nil {
		return "", err
	}
	p.routes = routes
	return p.app.nameOf(routes)
}

// open opens the live store, which must be one that agents can keep.
func (p *places) open(ctx context.Context) (agent.Store, error) {
	s, name, err := p.app.openRouted(ctx, p.routes, toWrite)
	if err != nil {
		return nil, err
	}
	store, ok := s.(agent.Store)
	if !ok {
		return nil, errors.Join(usage("no agent can keep %s", name), s.Close())
	}
	return store, nil
}

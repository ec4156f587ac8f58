package agent

import (
	"context"
	"fmt"
)

// place finds out where the live state is before the store is opened for the first
// time: from what is known of the repository, which is asked only when that is nothing.
func (p *pass) place(ctx context.Context) error {
	if p.Where == nil || p.store != nil {
		return nil
	}
	head, err := p.Source.Head(ctx)
	if err != nil {
		if head, err = p.head(ctx); err != nil {
			return err
		}
	}
	_, err = p.moved(ctx, head)
	return err
}

// moved reports whether a revision has its live state elsewhere than the one before,
// and lets go of the store then.
func (p *pass) moved(ctx context.Context, r Revision) (bool, error) {
	files, err := p.Source.FS(ctx, r)
	if err != nil {
		return false, err
	}
	name, err := p.Where(files)
	switch {
	case err != nil && p.store != nil:
		return false, nil // a revision that is wrong changes nothing
	case err != nil:
		return false, fmt.Errorf("where the live state is: %w", err)
	}
	was := p.at
	p.at, p.Name = name, name
	if was == name || p.store == nil {
		return false, nil
	}
	p.Log.Warn("agent: the declarations name other stores", "store", name, "before", was)
	p.end()
	p.store, p.lease, p.watch, p.hand = nil, nil, nil, hand{}
	return true, nil
}

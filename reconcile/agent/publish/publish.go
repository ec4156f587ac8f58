// Package publish puts snapshots of the live store where previews of pull requests
// find them: into a file, or onto a branch that holds nothing else.
//
// Imports: reconcile/agent, reconcile/git, reconcile/sign, reconcile/snapshot and
// the standard library.
package publish

import (
	"context"
	"errors"
	"os"

	"mailops/reconcile/agent"
	"mailops/reconcile/sign"
	"mailops/reconcile/snapshot"
)

// Keys are what snapshots are made with.
type Keys struct {
	Sign   *sign.Key     // nil: they are not signed
	Redact *snapshot.Key // nil: personal fields stay
}

// with are the options of a snapshot that is made with the keys.
func (k Keys) with(o snapshot.Options) snapshot.Options {
	o.Signer, o.Key = k.Sign, k.Redact
	return o
}

// A File is one that each snapshot replaces.
type File struct {
	Keys
	Name string
}

var (
	_ agent.Publisher = (*File)(nil)
	_ agent.Publisher = (*Branch)(nil)
)

// Where implements agent.Publisher.
func (f *File) Where() string { return f.Name }

// Publish implements agent.Publisher.
func (f *File) Publish(ctx context.Context, s snapshot.Source, o snapshot.Options) (snapshot.Written, error) {
	out, err := f.create()
	if err != nil {
		return snapshot.Written{}, err
	}
	defer out.Discard()
	written, err := snapshot.Write(ctx, out, s, f.with(o))
	if err == nil {
		err = ctx.Err() // another agent may lead by now
	}
	if err != nil {
		return written, err
	}
	return written, out.Keep()
}

// Fits says what keeps a snapshot from being put there now; nil is nothing.
func (f *File) Fits() error {
	out, err := f.create()
	if err == nil {
		out.Discard()
	}
	return err
}

// ErrPipe: a pipe or a device is waited for, and keeps nothing for who comes later.
var ErrPipe = errors.New("is no file")

func (f *File) create() (*snapshot.File, error) {
	if info, err := os.Stat(f.Name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, ErrPipe
	}
	return snapshot.Create(f.Name)
}

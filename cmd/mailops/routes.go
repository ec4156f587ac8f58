package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/several"
	"mailops/reconcile/sqlite"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// Where the ledger of several stores is, relative to the declarations, and what is
// held while an apply on them runs.
const (
	homeStore = ".mailops/stores.db"
	homeLock  = ".mailops/stores.lock"
)

// routes are those of the declarations, to several stores; none is one store. Those of
// a pull request are its base's: what it names nobody has agreed to yet, and a preview
// must not take this machine's credentials there. --store says one store in their place.
func (a *app) routes(ctx context.Context) ([]schema.StoreRoute, error) {
	if a.store != "" {
		return nil, nil
	}
	files, done, err := a.routeFiles(ctx)
	if err != nil || files == nil {
		return nil, err
	}
	defer done()
	return a.agreed(files)
}

// agreed are the routes of files, unless somebody has said one store on this machine.
func (a *app) agreed(files fs.FS) ([]schema.StoreRoute, error) {
	if a.store != "" {
		return nil, nil
	}
	routes, err := routesOf(files)
	if err == nil && len(routes) > 0 && a.env["MAILOPS_STORE"] != "" {
		return nil, usage("%s names several stores (`stores:`), and $MAILOPS_STORE one for everything: unset it, or say --store to mean it", load.Root)
	}
	return routes, err
}

// routeFiles are the files that say it; nil is none.
func (a *app) routeFiles(ctx context.Context) (files fs.FS, done func(), err error) {
	if a.rev == "" && a.base == "" {
		root, err := os.OpenRoot(a.dir)
		if err != nil {
			return nil, nil, nil //nolint:nilerr // whoever reads the declarations says so
		}
		return root.FS(), func() { _ = root.Close() }, nil
	}
	repo, inside, err := a.clone(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := a.routeRevision(ctx, repo)
	if err == nil {
		files, err = repo.FS(r, inside)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, repo.Close()
	case err != nil:
		return nil, nil, errors.Join(err, repo.Close())
	}
	return files, func() { _ = repo.Close() }, nil
}

// routesOf reads the routes of the file that says who the organization is. What is
// wrong with it is an error only where it says something of stores: there is no guess
// at where to write.
func routesOf(files fs.FS) ([]schema.StoreRoute, error) {
	text, err := fs.ReadFile(files, load.Root)
	if err != nil || !bytes.Contains(text, []byte("stores")) {
		return nil, nil //nolint:nilerr // whoever reads the declarations says so
	}
	decls, problems, err := organizationProblems(files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	org, more := resolve.Organization(decls)
	return org.Stores, append(problems, more...).Err()
}

// severalName names several stores as plans do: each with what its route says.
func severalName(routes []schema.StoreRoute) string {
	names := make([]string, len(routes))
	for i, r := range routes {
		names[i] = partName(r.Store)
		what := append([]string(nil), r.Domains...)
		for _, kind := range r.Kinds {
			what = append(what, string(kind))
		}
		if len(what) > 0 {
			names[i] += " (" + strings.Join(what, ", ") + ")"
		}
	}
	return strings.Join(names, "; ")
}

// partName names one of several stores: its settings are in the declarations.
func partName(url string) string {
	name, _, _ := strings.Cut(label(url), "?")
	return name
}

// openSeveral opens the stores of some routes as one, with the ledger that they share.
func (a *app) openSeveral(ctx context.Context, routes []schema.StoreRoute, how access) (liveStore, error) {
	path := filepath.Join(a.dir, homeStore)
	if how == toWrite {
		keepOut(filepath.Dir(path))
	}
	home, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: how == toRead})
	if err != nil {
		return nil, err
	}
	opened := []interface{ Close() error }{home}
	fail := func(err error) (liveStore, error) {
		for _, s := range opened {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	var parts []several.Part
	for _, r := range routes {
		s, err := a.openPart(ctx, r.Store, how)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", partName(r.Store), err))
		}
		opened = append(opened, s)
		parts = append(parts, several.Part{Name: partName(r.Store), Store: s, Route: r})
	}
	s, err := several.Join(parts, several.Options{Home: home, Lock: filepath.Join(a.dir, homeLock)})
	if err != nil {
		return fail(err)
	}
	return s, nil
}

// openPart opens one of several stores.
func (a *app) openPart(ctx context.Context, url string, how access) (reconcile.Store, error) {
	open, rest := a.openerOf(url)
	if open == nil || rest == "" {
		return nil, usage("`stores:` of %s: no such store; want sqlite:PATH, postgres://HOST/DATABASE, zohomail://ORGID?region=eu or emailarray://", load.Root)
	}
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok && !filepath.IsAbs(file) {
		rest = filepath.Join(a.dir, file)
		if how == toWrite && filepath.Dir(rest) == filepath.Join(a.dir, filepath.Dir(homeStore)) {
			keepOut(filepath.Dir(rest))
		}
	}
	return open(ctx, rest, how)
}

// sole is how `stores:` would name the one store that is used.
func (a *app) sole() string {
	url := a.storeURL()
	file, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return label(url)
	}
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return url
	}
	if inside, err := filepath.Rel(dir, absolute(file)); err == nil && filepath.IsLocal(inside) {
		return "sqlite:" + filepath.ToSlash(inside)
	}
	return url
}

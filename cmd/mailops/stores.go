package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/postgres"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// defaultStore is where live state is when nobody says otherwise, relative to
// the declarations.
const defaultStore = ".mailops/live.db"

// An access says what a verb does with the store.
type access int

const (
	toRead  access = iota // a store that does not exist yet is an empty one
	toWrite               // it is created
)

// A liveStore is what the stores of this program are: a store with its ledger.
type liveStore interface {
	reconcile.Store
	reconcile.Ledger
}

// opener opens the store of one scheme.
type opener func(ctx context.Context, rest string, how access) (liveStore, error)

// openers maps the scheme of a store's URL to what opens it.
var openers = map[string]opener{
	"sqlite": func(ctx context.Context, path string, how access) (liveStore, error) {
		return sqlite.Open(ctx, path, sqlite.Options{ReadOnly: how == toRead})
	},
	"postgres": func(ctx context.Context, rest string, how access) (liveStore, error) {
		return postgres.Open(ctx, "postgres:"+rest, postgres.Options{ReadOnly: how == toRead})
	},
	"postgresql": func(ctx context.Context, rest string, how access) (liveStore, error) {
		return postgres.Open(ctx, "postgres:"+rest, postgres.Options{ReadOnly: how == toRead})
	},
	"mem": func(context.Context, string, access) (liveStore, error) { return mem.New(), nil },
}

// open opens the live store, and names it as plans do.
func (a *app) open(ctx context.Context, how access) (liveStore, string, error) {
	routes, err := a.routes(ctx)
	if err != nil {
		return nil, "", err
	}
	return a.openRouted(ctx, routes, how)
}

// openRouted opens the stores of some routes; the one store when there are none.
func (a *app) openRouted(ctx context.Context, routes []schema.StoreRoute, how access) (liveStore, string, error) {
	if len(routes) > 0 {
		s, err := a.openSeveral(ctx, routes, how)
		return s, severalName(routes), err
	}
	open, name, err := a.oneStore()
	if err != nil {
		return nil, "", err
	}
	_, rest, _ := strings.Cut(a.storeURL(), ":")
	if own := filepath.Join(a.dir, defaultStore); how == toWrite && rest == own {
		keepOut(filepath.Dir(own))
	}
	s, err := open(ctx, rest, how)
	return s, name, err
}

// keepOut makes a folder of this program's own, for this user alone, and keeps it
// out of the repository that it lies in: it holds hashes. What goes wrong here,
// the store's own attempt tells.
func keepOut(dir string) {
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // it is there
	}
	_, _ = f.WriteString("*\n")
	_ = f.Close()
}

// nameOf names the stores of some routes as plans do; the one store when there are none.
func (a *app) nameOf(routes []schema.StoreRoute) (string, error) {
	if len(routes) > 0 {
		return severalName(routes), nil
	}
	_, name, err := a.oneStore()
	return name, err
}

// oneStore names the store that --store says, and says how it is opened.
func (a *app) oneStore() (opener, string, error) {
	url := a.storeURL()
	open, rest := a.openerOf(url)
	if open == nil || rest == "" && url != "mem:" {
		return nil, "", usage("--store %s: want sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, zohomail://ORGID?region=eu, emailarray:// or mem:", postgres.Label(url))
	}
	return open, label(url), nil
}

// openerOf is what opens the store of a URL, and what it is given; nil is nothing.
func (a *app) openerOf(url string) (opener, string) {
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok {
		return nil, ""
	}
	if service := hosted[scheme]; service != nil {
		return func(ctx context.Context, _ string, how access) (liveStore, error) { return service(ctx, a, url, how) }, rest
	}
	return openers[scheme], rest
}

// label is a URL without credentials.
func label(url string) string {
	if strings.HasPrefix(url, "postgres") {
		return postgres.Label(url)
	}
	return url
}

// storeURL is where live state is.
func (a *app) storeURL() string {
	return cmp.Or(a.store, a.env["MAILOPS_STORE"], "sqlite:"+filepath.Join(a.dir, defaultStore))
}

// gates maps the scheme of a store's URL to what opens it as a mail server does.
var gates = map[string]func(ctx context.Context, rest string) (reconcile.Gate, error){
	"sqlite": func(ctx context.Context, path string) (reconcile.Gate, error) { return sqlite.OpenGate(ctx, path) },
	"postgres": func(ctx context.Context, rest string) (reconcile.Gate, error) {
		return postgres.OpenGate(ctx, "postgres:"+rest)
	},
}

// openGate opens the live store as a mail server does.
func (a *app) openGate(ctx context.Context) (reconcile.Gate, error) {
	if routes, err := a.routes(ctx); err != nil || len(routes) > 0 {
		return nil, cmp.Or(err, usage("the declarations name several stores: say with --store which of them the mail server reads"))
	}
	url := a.storeURL()
	scheme, rest, _ := strings.Cut(url, ":")
	open := gates[scheme]
	if open == nil || rest == "" {
		return nil, usage("--store %s: no mail server reads it", postgres.Label(url))
	}
	return open(ctx, rest)
}

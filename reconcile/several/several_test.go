package several_test

import (
	"path/filepath"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/several"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// byKind has lists and aliases in a store of their own.
var byKind = []schema.StoreRoute{{Store: "lists", Kinds: []schema.Kind{schema.KindList, schema.KindAlias}}, {Store: "rest"}}

// byDomain has one domain of the suite elsewhere too.
var byDomain = []schema.StoreRoute{{Store: "b", Domains: []string{"b.example"}}, byKind[0], byKind[1]}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) reconcile.Store { s, _ := join(t, byDomain); return s })
}

// join joins stores in memory.
func join(t *testing.T, routes []schema.StoreRoute) (*several.Store, []*mem.Store) {
	t.Helper()
	var parts []several.Part
	var stores []*mem.Store
	for _, r := range routes {
		s := mem.New()
		stores = append(stores, s)
		parts = append(parts, several.Part{Name: r.Store, Store: s, Route: r})
	}
	return joined(t, parts), stores
}

func joined(t *testing.T, parts []several.Part) *several.Store {
	t.Helper()
	dir := t.TempDir()
	home, err := sqlite.Open(t.Context(), filepath.Join(dir, "home.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := several.Join(parts, several.Options{Home: home, Lock: filepath.Join(dir, "lock")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

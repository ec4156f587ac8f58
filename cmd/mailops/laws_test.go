package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/load/edit"
	"mailops/schema/resolve"
)

// FuzzImport is law 6 of the design: what a store holds, written as YAML, has
// no problems, and a plan after it is empty.
func FuzzImport(f *testing.F) {
	f.Add(uint64(1), 1, 0)
	f.Add(uint64(2), 12, 1)
	f.Add(uint64(3), 40, 3)
	user, list, err := load.Defaults()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, seed uint64, size, steps int) {
		rng := rand.New(rand.NewPCG(seed, 6))
		live, _ := storetest.Random(rng, 1+abs(size)%64)
		for range abs(steps) % 4 {
			live, _ = storetest.Mutate(rng, live)
		}
		live = lawful(live)
		files := edit.Import(live, edit.Defaults{Organization: "acme", User: user, List: list})
		fsys := make(fstest.MapFS, len(files))
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: text}
		}
		decls, problems, err := load.FS(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		w, more := resolve.At(decls, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), nil)
		if problems = append(problems, more...); len(problems) > 0 {
			t.Fatalf("seed %d: the import has problems:\n%v", seed, problems)
		}
		want := reconcile.LeaveAlone(w.State, live, nil)
		if changes := reconcile.Diff(live, want); len(changes) > 0 {
			t.Fatalf("seed %d: the plan after the import is not empty (-live +want):\n%s", seed, gocmp.Diff(live.Find(changes[0].Key), want.Find(changes[0].Key)))
		}
	})
}

// lawful makes of a state that a store can hold one that declarations can ask
// for: addresses that the law takes, references that are known, no circles, and
// time zones resolved, as everything that mailops writes has them.
func lawful(s schema.State) schema.State {
	users, zones := make(map[schema.Address]bool), make(map[string]string)
	for _, r := range s {
		switch r := r.(type) {
		case *schema.User:
			users[r.Address] = addressable(r.Address)
		case *schema.Domain:
			zones[r.Name] = cmp.Or(r.Timezone, "UTC")
		}
	}
	known := func(a schema.Address) bool { return users[a] || zones[a.Domain()] == "" && addressable(a) }
	var out schema.State
	for _, r := range s {
		r = schema.Clone(r)
		switch r := r.(type) {
		case *schema.Domain:
			if !known(r.CatchAll) {
				r.CatchAll = ""
			}
		case *schema.User:
			r.Timezone = cmp.Or(r.Timezone, zones[r.Address.Domain()])
			if h := r.Permissions.AccessHours; h != nil {
				hours := *h
				hours.Timezone = cmp.Or(hours.Timezone, r.Timezone)
				r.Permissions.AccessHours = &hours
			}
			r.Permissions.SendAs = keep(r.Permissions.SendAs, func(a schema.Address) bool { return users[a] })
			r.Forwarding.To = keep(r.Forwarding.To, func(a schema.Address) bool { return known(a) && !users[a] })
		case *schema.Alias:
			if r.To = keep(r.To, known); len(r.To) == 0 {
				r.To = []schema.Address{"somebody@partner.example"}
			}
		case *schema.List:
			r.Members = keep(r.Members, known)
		}
		if r.Key().Kind == schema.KindDomain || addressable(r.Key().Address()) {
			out = append(out, r)
		}
	}
	return out
}

// addressable reports whether the law takes the address.
func addressable(a schema.Address) bool {
	return a != "" && !strings.Contains("."+a.Local()+".", "..") && !strings.ContainsAny(a.Local(), " \"\\\t\n")
}

func keep(addresses []schema.Address, good func(schema.Address) bool) []schema.Address {
	return slices.DeleteFunc(slices.Clone(addresses), func(a schema.Address) bool { return !good(a) })
}

func abs(n int) int { return max(n, -(n + 1)) }

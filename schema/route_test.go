package schema_test

import (
	"testing"

	"mailops/schema"
)

func TestRouteOf(t *testing.T) {
	routes := []schema.StoreRoute{
		{Store: "legacy", Domains: []string{"legacy.example"}},
		{Store: "some", Domains: []string{"legacy.example", "b.example"}, Kinds: []schema.Kind{schema.KindUser}},
		{Store: "lists", Kinds: []schema.Kind{schema.KindList, schema.KindAlias}},
		{Store: "rest"},
	}
	for _, test := range []struct {
		kind schema.Kind
		name string
		want string
	}{
		{schema.KindUser, "ana@legacy.example", "legacy"},
		{schema.KindList, "team@legacy.example", "legacy"},
		{schema.KindDomain, "legacy.example", "legacy"},
		{schema.KindUser, "ana@b.example", "some"},
		{schema.KindList, "team@b.example", "lists"},
		{schema.KindDomain, "b.example", "rest"}, // an entry with kinds has no domains
		{schema.KindAlias, "office@acme.example", "lists"},
		{schema.KindUser, "ana@acme.example", "rest"},
		{schema.KindUser, "ana@sub.legacy.example", "rest"},
		{schema.KindDomain, "acme.example", "rest"},
	} {
		if got := routes[schema.RouteOf(routes, schema.Key{Kind: test.kind, Name: test.name})].Store; got != test.want {
			t.Errorf("%s %s is in %s, want %s", test.kind, test.name, got, test.want)
		}
	}
}

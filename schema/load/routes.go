package load

import (
	"strings"

	"mailops/schema"
)

// routes finds what is wrong with the routes to several stores: the last one has all
// that fits no other, and no store comes twice.
func routes(d *schema.Declaration) schema.Problems {
	stores := d.Body.Get("stores")
	if stores == nil || stores.Kind != schema.Sequence {
		return nil
	}
	var problems schema.Problems
	wrong := func(i int, message, hint string) {
		problems = append(problems, d.Problem(&stores.Items[i], schema.IndexPath("stores", i), "store-routes", message, hint))
	}
	seen := make(map[string]bool)
	for i := range stores.Items {
		r, last := &stores.Items[i], i == len(stores.Items)-1
		store := text(r.Get("store"))
		whole := unsaid(r.Get("domains")) && unsaid(r.Get("kinds"))
		switch {
		case seen[store]:
			wrong(i, "the store "+store+" has an entry already", "put its domains and kinds into one")
		case strings.Contains(store, "@") || strings.Contains(strings.ToLower(store), "password="):
			wrong(i, "the URL holds a name or password", "credentials are in the environment where mailops runs, or in a file there")
		case last && !whole:
			wrong(i, "the last store has all that fits no other, and this one is for some", "end with an entry that has neither domains nor kinds")
		case !last && whole:
			wrong(i, "this store has everything, and what comes after it would have nothing", "say its domains or kinds, or put it last")
		}
		seen[store] = true
	}
	return problems
}

// unsaid reports whether a list is left out, or says nothing.
func unsaid(list *schema.Node) bool { return list == nil || len(list.Items) == 0 }

package schema

import "slices"

// StoreRoute says what is in one of several stores.
type StoreRoute struct {
	Store   string   `json:"store"`   // its URL, without credentials
	Domains []string `json:"domains"` // none: all
	Kinds   []Kind   `json:"kinds"`   // none: all, and the domains themselves
}

// fits reports whether a resource is in the store, unless one before has it.
func (r *StoreRoute) fits(key Key) bool {
	return (len(r.Domains) == 0 || slices.Contains(r.Domains, key.Domain())) && (len(r.Kinds) == 0 || slices.Contains(r.Kinds, key.Kind))
}

// RouteOf says which of some routes a resource goes: the first that fits. Of routes
// as declarations have them the last one fits everything.
func RouteOf(routes []StoreRoute, key Key) int {
	return slices.IndexFunc(routes, func(r StoreRoute) bool { return r.fits(key) })
}

// Whole reports whether all that no other route has goes this one.
func (r *StoreRoute) Whole() bool { return len(r.Domains) == 0 && len(r.Kinds) == 0 }

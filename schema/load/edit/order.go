package edit

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"mailops/schema"
)

// A shape is what the law knows of a value: the order of a mapping's keys, and
// where addresses are. The shape of a list is the one of its elements. A nil
// shape knows nothing.
type shape struct {
	names   []string
	fields  map[string]*shape
	list    bool
	address bool
}

// shapes holds the shape of each kind, derived from the types of schema, whose
// fields are in the order of the law.
var shapes = sync.OnceValue(func() map[schema.Kind]*shape {
	out := map[schema.Kind]*shape{
		schema.KindOrganization: shapeOf(reflect.TypeFor[schema.Organization]()),
		schema.KindProfile:      shapeOf(reflect.TypeFor[schema.Profile]()),
		schema.KindDomain:       shapeOf(reflect.TypeFor[schema.Domain]()),
		schema.KindUser:         shapeOf(reflect.TypeFor[schema.User]()),
		schema.KindAlias:        shapeOf(reflect.TypeFor[schema.Alias]()),
		schema.KindList:         shapeOf(reflect.TypeFor[schema.List]()),
	}
	out[schema.KindDomain].fields["name"].address = true // a domain is folded like an address
	return out
})

func shapeOf(t reflect.Type) *shape {
	isList := t.Kind() == reflect.Slice
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	s := &shape{list: isList, address: t == reflect.TypeFor[schema.Address]()}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return s
	}
	s.fields = make(map[string]*shape)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" {
			continue
		}
		s.names = append(s.names, name)
		s.fields[name] = shapeOf(f.Type)
	}
	return s
}

// of returns the shape of a member.
func (s *shape) of(key *node) *shape {
	if s == nil || key == nil {
		return s
	}
	return s.fields[key.text]
}

// rank is the place of a key in the law's order; unknown keys come last.
func (s *shape) rank(name string) int {
	if s == nil {
		return 0
	}
	if i := slices.Index(s.names, name); i >= 0 {
		return i
	}
	return len(s.names)
}

// shapeOfDocument is the shape of the kind that the document says it is.
func shapeOfDocument(root *node) *shape {
	if root == nil {
		return nil
	}
	kind := root.find("kind")
	if kind == nil {
		return nil
	}
	return shapes()[schema.Kind(kind.value.text)]
}

// order puts the keys below n in the order of the law.
func (n *node) order(s *shape) {
	if s == nil {
		return
	}
	if n.kind == mapping {
		slices.SortStableFunc(n.entries, func(a, b *entry) int { return s.rank(a.key.text) - s.rank(b.key.text) })
	}
	for _, e := range n.entries {
		e.value.order(s.of(e.key))
	}
}

// fold puts the addresses below n in lower case.
func (n *node) fold(s *shape) {
	if s == nil {
		return
	}
	if n.kind == text && s.address {
		n.text = lower(n.text)
	}
	for _, e := range n.entries {
		e.value.fold(s.of(e.key))
	}
}

// lower folds letters, but none that would become another script's: the Kelvin
// sign stays one, for the rules about look-alikes to see.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); r < unicode.MaxASCII || l > unicode.MaxASCII {
			return l
		}
		return r
	}, s)
}

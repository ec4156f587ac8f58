package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A Value is one field's value as canonical JSON; "" is a field without one.
type Value string

// MarshalJSON prints the value; one that is absent prints as null.
func (v Value) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return []byte(v), nil
}

// UnmarshalJSON reads what MarshalJSON prints, and compacts it.
func (v *Value) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*v = ""
		return nil
	}
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		return err
	}
	compact, err := json.Marshal(any)
	*v = Value(compact)
	return err
}

// Strings returns the elements of a list of texts; nil for anything else.
func (v Value) Strings() []string {
	var out []string
	if json.Unmarshal([]byte(v), &out) != nil {
		return nil
	}
	return out
}

// Text is the value in words: a text without quotes, a boolean as on or off, a
// list joined by commas.
func (v Value) Text() string {
	var s string
	switch {
	case v == "":
		return "none"
	case v == "true":
		return "on"
	case v == "false":
		return "off"
	case strings.HasPrefix(string(v), "["):
		return strings.Join(v.Strings(), ", ")
	case json.Unmarshal([]byte(v), &s) == nil:
		return s
	}
	return string(v)
}

// A Field is one live field of a kind, named by its path in declarations, such
// as mailboxActions.imap.
type Field struct {
	Path  string
	index []int
}

// Secret reports whether the field holds a fingerprint.
func (f Field) Secret() bool { return f.Path == "password" }

// identity is the field that names a resource.
var identity = map[Kind]string{KindDomain: "name", KindUser: "address", KindAlias: "address", KindList: "address"}

var fieldsOf = sync.OnceValue(func() map[Kind][]Field {
	types := map[Kind]reflect.Type{
		KindDomain: reflect.TypeFor[Domain](),
		KindUser:   reflect.TypeFor[User](),
		KindAlias:  reflect.TypeFor[Alias](),
		KindList:   reflect.TypeFor[List](),
	}
	out := make(map[Kind][]Field, len(types))
	for kind, t := range types {
		for _, f := range liveFields(t, "", nil) {
			if f.Path != identity[kind] {
				out[kind] = append(out[kind], f)
			}
		}
	}
	return out
})

// Fields lists the live fields of a kind but the one that names it, in the
// order of the law.
func Fields(kind Kind) []Field { return fieldsOf()[kind] }

// FieldAt returns the live field of that path.
func FieldAt(kind Kind, path string) (Field, bool) {
	for _, f := range Fields(kind) {
		if f.Path == path {
			return f, true
		}
	}
	return Field{}, false
}

// liveFields walks a struct: a nested struct is a group of fields, anything
// else one field.
func liveFields(t reflect.Type, prefix string, index []int) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("live") == "-" {
			continue
		}
		path, at := prefix, append(append([]int(nil), index...), i)
		if !f.Anonymous {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			path = JoinPath(prefix, name)
		}
		if f.Type.Kind() == reflect.Struct {
			out = append(out, liveFields(f.Type, path, at)...)
			continue
		}
		out = append(out, Field{Path: path, index: at})
	}
	return out
}

func (f Field) of(r Resource) reflect.Value { return reflect.ValueOf(r).Elem().FieldByIndex(f.index) }

// Get returns the field's value in r.
func (f Field) Get(r Resource) Value {
	v := f.of(r)
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return "true"
		}
		return "false"
	case reflect.String, reflect.Slice:
		if v.Len() == 0 {
			return ""
		}
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		panic(fmt.Sprintf("schema: field %s cannot be printed: %v", f.Path, err)) // the types of this package can
	}
	return Value(data)
}

// Set puts a value into r, in place.
func (f Field) Set(r Resource, value Value) error {
	v := f.of(r)
	fresh := reflect.New(v.Type())
	if value != "" {
		if err := json.Unmarshal([]byte(value), fresh.Interface()); err != nil {
			return fmt.Errorf("%s of %s: %w", f.Path, r.Key(), err)
		}
	}
	v.Set(fresh.Elem())
	return nil
}

// Equal reports whether a and b, of one kind, agree on the field.
func (f Field) Equal(a, b Resource) bool {
	x, y := f.of(a), f.of(b)
	switch x.Kind() {
	case reflect.Bool:
		return x.Bool() == y.Bool()
	case reflect.String:
		return x.String() == y.String()
	case reflect.Int64:
		return x.Int() == y.Int()
	case reflect.Slice:
		if x.Len() == 0 && y.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}

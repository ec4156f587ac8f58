package schema

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Decode puts what a node says into a value of this package, field by field,
// and leaves alone what it does not say: decoding a profile and then a user
// into one struct is how inheritance works. A list, and a field that the law
// judges whole (accessHours, travelMode), replaces what was there. A [Secret]
// is left to the caller. The error names the path.
func Decode(n *Node, into any) error {
	return decode(n, reflect.ValueOf(into).Elem(), "")
}

func decode(n *Node, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		return decodePointer(n, v, path)
	case reflect.Struct:
		if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return decodeText(n, text, path)
		}
		return decodeStruct(n, v, path)
	case reflect.Slice:
		return decodeSlice(n, v, path)
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return decodeText(n, text, path)
	}
	return decodeScalar(n, v, path)
}

func decodePointer(n *Node, v reflect.Value, path string) error {
	if n.Kind == Null || n.Kind == String && n.Text == "unrestricted" {
		v.SetZero()
		return nil
	}
	fresh := reflect.New(v.Type().Elem())
	v.Set(fresh)
	return decode(n, fresh.Elem(), path)
}

func decodeStruct(n *Node, v reflect.Value, path string) error {
	if n.Kind != Mapping {
		return fmt.Errorf("%s: is %s, not a mapping", path, n.Kind)
	}
	for i := range n.Items {
		item := &n.Items[i]
		field, ok := fieldNamed(v, item.Key)
		if !ok {
			return fmt.Errorf("%s: no such field", JoinPath(path, item.Key))
		}
		if field.Type() == reflect.TypeFor[Secret]() {
			continue
		}
		if err := decode(item, field, JoinPath(path, item.Key)); err != nil {
			return err
		}
	}
	return nil
}

// fieldNamed finds the field with that JSON name, in embedded structs too.
func fieldNamed(v reflect.Value, name string) (reflect.Value, bool) {
	names, ok := fieldIndexes.Load(v.Type())
	if !ok {
		names, _ = fieldIndexes.LoadOrStore(v.Type(), indexByName(v.Type()))
	}
	index, ok := names.(map[string][]int)[name]
	if !ok {
		return reflect.Value{}, false
	}
	return v.FieldByIndex(index), true
}

// fieldIndexes caches indexByName by type: a hundred thousand users are decoded
// into the same few structs.
var fieldIndexes sync.Map // reflect.Type → map[string][]int

func indexByName(t reflect.Type) map[string][]int {
	out := make(map[string][]int)
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
			out[tag] = f.Index
		}
	}
	return out
}

func decodeSlice(n *Node, v reflect.Value, path string) error {
	if n.Kind != Sequence {
		return fmt.Errorf("%s: is %s, not a list", path, n.Kind)
	}
	fresh := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i := range n.Items {
		if err := decode(&n.Items[i], fresh.Index(i), IndexPath(path, i)); err != nil {
			return err
		}
	}
	v.Set(fresh)
	return nil
}

func decodeText(n *Node, into encoding.TextUnmarshaler, path string) error {
	if err := into.UnmarshalText([]byte(n.Text)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func decodeScalar(n *Node, v reflect.Value, path string) error {
	switch {
	case v.Kind() == reflect.String && n.Kind == String:
		v.SetString(n.Text)
	case v.Kind() == reflect.Bool && n.Kind == Bool:
		v.SetBool(n.Text == "true")
	case v.Kind() == reflect.Int64 && n.Kind == Int:
		i, err := strconv.ParseInt(n.Text, 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		v.SetInt(i)
	default:
		return fmt.Errorf("%s: is %s, not %s", path, n.Kind, v.Kind())
	}
	return nil
}

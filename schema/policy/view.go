package policy

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mailops/schema"
)

// A field is one member of a resource, or of a struct within one.
type field struct {
	name  string
	index []int
	omit  bool // absent when it is an empty text
}

// unseen are the top-level fields that no policy sees: secrets, and what is no
// part of the resource at the instant that it was resolved for.
var unseen = []string{"password", "schedule", "apiVersion"}

var kindTypes = map[schema.Kind]reflect.Type{
	schema.KindDomain: reflect.TypeFor[schema.Domain](),
	schema.KindUser:   reflect.TypeFor[schema.User](),
	schema.KindAlias:  reflect.TypeFor[schema.Alias](),
	schema.KindList:   reflect.TypeFor[schema.List](),
}

// fieldsOf lists the members of a struct type, embedded structs flattened.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldLists.Load(t); ok {
		return known.([]field)
	}
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" {
			out = append(out, field{name, f.Index, options == "omitempty"})
		}
	}
	fieldLists.Store(t, out)
	return out
}

// fieldLists caches fieldsOf: a hundred thousand users are written by the same
// few lists.
var fieldLists sync.Map // reflect.Type → []field

// seenFields lists the top-level fields of a kind that policies may see.
func seenFields(kind schema.Kind) []field {
	return slices.DeleteFunc(slices.Clone(fieldsOf(kindTypes[kind])), func(f field) bool {
		return slices.Contains(unseen, f.name)
	})
}

// appendResource writes r as policies see it: canonical JSON, so that two
// resources that look the same to policies are the same text.
func (v view) appendResource(b []byte, r schema.Resource) []byte {
	value := reflect.ValueOf(r).Elem()
	b = append(b, `{"kind":"`+string(r.Key().Kind)+`"`...)
	for _, f := range fieldsOf(value.Type()) {
		if f.name == "kind" || slices.Contains(unseen, f.name) || !v.Whole && !slices.Contains(v.Fields, f.name) {
			continue
		}
		b = appendMember(b, f, value.FieldByIndex(f.index))
	}
	return append(b, '}')
}

// appendMember writes a member after others, or nothing when it is absent.
// Absent access hours are written as declarations write them.
func appendMember(b []byte, f field, v reflect.Value) []byte {
	switch {
	case v.Type() == reflect.TypeFor[*schema.AccessHours]() && v.IsNil():
		return appendName(b, f.name, `"unrestricted"`)
	case v.Kind() == reflect.Pointer && v.IsNil(), f.omit && v.Kind() == reflect.String && v.Len() == 0:
		return b
	}
	return appendValue(appendName(b, f.name, ""), v)
}

func appendName(b []byte, name, value string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, `"`+name+`":`+value...)
}

func appendValue(b []byte, v reflect.Value) []byte {
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		t, _ := text.MarshalText() // the texts of schema cannot fail
		return appendText(b, string(t))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return appendValue(b, v.Elem())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Slice:
		return appendList(b, v)
	case reflect.Struct:
		b = append(b, '{')
		for _, f := range fieldsOf(v.Type()) {
			b = appendMember(b, f, v.FieldByIndex(f.index))
		}
		return append(b, '}')
	}
	return appendText(b, v.String())
}

func appendList(b []byte, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v.Index(i))
	}
	return append(b, ']')
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a text cannot fail
	return append(b, text...)
}

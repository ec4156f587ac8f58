package zohosim

import (
	"encoding/json"
	"slices"
)

// body is what a call says. Ids come quoted and bare (§1.3).
type body map[string]any

// text is a text or a number.
func (b body) text(key string) (string, bool) { return text(b[key]) }

func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// texts is a list of texts or numbers.
func (b body) texts(key string) ([]string, bool) {
	list, ok := b[key].([]any)
	if !ok {
		return nil, false
	}
	var out []string
	for _, value := range list {
		t, ok := text(value)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, len(out) > 0
}

// objects is a list of objects.
func (b body) objects(key string) ([]body, bool) {
	list, ok := b[key].([]any)
	if !ok {
		return nil, false
	}
	var out []body
	for _, value := range list {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		out = append(out, object)
	}
	return out, len(out) > 0
}

// flag is a boolean, declared as such and shown as a text: which is accepted, a
// quirk says (§1.6). What is not there is false.
func (s *Server) flag(b body, key string) (value, ok bool) {
	switch v := b[key].(type) {
	case nil:
		return false, true
	case bool:
		return v, s.quirks.Bools != "strings"
	case string:
		return v == "true", slices.Contains([]string{"true", "false"}, v) && s.quirks.Bools != "booleans"
	}
	return false, false
}

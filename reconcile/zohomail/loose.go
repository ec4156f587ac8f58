package zohomail

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// A loose value comes in more forms than one: numbers quoted or not, above 2^53
// too, flags as texts, and what is not known as null, "" or "null" (§1.3, §1.4).
type loose json.RawMessage

// text is a text or the digits of a number; false is one that is not there.
func (l loose) text() (string, bool) {
	var s string
	if json.Unmarshal(l, &s) == nil {
		return s, s != "" && s != "null"
	}
	var n json.Number
	if json.Unmarshal(l, &n) == nil && n != "" {
		return n.String(), true
	}
	return "", false
}

// id is the digits of a number that is an id.
func (l loose) id() (string, bool) {
	s, ok := l.text()
	return s, ok && digits(s)
}

// number is a whole number.
func (l loose) number() (int64, bool) {
	s, ok := l.text()
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// flag is true or false.
func (l loose) flag() (value, ok bool) {
	if json.Unmarshal(l, &value) == nil && !bytes.Equal(bytes.TrimSpace(l), []byte("null")) {
		return value, true
	}
	s, _ := l.text()
	return s == "true", s == "true" || s == "false"
}

// rows is a list; a list of one can be that one, and nothing is none.
func (l loose) rows() ([]json.RawMessage, error) {
	trimmed := bytes.TrimSpace(l)
	switch {
	case len(trimmed) == 0, string(trimmed) == "null":
		return nil, nil
	case trimmed[0] == '{':
		return []json.RawMessage{trimmed}, nil
	}
	var out []json.RawMessage
	if json.Unmarshal(trimmed, &out) != nil {
		return nil, errShape
	}
	return out, nil
}

// errShape says that an answer cannot be understood.
var errShape = errors.New("the answer is not as documented")

// An object is a JSON object with loose values.
type object map[string]json.RawMessage

func parseObject(data []byte) (object, error) {
	var o object
	if json.Unmarshal(data, &o) != nil || o == nil {
		return nil, errShape
	}
	return o, nil
}

func (o object) text(names ...string) string {
	for _, name := range names {
		if s, ok := loose(o[name]).text(); ok {
			return s
		}
	}
	return ""
}

func (o object) id(name string) string {
	s, ok := loose(o[name]).id()
	if !ok {
		return ""
	}
	return s
}

// flag is nil when the value is not there or cannot be understood.
func (o object) flag(name string) *bool {
	value, ok := loose(o[name]).flag()
	if !ok {
		return nil
	}
	return &value
}

func (o object) number(name string) *int64 {
	n, ok := loose(o[name]).number()
	if !ok {
		return nil
	}
	return &n
}

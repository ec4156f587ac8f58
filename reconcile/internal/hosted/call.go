package hosted

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A Call is one request that changes or reads something. It is data: a journal
// keeps it as JSON before it is sent, and sends it again as it was. It holds no
// secret, only the names of those that belong in it.
type Call struct {
	Name   string  `json:"name"` // what it does, in the service's word, such as updateIMAPStatus
	Method string  `json:"method"`
	Path   string  `json:"path"`
	Query  []Field `json:"query,omitempty"`
	Body   []Field `json:"body,omitempty"` // in the order in which it is sent
}

// A Field is a named value of a query or a body. Secret names what is filled in
// when the call is sent, and Value is then empty.
type Field struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value,omitempty"`
	Secret string          `json:"secret,omitempty"`
}

// Secrets are what calls name, by their names.
type Secrets map[string]string

// Value is a field of any value that is JSON. Texts, numbers, flags and lists or
// maps of these are; nothing else is sent.
func Value(name string, value any) Field {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("hosted: the field %s cannot be written: %v", name, err)) // a test would have caught it
	}
	return Field{Name: name, Value: data}
}

// Hidden is a field whose value is the secret of that name.
func Hidden(name, secret string) Field { return Field{Name: name, Secret: secret} }

// Named are the names of the secrets that the call needs.
func (c Call) Named() []string {
	var names []string
	for _, f := range slices.Concat(c.Query, c.Body) {
		if f.Secret != "" {
			names = append(names, f.Secret)
		}
	}
	return names
}

// JSON is the body as a JSON object, nil when there is none. It holds secrets.
func (c Call) JSON(secrets Secrets) ([]byte, error) {
	if len(c.Body) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	for i, f := range c.Body {
		value, err := f.filled(secrets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		b.WriteByte("{,"[min(i, 1)])
		b.Write(Value("", f.Name).Value)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Form is the body as a form. It holds secrets.
func (c Call) Form(secrets Secrets) (url.Values, error) { return form(c.Name, c.Body, secrets) }

// Question is the query. It may hold secrets.
func (c Call) Question(secrets Secrets) (url.Values, error) { return form(c.Name, c.Query, secrets) }

func form(name string, fields []Field, secrets Secrets) (url.Values, error) {
	out := make(url.Values)
	for _, f := range fields {
		value, err := f.filled(secrets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.Add(f.Name, plain(value))
	}
	return out, nil
}

// plain is a value without the quotes of a text.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && !bytes.Equal(value, []byte("null")) {
		return text
	}
	return string(value)
}

func (f Field) filled(secrets Secrets) (json.RawMessage, error) {
	if f.Secret == "" {
		return f.Value, nil
	}
	secret, ok := secrets[f.Secret]
	if !ok || secret == "" {
		return nil, fmt.Errorf("the secret for %s is not at hand", f.Name)
	}
	return Value(f.Name, secret).Value, nil
}

// String is the call in a line, without the values of its body.
func (c Call) String() string {
	return strings.TrimSpace(c.Method + " " + c.Path + " " + c.Name)
}

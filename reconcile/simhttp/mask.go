package simhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// flags are names that sound like secrets and are none.
var flags = []string{"onetimepassword", "resetauthtoken", "getotpandtoken"}

// secret reports whether what has this name is never written down.
func secret(name string) bool {
	name = strings.ToLower(name)
	return !slices.Contains(flags, name) &&
		(strings.Contains(name, "password") || strings.Contains(name, "secret") ||
			strings.HasSuffix(name, "token") || name == "code" || name == "confirmkey")
}

// mask is NAME=VALUE without secrets.
func mask(name, value string) string {
	if secret(name) {
		value = "***"
	}
	return name + "=" + value
}

// Query is a query without secrets, sorted.
func Query(values url.Values) string { return strings.Join(Form(values), "&") }

// Form are the fields of a form without secrets, sorted.
func Form(values url.Values) []string {
	var out []string
	for name, all := range values {
		for _, value := range all {
			out = append(out, mask(name, value))
		}
	}
	slices.Sort(out)
	return out
}

// JSON are the fields of a JSON object without secrets, sorted.
func JSON(body []byte) []string {
	if len(body) == 0 {
		return nil
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return []string{fmt.Sprintf("unreadable: %d bytes", len(body))}
	}
	var out []string
	for name, value := range object {
		out = append(out, mask(name, compact(conceal(value))))
	}
	slices.Sort(out)
	return out
}

// conceal masks the secrets within a value.
func conceal(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = conceal(v[i])
		}
	case map[string]any:
		for name := range v {
			if v[name] = conceal(v[name]); secret(name) {
				v[name] = "***"
			}
		}
	}
	return value
}

// compact is a value as JSON; a string without its quotes, as in a form.
func compact(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "unreadable"
	}
	return string(data)
}

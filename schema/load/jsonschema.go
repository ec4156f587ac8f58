package load

import (
	"bytes"
	"cmp"
	"encoding/json"

	"cuelang.org/go/cue"

	"mailops/schema"
)

// An object is a JSON object of a schema.
type object map[string]any

// JSONSchema returns the law as a JSON Schema (draft 2020-12) for editors, with
// the law's own words as descriptions and its defaults. It says all that the
// law says about one document; the rules about several are for validate.
func JSONSchema() ([]byte, error) {
	l, err := compileLaw()
	if err != nil {
		return nil, err
	}
	defs := object{}
	var kinds []string
	var choose []any
	for _, kind := range schema.Kinds {
		name := string(kind)
		kinds = append(kinds, name)
		defs[name] = l.kinds[kind].jsonSchema(l.defaults[kind])
		choose = append(choose, object{
			"if":   object{"properties": object{"kind": object{"const": name}}, "required": []string{"kind"}},
			"then": object{"$ref": "#/$defs/" + name},
		})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err = enc.Encode(object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       schema.APIVersion,
		"description": "A mailops declaration.",
		"type":        "object",
		"required":    []string{"kind"},
		"properties":  object{"kind": object{"enum": kinds, "description": "What is declared."}},
		"allOf":       choose,
		"$defs":       defs,
	})
	return out.Bytes(), err
}

func (s *shapeLaw) jsonSchema(defaults *schema.Node) object {
	properties, required := object{}, []string{}
	for _, f := range s.fields {
		properties[f.name] = f.jsonSchema(defaults.Get(f.name))
		if f.required {
			required = append(required, f.name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func (f *fieldLaw) jsonSchema(fallback *schema.Node) object {
	out := f.form(fallback)
	if f.doc != "" {
		out["description"] = f.doc
	}
	if fallback != nil && fallback.Kind != schema.Mapping {
		out["default"] = fallback.Text
		if fallback.Kind != schema.String {
			out["default"] = json.RawMessage(fallback.Text)
		}
	}
	return out
}

// form is the part of a field's schema that says which values it takes.
func (f *fieldLaw) form(fallback *schema.Node) object {
	text := object{"type": "string"}
	if pattern := cmp.Or(f.pattern, f.element); pattern != nil {
		text["pattern"] = pattern.String()
	}
	switch {
	case f.secret:
		return object{"oneOf": []any{secretForm("hash"), secretForm("fromEnv")}}
	case f.shape != nil && f.words != nil:
		return object{"oneOf": []any{object{"enum": f.words}, f.shape.jsonSchema(nil)}}
	case f.shape != nil:
		return f.shape.jsonSchema(fallback)
	case f.items != nil:
		return object{"type": "array", "items": f.items.jsonSchema(nil)}
	case f.words != nil:
		return object{"enum": f.words}
	case f.atLeast:
		return object{"type": "array", "items": text, "minItems": 1}
	case f.kind == cue.ListKind:
		return object{"type": "array", "items": text}
	case f.kind == cue.BoolKind:
		return object{"type": "boolean"}
	case f.kind == cue.IntKind:
		return object{"type": "integer"}
	}
	return text
}

func secretForm(name string) object {
	return object{"type": "object", "properties": object{name: object{"type": "string"}}, "required": []string{name}, "additionalProperties": false}
}

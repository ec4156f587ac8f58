package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// packFields writes fields as a JSON list of [path, before, after], [path,
// before, after, origin] or [path, before, after, origin, drift]: half of what a plan's form takes, which matters when
// the first apply creates every user.
func packFields(fields []reconcile.FieldChange) (string, error) {
	out := append(make([]byte, 0, 48*len(fields)), '[')
	for i, f := range fields {
		path, err := json.Marshal(f.Path)
		if err != nil {
			return "", err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, '['), path...)
		for _, v := range [...]schema.Value{f.Before, f.After} {
			if out, err = packValue(append(out, ','), v); err != nil {
				return "", fmt.Errorf("%s: %w", f.Path, err)
			}
		}
		if f.Origin != nil || f.Drift {
			origin, err := json.Marshal(f.Origin)
			if err != nil {
				return "", err
			}
			out = append(append(out, ','), origin...)
		}
		if f.Drift {
			out = append(out, ",true"...)
		}
		out = append(out, ']')
	}
	return string(append(out, ']')), nil
}

func packValue(out []byte, v schema.Value) ([]byte, error) {
	if v == "" {
		return append(out, "null"...), nil
	}
	if !json.Valid([]byte(v)) {
		return nil, errors.New("its value is not JSON")
	}
	return append(out, v...), nil
}

// unpackFields reads what packFields wrote.
func unpackFields(text string) ([]reconcile.FieldChange, error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	fields := make([]reconcile.FieldChange, len(rows))
	for i, row := range rows {
		f := &fields[i]
		into := []any{&f.Path, &f.Before, &f.After, &f.Origin, &f.Drift}
		if len(row) < 3 || len(row) > len(into) {
			return nil, fmt.Errorf("a field has %d parts", len(row))
		}
		for j, part := range row {
			if err := json.Unmarshal(part, into[j]); err != nil {
				return nil, err
			}
		}
	}
	return fields, nil
}

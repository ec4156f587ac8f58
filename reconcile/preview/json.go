package preview

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"mailops/reconcile"
)

// PlanSchema is the JSON Schema (2020-12) of what [JSON] writes.
//
//go:embed plan.schema.json
var PlanSchema []byte

// beside is what the JSON form of a preview says beside the plan. It is no part of
// the plan's digest, and a saved plan has none of it.
type beside struct {
	Base     *base            `json:"base,omitempty"`
	Drift    []reconcile.Held `json:"drift,omitempty"`
	Moved    []reconcile.Held `json:"moved,omitempty"`
	Snapshot time.Time        `json:"snapshot,omitzero"`
}

type base struct {
	Name   string `json:"name"`
	Commit string `json:"commit,omitempty"`
}

// ErrShown says that a text is a plan as it is shown, which nobody applies.
var ErrShown = errors.New("this is a plan as --format json shows it: --out saves one that can be applied")

// Shown returns ErrShown for a plan as JSON writes it, when that holds more than
// the plan.
func Shown(data []byte) error {
	var b beside
	if json.Unmarshal(data, &b) == nil && (b.Base != nil || b.Drift != nil || b.Moved != nil || !b.Snapshot.IsZero()) {
		return ErrShown
	}
	return nil
}

// JSON writes a preview as the plan with what is beside it: the plan change by
// change, since it may be of everybody.
func JSON(w io.Writer, v *View) error {
	b := beside{Drift: v.Drift, Moved: v.Moved, Snapshot: v.Snapshot}
	if v.Base != "" {
		b.Base = &base{v.Base, v.BaseCommit}
	}
	var more bytes.Buffer
	enc := json.NewEncoder(&more)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(b); err != nil {
		return err
	}
	if more.String() == "{}\n" {
		return v.Write(w)
	}
	open := &unclosed{to: w}
	if err := v.Write(open); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, ",%s", bytes.TrimPrefix(more.Bytes(), []byte("{")))
	return err
}

// unclosed passes a JSON object on, all but the end that closes it.
type unclosed struct {
	to   io.Writer
	held []byte
}

// Write passes on what is surely not the end.
func (u *unclosed) Write(p []byte) (int, error) {
	const end = len("\n}\n")
	all := append(u.held, p...)
	keep := min(end, len(all))
	u.held = bytes.Clone(all[len(all)-keep:])
	_, err := u.to.Write(all[:len(all)-keep])
	return len(p), err
}

package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mailops/schema"
)

// Set gives a field a value in the n-th document that is not empty, counted
// from 0, and leaves every other byte of the text alone. The path is one such
// as mailboxActions.imap or schedule[0].until; the value is YAML of one line: a
// scalar, or a collection in brackets. A key that is missing is put where the
// law has it, with the parents that it needs. A comment behind the old value
// stays; one within a block that is replaced goes with it. An error means that
// the field cannot be set so, and that nothing was done; it never tells the
// value.
func Set(text []byte, doc int, path, value string) ([]byte, error) {
	out, err := set(string(text), doc, path, value)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", path, err)
	}
	return []byte(out), nil
}

func set(source string, doc int, path, value string) (string, error) {
	v, err := oneLine(value)
	if err != nil {
		return "", err
	}
	return change(source, doc, path, func(w way, c *cut) error {
		if slices.ContainsFunc(w.rest, func(s string) bool { return s[0] == '[' }) {
			return errors.New("there is no such element")
		}
		err := c.put(w, v, strings.TrimSpace(value))
		w.graft(v)
		return err
	})
}

// graft puts a value into the tree, at the end of the way.
func (w *way) graft(v *node) {
	for i := len(w.rest) - 1; i >= 0; i-- {
		e := &entry{key: &node{kind: text, text: w.rest[i]}, value: v}
		v = &node{kind: mapping, entries: []*entry{e}}
	}
	switch {
	case len(w.rest) > 0 && w.end.kind == mapping:
		w.end.entries = append(w.end.entries, v.entries...)
	case len(w.links) > 0:
		w.last().value = v
	}
}

// oneLine parses the value of a field.
func oneLine(value string) (*node, error) {
	t, err := parse(value)
	if err != nil {
		return nil, errors.New("the value is not YAML that can be set") // the cause might quote a secret
	}
	root, err := t.pick(0)
	if err != nil || len(t.docs) > 1 || len(t.comments) > 0 || root.isBlock() || strings.Contains(strings.TrimSpace(value), "\n") {
		return nil, errors.New("the value is not one scalar or a collection in brackets, on one line")
	}
	return root, nil
}

// change parses the text, has an edit find its cuts and make the same change to
// the tree, and returns the text with the cuts made, when it says what the tree
// says.
func change(source string, doc int, path string, edit func(way, *cut) error) (string, error) {
	names, err := steps(path)
	if err != nil {
		return "", err
	}
	body := strings.TrimPrefix(source, bom)
	t, err := parse(body)
	if err != nil {
		return "", err
	}
	root, err := t.pick(doc)
	if err != nil {
		return "", err
	}
	c := cut{text: body}
	if err := edit(follow(root, names), &c); err != nil {
		return "", err
	}
	result := c.apply()
	after, err := parse(result)
	if err != nil {
		return "", fmt.Errorf("check the result: %w", err)
	}
	if !slices.EqualFunc(after.values(), t.values(), maps.Equal) || !slices.Equal(after.remarks(nil), t.remarks(c.removed)) {
		return "", errors.New("the result would change more than this; edit it by hand")
	}
	return source[:len(source)-len(body)] + result, nil
}

// SetField puts a live field's value into a declaration, as [Set] does. A field
// without a value is said to have none, in the words of the law.
func SetField(text []byte, doc int, kind schema.Kind, path string, v schema.Value) ([]byte, error) {
	return Set(text, doc, path, inline(fieldNode(kind, path, v), true))
}

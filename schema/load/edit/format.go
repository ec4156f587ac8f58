package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// formatWidth is the longest line that a collection in brackets may fill.
const formatWidth = 100

// Format returns the canonical form of a file of declarations: two spaces of
// indentation, keys in the order of the law, texts plain where every reader
// gets them right and in double quotes elsewhere, addresses in lower case, one
// `---` between documents, every comment kept. Formatting twice changes
// nothing. An error, which names the file, means that there is no such form:
// the text is no YAML, or holds anchors, tags, complex or repeated keys.
func Format(file string, text []byte) ([]byte, error) {
	out, err := format(strings.TrimPrefix(string(text), bom))
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", file, err)
	}
	return out, nil
}

func format(source string) ([]byte, error) {
	if err := acceptable(source); err != nil {
		return nil, err
	}
	t, err := parse(strings.ReplaceAll(source, "\r\n", "\n"))
	if err != nil {
		return nil, err
	}
	for _, doc := range t.docs {
		if doc.root != nil {
			shape := shapeOfDocument(doc.root)
			doc.root.order(shape)
			doc.root.fold(shape)
		}
	}
	want := t.values()
	p := printer{width: formatWidth}
	p.file(t)
	after, err := parse(p.String())
	if err != nil {
		return nil, fmt.Errorf("check the result: %w", err)
	}
	if !slices.EqualFunc(after.values(), want, maps.Equal) || !slices.Equal(after.remarks(nil), t.remarks(nil)) {
		return nil, errors.New("the result would not say the same")
	}
	return []byte(p.String()), nil
}

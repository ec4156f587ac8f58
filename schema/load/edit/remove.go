package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Remove takes a document out of a file, counted as [Set] counts, with its
// comments. A file without any is empty.
func Remove(text []byte, doc int) ([]byte, error) {
	source := string(text)
	body := strings.TrimPrefix(source, bom)
	t, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("remove: %w", err)
	}
	root, err := t.pick(doc)
	if err != nil {
		return nil, fmt.Errorf("remove: %w", err)
	}
	roots := t.roots()
	if len(roots) == 1 {
		return nil, nil
	}
	from, to := 0, len(body)
	if doc > 0 {
		from = separator(body, roots[doc-1].end, root.start)
	}
	if doc+1 < len(roots) {
		to = separator(body, root.end, roots[doc+1].start)
		if doc == 0 { // the next one is the first then
			to += strings.IndexByte(body[to:], '\n') + 1
		}
	}
	result := body[:from] + body[to:]
	after, err := parse(result)
	if err != nil {
		return nil, fmt.Errorf("remove: check the result: %w", err)
	}
	if !slices.EqualFunc(after.values(), slices.Delete(t.values(), doc, doc+1), maps.Equal) {
		return nil, errors.New("remove: the result would change more than this; edit it by hand")
	}
	return []byte(source[:len(source)-len(body)] + result), nil
}

// roots are those of the documents that are not empty.
func (t *tree) roots() []*node {
	var out []*node
	for _, doc := range t.docs {
		if doc.root != nil {
			out = append(out, doc.root)
		}
	}
	return out
}

// separator is where the line of dashes begins that lies between two places.
func separator(text string, from, to int) int {
	for at := from; at < to; {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
		if strings.HasPrefix(text[at:], "---") {
			return at
		}
	}
	return from
}

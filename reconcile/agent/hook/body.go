package hook

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// headSize is how much of a body is kept. Every forge says the branch in the
// first few hundred bytes; the rest is only summed up as it comes, so that a
// request takes the same little memory whatever it brings.
const headSize = 4 << 10

// readBody sums up a body and returns how it begins. It gives up on one that is
// larger than the limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, sum io.Writer) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	begin := new(head)
	_, err := io.CopyBuffer(io.MultiWriter(sum, begin), http.MaxBytesReader(w, r.Body, limit), make([]byte, headSize))
	return begin.kept, err
}

// A head keeps what is written first.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), headSize-len(h.kept))]...)
	return len(p), nil
}

// refOf finds the ref that was pushed to in how a body begins; "" is none. The
// body is JSON, or a form with JSON in its field payload.
func refOf(head []byte, contentType string) string {
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		head = payloadOf(head)
	}
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		if key == "ref" {
			value, _ := d.Token() // nil with an error
			ref, _ := value.(string)
			return ref
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return ""
		}
	}
	return ""
}

// payloadOf decodes how the field payload of a form begins, where it is the
// first, as it is with those who send forms.
func payloadOf(form []byte) []byte {
	value, ok := strings.CutPrefix(string(form), "payload=")
	value, _, _ = strings.Cut(value, "&")
	if cut := strings.LastIndexByte(value, '%'); cut >= 0 && cut > len(value)-3 {
		value = value[:cut] // the head ends within it
	}
	text, err := url.QueryUnescape(value)
	if !ok || err != nil {
		return nil
	}
	return []byte(text)
}

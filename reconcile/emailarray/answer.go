package emailarray

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"mailops/reconcile/internal/hosted"
)

// An envelope is what every reply is (§4.3): returncode 1 with what was asked for,
// or 0 with a message, both under HTTP 200.
type envelope struct {
	Code *word           `json:"returncode"`
	Data json.RawMessage `json:"returndata"`
	Meta struct {
		All word `json:"all"` // how many rows there are, where a list is cut in slices
	} `json:"meta"`
}

// A reply is what became of a call.
type reply struct {
	hosted.Answer
	all word
}

// classify says what a whole answer means. A refusal is that and no more: its text
// is documented nowhere, so that whether the token, the name or the licence was
// at fault is found out by reading, never from the words.
func classify(c hosted.Call, got hosted.Reply, secrets ...string) reply {
	var e envelope
	err := json.Unmarshal(got.Body, &e)
	text := ""
	if err == nil {
		text = hosted.Clean(message(e.Data), secrets...)
	}
	out := func(o hosted.Outcome, text string) reply {
		return reply{Answer: hosted.Answer{Outcome: o, Status: got.Status, Text: text}}
	}
	switch {
	case got.Status == http.StatusTooManyRequests, got.Status != http.StatusOK && tooMany(got.Body):
		return out(hosted.Throttled, "too many requests")
	case got.Status >= http.StatusInternalServerError:
		return out(lost(c), text)
	case got.Status != http.StatusOK:
		return out(hosted.Failed, text)
	case err != nil || e.Code == nil:
		return out(lost(c), "the answer is not one of this API's")
	}
	switch *e.Code {
	case "1":
		r := out(hosted.Done, "")
		r.Data, r.all = e.Data, e.Meta.All
		return r
	case "0":
		if tooMany(got.Body) {
			return out(hosted.Throttled, "too many requests")
		}
		if text == "" {
			text = "refused without words"
		}
		return out(hosted.Refused, text)
	}
	return out(lost(c), "the answer has a returncode that is not documented")
}

// broken says what a request without a whole answer means. A host that breaks off
// is as good as one that is not there, whatever status it began with.
func broken(c hosted.Call, status int, err error) reply {
	a := hosted.Answer{Outcome: lost(c), Text: err.Error()}
	var failed *hosted.FetchError
	switch {
	case !errors.As(err, &failed) || !failed.Sent:
		a.Outcome = hosted.Failed
	case status == http.StatusTooManyRequests: // said by a page, as of a host in front of the service
		a = hosted.Answer{Outcome: hosted.Throttled, Status: status, Text: "too many requests"}
	}
	return reply{Answer: a}
}

// lost is what it means that a request may have arrived and the answer is none: a
// read changed nothing, a write may have.
func lost(c hosted.Call) hosted.Outcome {
	if reads(c) {
		return hosted.Failed
	}
	return hosted.Unknown
}

// message is the text of a refusal.
func message(data json.RawMessage) string {
	var text string
	if json.Unmarshal(data, &text) != nil {
		return ""
	}
	return text
}

// tooMany reports whether an answer speaks of too many requests. How this service
// says so, and whether it does, is not documented.
func tooMany(body []byte) bool {
	return strings.Contains(strings.ToLower(string(body)), "too many requests")
}

// rows reads a list; what is not there at all is an empty one.
func rows[T any](data json.RawMessage) (out []T, err error) {
	if s := string(data); s == "" || s == `""` {
		return nil, nil
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, errors.New("the list is in a form that no client reads")
	}
	return out, nil
}

// object reads one thing.
func object[T any](data json.RawMessage) (out T, err error) {
	if !strings.HasPrefix(string(data), "{") || json.Unmarshal(data, &out) != nil {
		return out, errors.New("the answer is in a form that no client reads")
	}
	return out, nil
}

package zohomail

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"mailops/reconcile/internal/hosted"
)

// An envelope is what every answer of the API is (§1.2).
type envelope struct {
	Status *struct {
		Code        json.Number `json:"code"`
		Description string      `json:"description"`
		Message     string      `json:"message"`
	} `json:"status"`
	Data json.RawMessage `json:"data"`
}

// already are the words of errors that say that it was so (§1.2). Public clients
// match them within a text.
var already = []string{"ALREADY ENABLED", "ALREADY_ENABLED", "NOT ENABLED", "ALREADY DISABLED", "ALREADY_VERIFIED"}

// noLicence and noRule are words of other errors that public clients saw.
const (
	noLicence = "MAXIMUM USER LICENSE LIMIT REACHED"
	noRule    = "URL Rule is not configured"
)

// classify is what an answer means for a call.
func classify(call hosted.Call, reply hosted.Reply, err error, secrets []string) hosted.Answer {
	answer := hosted.Answer{Status: reply.Status}
	if reply.Status == http.StatusTooManyRequests {
		answer.Outcome, answer.Text = hosted.Throttled, "too many requests"
		return answer
	}
	if err != nil {
		answer.Outcome, answer.Text = undelivered(err), hosted.Clean(err.Error(), secrets...)
		return answer
	}
	var e envelope
	readable := json.Unmarshal(reply.Body, &e) == nil && e.Status != nil
	status := reply.Status
	if readable && status/100 == 2 {
		if code, err := e.Status.Code.Int64(); err == nil && code != 0 {
			status = int(code) // an error can stand under HTTP 200
		}
	}
	text := e.words()
	answer.Outcome, answer.Text = outcome(call, status, readable, text, reply.Body), hosted.Clean(text, secrets...)
	if answer.Outcome == hosted.Done {
		answer.Text, answer.Data = "", e.Data
		if call.Name == changeRole {
			answer.Outcome, answer.Text = eachUser(call, e.Data)
		}
	}
	return explained(answer, readable)
}

// undelivered is what no answer means.
func undelivered(err error) hosted.Outcome {
	var failed *hosted.FetchError
	switch {
	case errors.Is(err, hosted.ErrRedirect):
		return hosted.Failed // who sends us elsewhere has done nothing
	case errors.As(err, &failed) && !failed.Sent:
		return hosted.Failed
	}
	return hosted.Unknown
}

// outcome is what a whole answer means. Of several who are to be deleted, one who
// is gone already may keep the rest from being deleted.
func outcome(call hosted.Call, status int, readable bool, text string, body []byte) hosted.Outcome {
	switch {
	case status/100 == 2 && readable:
		return hosted.Done
	case tooMany(string(body)):
		return hosted.Throttled
	case status/100 == 2, status/100 == 5:
		return hosted.Unknown
	case status == http.StatusUnauthorized:
		return hosted.TokenFailed
	case strings.Contains(text, noRule):
		return hosted.Failed
	case status == http.StatusNotFound && call.Method == http.MethodDelete && len(named(call, "accountList")) < 2, containsAny(strings.ToUpper(text), already):
		return hosted.Already
	}
	return hosted.Refused
}

// tooMany reports whether a text says that there were too many requests. It is the
// only one that was seen, at the token endpoint (§1.1); the API's is not known.
func tooMany(text string) bool { return strings.Contains(strings.ToLower(text), "too many requests") }

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// words finds what an error says: it stands in one of six places (§1.2).
func (e envelope) words() string {
	var data struct{ MoreInfo, Error, ErrorCode, ErrorData json.RawMessage }
	_ = json.Unmarshal(e.Data, &data) // a list or nothing has no words
	for _, raw := range []json.RawMessage{data.MoreInfo, data.Error, data.ErrorData, data.ErrorCode} {
		if text, ok := loose(raw).text(); ok {
			return text
		}
		if len(raw) > 1 && (raw[0] == '{' || raw[0] == '[') {
			return string(raw)
		}
	}
	if e.Status == nil {
		return ""
	}
	if e.Status.Message != "" {
		return e.Status.Message
	}
	return e.Status.Description
}

// explained adds what the words of the service do not say.
func explained(a hosted.Answer, readable bool) hosted.Answer {
	switch {
	case a.Outcome == hosted.Unknown && !readable:
		a.Text = "the answer is empty or not as documented"
	case strings.Contains(a.Text, noLicence):
		a.Text += ": no user can be added before there is a licence"
	case a.Outcome == hosted.Failed:
		a.Text += ": the API has no such call here: is the address of the service right?"
	case a.Outcome == hosted.TokenFailed:
		a.Text += ": the access token is not accepted"
	}
	return a
}

// eachUser reads what became of each user, which stands under HTTP 200 (§1.7):
// [{"<zuid>": true}].
func eachUser(call hosted.Call, data json.RawMessage) (hosted.Outcome, string) {
	var list []map[string]json.RawMessage
	if len(bytes.TrimSpace(data)) > 0 && json.Unmarshal(data, &list) != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(data, &one) != nil {
			return hosted.Unknown, "what became of each user cannot be read"
		}
		list = append(list, one)
	}
	said := make(map[string]bool)
	for _, results := range list {
		for zuid, raw := range results {
			done, ok := loose(raw).flag()
			said[zuid] = ok && done
		}
	}
	var refused []string
	for _, zuid := range named(call, "userList") {
		if done, ok := said[zuid]; ok && !done {
			refused = append(refused, zuid)
		}
	}
	if len(refused) > 0 {
		return hosted.Refused, "not done, says the service, for the users " + strings.Join(refused, ", ")
	}
	return hosted.Done, ""
}

// named is a list of texts in the body of a call.
func named(call hosted.Call, name string) (out []string) {
	for _, f := range call.Body {
		if f.Name == name {
			_ = json.Unmarshal(f.Value, &out) // we wrote it
		}
	}
	return out
}

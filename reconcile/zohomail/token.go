package zohomail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"mailops/reconcile/internal/hosted"
)

// The limits of tokens (§1.1): ten from one refresh token in ten minutes. A
// request is counted a while longer, since it may arrive late.
const (
	mostTokens  = 10
	tokenWindow = 10 * time.Minute
	tokenLate   = time.Minute
	tokenEarly  = time.Minute // so long before its end a token is not used any more
)

// tokens gets access tokens. One lasts an hour, over processes.
type tokens struct {
	host  hosted.Host
	clock hosted.Clock
	with  Credentials

	mu    sync.Mutex
	state hosted.State[tokenState]
}

// A tokenState is what is remembered of tokens.
type tokenState struct {
	Access string      `json:"access,omitempty"`
	Until  time.Time   `json:"until,omitzero"`
	Good   time.Time   `json:"good,omitzero"`   // when the refresh token last worked here
	Asked  []time.Time `json:"asked,omitempty"` // when tokens were asked for
	Hold   time.Time   `json:"hold,omitzero"`   // none is asked for before
}

// get is an access token other than bad, which was turned away. Its error is a
// *hosted.Error.
func (t *tokens) get(ctx context.Context, bad string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, before, err := t.kept(bad)
	if token != "" || err != nil {
		return token, err
	}
	reply, err := t.host.Fetch(ctx, t.request())
	answer, fresh := t.read(reply, err, before)
	var failed *hosted.FetchError
	if errors.As(err, &failed) && !failed.Sent {
		fresh.Asked = before.Asked // nobody was asked
	}
	if err := t.keep(answer, fresh); err != nil {
		return "", stop(hosted.Failed, "keep the token: "+hosted.Clean(err.Error()))
	}
	return fresh.Access, answer.Err("get an access token")
}

// stop is an error after which nothing can go on.
func stop(outcome hosted.Outcome, text string) error {
	return hosted.Answer{Outcome: outcome, Text: text}.Err("get an access token")
}

// kept is the token of before if it is still good. Otherwise it counts that one is
// asked for, before it is: a process that is killed has asked all the same.
func (t *tokens) kept(bad string) (token string, before tokenState, err error) {
	now := t.clock.Time().Round(0)
	var refused error
	err = t.state.Change(func(s *tokenState) error {
		s.Asked = slices.DeleteFunc(s.Asked, func(at time.Time) bool { return !now.Before(at.Add(tokenWindow+tokenLate)) || at.After(now) })
		if s.Access != "" && s.Access != bad && now.Before(s.Until.Add(-tokenEarly)) {
			token = s.Access
			return nil
		}
		hold := s.Hold
		if n := len(s.Asked); n >= mostTokens {
			hold = later(hold, s.Asked[n-mostTokens].Add(tokenWindow+tokenLate))
		}
		if now.Before(hold) && hold.Sub(now) <= 2*tokenWindow {
			refused = hosted.Answer{Outcome: hosted.Throttled, Until: hold, Text: "ten tokens in ten minutes are the most"}.Err("get an access token")
			return nil
		}
		before = *s
		before.Asked = append([]time.Time{}, s.Asked...)
		s.Access, s.Asked = "", append(slices.Clone(s.Asked), now)
		return nil
	})
	if err != nil {
		return "", before, stop(hosted.Failed, "read the kept token: "+hosted.Clean(err.Error()))
	}
	return token, before, refused
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *tokens) request() hosted.Request {
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {t.with.RefreshToken},
		"client_id": {t.with.ClientID}, "client_secret": {t.with.ClientSecret},
	}
	return hosted.Request{
		Method: http.MethodPost, Path: "/oauth/v2/token", Body: []byte(form.Encode()),
		Header:  http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
		Secrets: []string{t.with.RefreshToken, t.with.ClientSecret},
	}
}

// A tokenReply is what the accounts host says. Errors stand under HTTP 200 too.
type tokenReply struct {
	Access      string      `json:"access_token"`
	ExpiresIn   json.Number `json:"expires_in"`
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
}

// read is what an answer means, and the token in it.
func (t *tokens) read(reply hosted.Reply, err error, before tokenState) (hosted.Answer, tokenState) {
	now := t.clock.Time().Round(0)
	answer := hosted.Answer{Outcome: hosted.Failed, Status: reply.Status}
	var said tokenReply
	switch {
	case reply.Status == http.StatusTooManyRequests, tooMany(string(reply.Body)):
		answer.Outcome, answer.Until = hosted.Throttled, now.Add(max(reply.RetryAfter, tokenWindow)+time.Second)
		answer.Text = "the service says that too many tokens were asked for"
	case err != nil:
		answer.Text = hosted.Clean(err.Error(), t.with.RefreshToken, t.with.ClientSecret)
	case json.Unmarshal(reply.Body, &said) != nil:
		answer.Text = "the answer is not as documented"
	case said.Error != "":
		answer.Outcome = hosted.TokenFailed
		answer.Text = t.hint(hosted.Clean(said.Error, t.with.RefreshToken, t.with.ClientSecret), before)
	case said.Access == "", reply.Status/100 != 2, strings.ContainsFunc(said.Access, func(r rune) bool { return r <= ' ' || r > '~' }):
		answer.Text = fmt.Sprintf("it answers %d without a token", reply.Status)
	default:
		answer.Outcome = hosted.Done
		return answer, tokenState{Access: said.Access, Until: now.Add(lasting(said.ExpiresIn)), Good: now}
	}
	return answer, tokenState{}
}

// lasting is how long a token is good: an hour, or what is said.
func lasting(seconds json.Number) time.Duration {
	n, err := seconds.Int64()
	if err != nil || n <= 0 || n > 24*3600 {
		return time.Hour
	}
	return time.Duration(n) * time.Second
}

// hint says what an error of credentials comes from. The service has one word for
// a token that was revoked and for one of another data centre; whether it ever
// worked here tells them apart.
func (t *tokens) hint(word string, before tokenState) string {
	host := strings.TrimPrefix(t.host.Base, "https://")
	switch {
	case word == "invalid_client":
		return word + ": the client id or the client secret is not known at " + host + ": is it this region's?"
	case word != "invalid_code":
		return word
	case !before.Good.IsZero():
		return fmt.Sprintf("%s: the refresh token was good here until %s, and has been revoked, or dropped for newer ones: make a new one",
			word, before.Good.UTC().Format(time.DateOnly))
	}
	return word + ": the refresh token never worked at " + host + ": it belongs to another region, or was revoked"
}

// keep remembers what came of asking.
func (t *tokens) keep(answer hosted.Answer, fresh tokenState) error {
	return t.state.Change(func(s *tokenState) error {
		if answer.Outcome == hosted.Done {
			s.Access, s.Until, s.Good, s.Hold = fresh.Access, fresh.Until, fresh.Good, time.Time{}
		}
		if answer.Outcome == hosted.Throttled {
			s.Hold = answer.Until
		}
		if fresh.Asked != nil {
			s.Asked = fresh.Asked
		}
		return nil
	})
}

// secretsOf are the words that must not be told while a call is sent.
func secretsOf(token string, secrets hosted.Secrets) []string {
	out := []string{token}
	for _, s := range secrets {
		out = append(out, s)
	}
	return out
}

// asAnswer is an error of a token as the answer to a call.
func asAnswer(err error) hosted.Answer {
	var failed *hosted.Error
	if errors.As(err, &failed) {
		a := failed.Answer
		a.Text = failed.Call + ": " + a.Text
		return a
	}
	return hosted.Answer{Outcome: hosted.Failed, Text: hosted.Clean(err.Error())}
}

package zohomail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
)

// A Client talks to one organization. Its methods may be called at the same time.
type Client struct {
	API
	options Options
	mail    hosted.Host
	tokens  tokens
	pace    hosted.Pace
	listed  atomic.Pointer[listed]
}

// listed is what the last list of users was like.
type listed struct {
	users int
	page  int // the most users that the service shows at a time; 0 is as many as are asked for, as far as is known
}

// New makes a client. It asks nobody yet.
func New(o Options) (*Client, error) {
	o, err := o.placed()
	if err = errors.Join(err, o.Credentials.check()); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	host := func(base string) hosted.Host {
		return hosted.Host{Base: base, Transport: o.Transport, Limit: o.Limit, Timeout: o.Timeout}
	}
	return &Client{
		API: API{Organization: o.Organization, Settings: o.Settings}, options: o, mail: host(o.Mail),
		tokens: tokens{
			host: host(o.Accounts), clock: o.Clock, with: o.Credentials,
			state: hosted.State[tokenState]{Path: o.file("zoho-" + o.Credentials.digest(o.Accounts) + ".token")},
		},
		pace: hosted.Pace{
			PerMinute: o.PerMinute, Lock: o.Lock, Patience: o.Patience, Cut: o.Timeout, Clock: o.Clock,
			State: hosted.State[hosted.Paced]{Path: o.file("zoho-" + o.Organization + ".pace")},
		},
	}, nil
}

// Length is how long so many requests will take from now on.
func (c *Client) Length(requests int) (time.Duration, error) { return c.pace.Length(requests) }

// How often a request is sent again. One that changes something is only when it
// surely did nothing.
const (
	mostTries    = 4 // of a read that is cut off, and of what did not arrive
	mostLockouts = 4
)

// Do sends a call that changes something, in its turn, and says what became of it.
// An outcome of hosted.Unknown is left to the caller, who reads what is so; and one
// of hosted.Refused without a text, since an error can come without words and be
// that it was so already.
func (c *Client) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	return c.insist(ctx, call, secrets, call.Method == http.MethodGet)
}

// insist sends a call until it cannot go better.
func (c *Client) insist(ctx context.Context, call hosted.Call, secrets hosted.Secrets, harmless bool) hosted.Answer {
	tries, lockouts, pause := 0, 0, time.Second
	for {
		answer := c.send(ctx, call, secrets)
		switch {
		case ctx.Err() != nil:
			return answer
		case answer.Outcome == hosted.Throttled && answer.Status != 0 && lockouts < mostLockouts:
			lockouts++ // the next request waits until it may be sent
			continue
		case answer.Outcome == hosted.Unknown && harmless, answer.Outcome == hosted.Failed && answer.Status == 0:
			if tries++; tries >= mostTries || c.options.Clock.Wait(ctx, pause) != nil {
				return answer
			}
			pause *= 2
			continue
		}
		return answer
	}
}

// send sends a call with a token, and once more with another when the first is not
// accepted: nothing was done then.
func (c *Client) send(ctx context.Context, call hosted.Call, secrets hosted.Secrets) (answer hosted.Answer) {
	token := ""
	for range 2 {
		other, err := c.tokens.get(ctx, token)
		if err != nil {
			return asAnswer(err)
		}
		token = other
		if answer = c.once(ctx, call, secrets, token); answer.Outcome != hosted.TokenFailed {
			break
		}
	}
	return answer
}

// once sends a call once, within the budget.
func (c *Client) once(ctx context.Context, call hosted.Call, secrets hosted.Secrets, token string) hosted.Answer {
	request, err := prepare(call, secrets, token)
	if err != nil {
		return hosted.Answer{Outcome: hosted.Refused, Text: hosted.Clean(err.Error(), request.Secrets...)}
	}
	slot, err := c.pace.Take(ctx)
	var wait *hosted.WaitError
	if errors.As(err, &wait) {
		return hosted.Answer{Outcome: hosted.Throttled, Until: wait.Until, Text: "the budget of requests is used up"}
	}
	if err != nil {
		return hosted.Answer{Outcome: hosted.Failed, Text: hosted.Clean(err.Error())}
	}
	reply, err := c.mail.Fetch(ctx, request)
	answer := classify(call, reply, err, request.Secrets)
	errPace := c.pace.Arrived(slot, reply.Status != 0 && answer.Outcome != hosted.Throttled)
	if answer.Outcome == hosted.Throttled {
		answer.Until, err = c.pace.Throttled(reply.RetryAfter)
		errPace = errors.Join(errPace, err)
	}
	if errPace != nil && answer.Outcome.OK() { // the budget is lost, what was done is not
		answer.Text = "keep the request budget: " + hosted.Clean(errPace.Error())
	}
	return answer
}

// prepare is a call as it is sent (§1.1).
func prepare(call hosted.Call, secrets hosted.Secrets, token string) (hosted.Request, error) {
	r := hosted.Request{Method: call.Method, Path: call.Path, Secrets: secretsOf(token, secrets), Header: http.Header{
		"Authorization": {"Zoho-oauthtoken " + token}, // although a token is said to be a Bearer
		"Accept":        {"application/json"},
	}}
	body, err := call.JSON(secrets)
	if err != nil {
		return r, err
	}
	if r.Body = body; body != nil {
		r.Header["Content-Type"] = []string{"application/json"}
	}
	r.Query, err = call.Question(secrets)
	return r, err
}

// get sends a call that reads something.
func (c *Client) get(ctx context.Context, call hosted.Call) (hosted.Answer, error) {
	answer := c.insist(ctx, call, nil, true)
	err := answer.Err(call.Name)
	switch {
	case err == nil || answer.Outcome == hosted.Refused:
		return answer, err
	case ctx.Err() != nil:
		return answer, fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return answer, fmt.Errorf("%w: %w", reconcile.ErrUnreachable, err)
}

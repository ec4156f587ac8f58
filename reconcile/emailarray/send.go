package emailarray

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

const (
	mostThrottled = 3           // answers that say so, before one call is given up
	shunned       = time.Minute // the primary host is asked last for so long after it failed
)

// Do carries out a call that changes something, and says what became of it. Of
// a refusal, and of a call that was cut off, it finds out by reading whether the
// service is as the call asks for: then the one is [hosted.Already] and the other
// [hosted.Done]. A call that may have been carried out is never sent again.
// secrets are the passwords that the call names.
func (c *Client) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	a, replaced := c.try(ctx, call, secrets)
	if replaced {
		a, _ = c.try(ctx, call, secrets)
	}
	return a
}

// try sends a call once. replaced is that it was refused, and the token since
// replaced: then the token was refused and not the call, which may be sent again.
func (c *Client) try(ctx context.Context, call hosted.Call, secrets hosted.Secrets) (a hosted.Answer, replaced bool) {
	used, r := c.once(ctx, call, secrets)
	refused := r.Outcome == hosted.Refused && r.Status != 0 // by the service
	if used == "" || !refused && r.Outcome != hosted.Unknown {
		return r.Answer, false
	}
	held, looked := c.look(ctx, call)
	switch {
	case r.Outcome == hosted.Unknown:
		return cutOff(r.Answer, held, looked), false
	case looked.Outcome.Stops():
		return looked, false
	case held:
		r.Outcome = hosted.Already
	}
	return r.Answer, !held && c.kept(userOf(call)) != used
}

// cutOff is what is known, after a look, of a call that may have been carried out.
func cutOff(a hosted.Answer, held bool, looked hosted.Answer) hosted.Answer {
	switch {
	case held:
		a.Outcome = hosted.Done
	case looked.Outcome.OK():
		a.Text += "; reading does not show it"
	}
	return a
}

// look reads back what a call asks for, until it is so or reads cannot be late any
// more.
func (c *Client) look(ctx context.Context, call hosted.Call) (held bool, a hosted.Answer) {
	const first, most = time.Second, 15 * time.Second
	end := c.options.Clock.Time().Add(c.options.Late)
	for pause := first; ; pause = min(pause*2, most) {
		if held, a = c.holds(ctx, call); held || !a.Outcome.OK() || setsPassword(call) {
			return held, a
		}
		left := end.Sub(c.options.Clock.Time())
		if left <= 0 {
			return held, a
		}
		if err := c.options.Clock.Wait(ctx, min(pause, left)); err != nil {
			return false, hosted.Answer{Outcome: hosted.Failed, Text: err.Error()}
		}
	}
}

// ask sends a call that changes nothing. A refusal can be of the token, which no
// text tells: then another call proves the token, and the call is sent again with
// a new one if it was that.
func (c *Client) ask(ctx context.Context, call hosted.Call) reply {
	user := userOf(call)
	known := c.kept(user)
	used, r := c.once(ctx, call, nil)
	if r.Outcome != hosted.Refused || used == "" || used != known {
		return r // a token that is new is not to blame
	}
	proof := listDomains()
	if user != "" {
		proof = ownForwards(user)
	}
	if call.Name != proof.Name {
		proven, p := c.once(ctx, proof, nil)
		switch {
		case p.Outcome.Stops():
			return p
		case p.Outcome.OK() && proven == used:
			return r // the token is good: it is the call that is refused
		}
	}
	c.forget(user, used)
	_, r = c.once(ctx, call, nil)
	return r
}

// once sends a call with a token, and says which. "" is that there was none.
func (c *Client) once(ctx context.Context, call hosted.Call, secrets hosted.Secrets) (used string, r reply) {
	user := userOf(call)
	used, a := c.token(ctx, user)
	if !a.Outcome.OK() {
		return "", reply{Answer: a}
	}
	all := hosted.Secrets{adminToken: used}
	if user != "" {
		all = hosted.Secrets{userToken + string(user): used}
	}
	maps.Copy(all, secrets)
	return used, c.route(ctx, call, all)
}

// route sends a call to the primary host, and to the fallback host where the
// primary one cannot be reached or answers 500 and above; a call that changes
// something only where it cannot have arrived. Users ask the fallback host alone.
func (c *Client) route(ctx context.Context, call hosted.Call, secrets hosted.Secrets) (r reply) {
	for _, host := range c.hosts(call) {
		r = c.send(ctx, host, call, secrets)
		if r.Outcome != hosted.Failed || !unwell(r.Answer) || ctx.Err() != nil {
			return r
		}
		if host == c.options.Primary {
			c.shun()
		}
	}
	return r
}

// hosts are those that may carry out a call, in the order in which they are asked.
func (c *Client) hosts(call hosted.Call) []string {
	primary, fallback := c.options.Primary, c.options.Fallback
	switch {
	case call.Path == userPath || primary == fallback:
		return []string{fallback}
	case c.shunned():
		return []string{fallback, primary}
	}
	return []string{primary, fallback}
}

// unwell reports whether another host may do better: there was no answer, or one
// of 500 and above.
func unwell(a hosted.Answer) bool { return a.Status == 0 || a.Status >= http.StatusInternalServerError }

func (c *Client) shun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shunUntil = c.options.Clock.Time().Add(shunned)
}

func (c *Client) shunned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.Clock.Time().Before(c.shunUntil)
}

// send sends a call to a host, as soon as the budget allows. One that is turned
// away for too many was not carried out, and is sent again when it may be.
func (c *Client) send(ctx context.Context, host string, call hosted.Call, secrets hosted.Secrets) (r reply) {
	for range mostThrottled {
		slot, err := c.pace.Take(ctx)
		var wait *hosted.WaitError
		switch {
		case errors.As(err, &wait):
			return reply{Answer: hosted.Answer{Outcome: hosted.Throttled, Text: err.Error(), Until: wait.Until}}
		case err != nil:
			return reply{Answer: hosted.Answer{Outcome: hosted.Failed, Text: err.Error()}}
		}
		var after time.Duration
		r, after = c.fetch(ctx, host, call, secrets)
		in := r.Status != 0 && r.Outcome != hosted.Throttled
		if err := c.pace.Arrived(slot, in); err != nil {
			r.Text = strings.TrimPrefix(fmt.Sprintf("%s; keep the request budget: %v", r.Text, err), "; ")
		}
		if r.Outcome != hosted.Throttled {
			return r
		}
		if r.Until, err = c.pace.Throttled(after); err != nil {
			return reply{Answer: hosted.Answer{Outcome: hosted.Failed, Text: "keep the request budget: " + err.Error()}}
		}
	}
	return r
}

// fetch makes the request.
func (c *Client) fetch(ctx context.Context, host string, call hosted.Call, secrets hosted.Secrets) (reply, time.Duration) {
	form, err := call.Form(secrets)
	if err != nil {
		return reply{Answer: hosted.Answer{Outcome: hosted.Refused, Text: err.Error()}}, 0
	}
	hidden := append(slices.Collect(maps.Values(secrets)), c.options.Credentials.Password)
	got, err := hosted.Host{
		Base: host, Transport: c.options.Transport, Limit: c.options.Limit, Timeout: c.options.Timeout,
	}.Fetch(ctx, hosted.Request{
		Method: call.Method, Path: call.Path, Body: []byte(form.Encode()), Secrets: hidden,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {"mailops"}},
	})
	if err != nil {
		return broken(call, got.Status, err), got.RetryAfter
	}
	return classify(call, got, hidden...), got.RetryAfter
}

// ownForwards asks for the forwards of a user with the user's token.
func ownForwards(user schema.Address) hosted.Call { return actAs(user, "getForwards") }

package emailarray

import (
	"context"
	"fmt"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// tokenLife is how long a token is used. How long it is good is not documented;
// the vendor's module keeps one for 300 seconds.
const tokenLife = 300 * time.Second

// A token is what login gives.
type token struct {
	text  string
	given time.Time
}

// token is a good token of an administrator's (user is "") or a user's, from
// before or new. The answer is OK when there is one.
func (c *Client) token(ctx context.Context, user schema.Address) (text string, a hosted.Answer) {
	if user == "" { // of which one at a time is asked for
		c.signing.Lock()
		defer c.signing.Unlock()
	}
	if text := c.kept(user); text != "" {
		return text, hosted.Answer{Outcome: hosted.Done}
	}
	given := c.options.Clock.Time()
	if user == "" {
		text, a = c.signIn(ctx, login(c.options.Credentials.Username), hosted.Secrets{adminPassword: c.options.Credentials.Password})
	} else {
		text, a = c.signInAs(ctx, user)
	}
	if a.Outcome.OK() {
		c.keep(user, token{text, given})
	}
	return text, a
}

// kept is a token from before that is good, as far as one knows, or "".
func (c *Client) kept(user schema.Address) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tokens[user]
	if !ok || !c.options.Clock.Time().Before(t.given.Add(c.tokenLife())) {
		return ""
	}
	return t.text
}

func (c *Client) keep(user schema.Address, t token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens == nil {
		c.tokens = make(map[schema.Address]token)
	}
	c.tokens[user] = t
}

func (c *Client) tokenLife() time.Duration {
	if c.options.TokenLife > 0 {
		return c.options.TokenLife
	}
	return tokenLife
}

// forget drops a token that is not good any more, unless it was replaced already.
func (c *Client) forget(user schema.Address, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens[user].text == text {
		delete(c.tokens, user)
	}
}

// signIn sends a login.
func (c *Client) signIn(ctx context.Context, call hosted.Call, secrets hosted.Secrets) (text string, a hosted.Answer) {
	r := c.route(ctx, call, secrets)
	switch {
	case r.Outcome == hosted.Refused:
		r.Outcome = hosted.TokenFailed
		r.Text = "the login is refused, as with a wrong password or where two-factor sign-in is on: " + r.Text
	case r.Outcome == hosted.Done:
		if text = message(r.Data); text == "" {
			r.Outcome, r.Text = hosted.Failed, "the login brings no token"
		}
	}
	return text, r.Answer
}

// signInAs signs in for a user, with a password for one use that an administrator
// asks for. That a user cannot be signed in for stops nobody else.
func (c *Client) signInAs(ctx context.Context, user schema.Address) (text string, a hosted.Answer) {
	r := c.ask(ctx, oncePassword(user))
	if r.Outcome != hosted.Done {
		return "", r.Answer
	}
	once := message(r.Data)
	if once == "" {
		return "", hosted.Answer{Outcome: hosted.Refused, Text: fmt.Sprintf("there is no one-time password of %s to be had", user)}
	}
	text, a = c.signIn(ctx, userLogin(user), hosted.Secrets{userOnce + string(user): once})
	if a.Outcome == hosted.TokenFailed {
		a.Outcome = hosted.Refused
	}
	return text, a
}

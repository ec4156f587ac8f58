package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	mostTries  = 4
	mostAnswer = 64 << 20 // bytes of a page of comments: 100 of GitHub's longest
	mostRefuse = 64 << 10 // bytes of an error's answer
)

// A call is one request.
type call struct {
	act    string // for errors
	method string
	path   string
	query  url.Values
	body   any
	once   bool                  // made again, it would be done twice
	read   func(io.Reader) error // the answer; it may be called again after an error
}

// do makes a request, again where that may help, and returns the header of the
// answer.
func (c *client) do(ctx context.Context, r call) (http.Header, error) {
	var waited time.Duration
	pause := func(d time.Duration, otherwise error) error {
		if waited += d; waited > c.options.Patience {
			return otherwise
		}
		return sleep(ctx, d)
	}
	for attempt := 0; ; attempt++ {
		if hold := time.Until(c.until); hold > 0 {
			if err := pause(hold, c.held(r.act)); err != nil {
				return nil, err
			}
		}
		header, err := c.try(ctx, r)
		var failed *Error
		if errors.As(err, &failed) && !failed.Until.IsZero() {
			c.until = failed.Until
		}
		switch {
		case err == nil:
			return header, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s at %s: %w", r.act, c.shape.name, ctx.Err())
		case failed == nil || !failed.Temporary || attempt+1 == mostTries:
			return nil, err
		case !failed.Until.IsZero(): // refused unseen, so that it may be made again
		case r.once:
			return nil, err
		default:
			if err := pause(backoff(attempt), err); err != nil {
				return nil, err
			}
		}
	}
}

// held is the error of a request that is not made because the forge asked for
// rest.
func (c *client) held(act string) error {
	return &Error{Forge: c.shape.name, Act: act, Code: http.StatusTooManyRequests, Temporary: true, Until: c.until,
		Text: "it asks for no request before " + c.until.UTC().Format(time.RFC3339)}
}

func backoff(attempt int) time.Duration {
	wait := time.Second << (2 * min(attempt, 3))
	return wait/2 + rand.N(wait/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// try makes a request once.
func (c *client) try(ctx context.Context, r call) (http.Header, error) {
	ctx, stop := context.WithTimeout(ctx, c.options.Timeout)
	defer stop()
	request, err := c.request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.act, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.broken(r.act, 0, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, c.refused(r.act, response)
	}
	if r.read == nil {
		_, _ = io.CopyN(io.Discard, response.Body, mostRefuse) // so that the connection can be used again
		return response.Header, nil
	}
	if err := r.read(&bounded{response.Body, mostAnswer}); err != nil {
		return nil, c.broken(r.act, response.StatusCode, err)
	}
	return response.Header, nil
}

func (c *client) request(ctx context.Context, r call) (*http.Request, error) {
	address := c.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", c.shape.scheme+" "+c.options.Token)
	request.Header.Set("Accept", c.shape.accept)
	request.Header.Set("User-Agent", "mailops") // GitHub asks for one
	for name, value := range c.shape.header {
		request.Header.Set(name, value)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// path fills in a path of the shape.
func (c *client) path(pattern, commit string, pull, comment int64) string {
	repo := c.options.Repo
	if c.shape.segment {
		repo = url.PathEscape(repo)
	}
	return strings.NewReplacer("{repo}", repo, "{commit}", commit,
		"{pull}", strconv.FormatInt(pull, 10), "{comment}", strconv.FormatInt(comment, 10)).Replace(pattern)
}

// sameHost follows a redirect that keeps the token where it belongs and the
// method what it was. A repository that moved elsewhere is an error to mend.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0]
	if len(before) > 3 || next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || next.Method != first.Method {
		return http.ErrUseLastResponse
	}
	return nil
}

package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	mostPages = 60 // of 100: GitLab takes 5,000 comments on a merge request
	mostText  = 200
	mostHold  = time.Hour
)

var (
	errPages = errors.New("there are more pages than are read")
	errLong  = errors.New("the answer is too long")
	errShape = errors.New("the answer is not as documented")
)

// A bounded reader ends in an error instead of reading on.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// one reads an answer that is one thing.
func one[T any](into *T) func(io.Reader) error {
	return func(r io.Reader) error {
		var v T
		if err := json.NewDecoder(r).Decode(&v); err != nil {
			return err
		}
		*into = v
		return nil
	}
}

// each reads an answer that is a list, one entry at a time: a page of comments
// is long, and only one of them matters.
func each[T any](r io.Reader, visit func(*T) (more bool)) error {
	d := json.NewDecoder(r)
	begin, err := d.Token()
	if err != nil {
		return err
	}
	if begin != json.Delim('[') {
		return errShape
	}
	for d.More() {
		v := new(T)
		if err := d.Decode(v); err != nil {
			return err
		}
		if !visit(v) {
			return nil
		}
	}
	_, err = d.Token()
	return err
}

// pages reads a list page by page until visit has enough. A page that broke off
// is read again, so visit may see an entry twice. Of a link to the next page
// only the question is used: a forge behind a proxy may name itself by another
// host, where the token must not go.
func pages[T any](ctx context.Context, c *client, act, path string, query url.Values, limit int, visit func(*T) bool) error {
	query.Set(c.shape.size, "100")
	for range limit {
		more := true
		header, err := c.do(ctx, call{act: act, method: http.MethodGet, path: path, query: query, read: func(r io.Reader) error {
			return each(r, func(v *T) bool { more = visit(v); return more })
		}})
		if err != nil {
			return err
		}
		next := nextQuery(header.Values("Link"))
		if !more || next == nil || next.Encode() == query.Encode() {
			return nil
		}
		query = next
	}
	return fmt.Errorf("%s at %s: %w", act, c.shape.name, errPages)
}

// nextQuery finds the link to the next page (RFC 8288); nil is none.
func nextQuery(links []string) url.Values {
	for link := range strings.SplitSeq(strings.Join(links, ","), ",") {
		target, parameters, found := strings.Cut(link, ">")
		if !found || !strings.Contains(strings.ReplaceAll(parameters, `"`, "")+";", "rel=next;") {
			continue
		}
		if u, err := url.Parse(strings.TrimLeft(target, " <")); err == nil && len(u.Query()) > 0 {
			return u.Query()
		}
	}
	return nil
}

// broken is the error of an answer that did not come, or cannot be read.
func (c *client) broken(act string, code int, err error) error {
	failed := &Error{Forge: c.shape.name, Act: act, Code: code, Temporary: true}
	var (
		wrapped *url.Error
		syntax  *json.SyntaxError
		kind    *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, errLong), errors.Is(err, errShape):
		failed.Text, failed.Temporary = err.Error(), false
	case errors.As(err, &syntax), errors.As(err, &kind):
		failed.Text, failed.Temporary = "the answer is no JSON as documented", false
	case errors.Is(err, context.DeadlineExceeded):
		failed.Text = "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		failed.Text = "the answer breaks off"
	case errors.As(err, &wrapped):
		failed.Text = c.clean(wrapped.Err.Error())
	default:
		failed.Text = c.clean(err.Error())
	}
	return failed
}

// refused is the error of an answer that says no.
func (c *client) refused(act string, response *http.Response) error {
	code := response.StatusCode
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostRefuse)) // what there is of it
	said := message(body)
	failed := &Error{Forge: c.shape.name, Act: act, Code: code, Temporary: code/100 == 5 || code == http.StatusRequestTimeout}
	failed.Text = strings.TrimSpace(fmt.Sprintf("it answers %d %s", code, http.StatusText(code)))
	if said != "" {
		failed.Text += ": " + c.clean(said)
	}
	if code/100 == 3 {
		failed.Text += ": the repository or the forge has moved"
	}
	if until := rest(response, said, time.Now()); !until.IsZero() {
		failed.Temporary, failed.Until = true, until
	}
	return failed
}

// message finds what a forge says of an error: {"message": …} everywhere, which
// GitLab also makes an object, and {"error": …} at GitLab.
func message(body []byte) string {
	var said struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return "" // a page for people, of a proxy
	}
	for _, raw := range []json.RawMessage{said.Message, said.Error} {
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return text
		}
		if len(raw) > 0 && string(raw) != "null" && string(raw) != `""` {
			return string(raw)
		}
	}
	return ""
}

// clean makes a text of others fit for an error.
func (c *client) clean(text string) string {
	return oneLine(strings.ReplaceAll(text, c.options.Token, "(token)"), mostText)
}

// rest is until when a forge asks for no request. GitHub: 403 or 429 with
// Retry-After, or with x-ratelimit-remaining 0 and x-ratelimit-reset, or else
// "at least one minute". GitLab: 429 with Retry-After and RateLimit-Reset.
func rest(response *http.Response, said string, now time.Time) time.Time {
	code, header := response.StatusCode, response.Header
	if code != http.StatusForbidden && code != http.StatusTooManyRequests && code != http.StatusServiceUnavailable {
		return time.Time{}
	}
	var hold time.Duration
	switch after := header.Get("Retry-After"); {
	case after != "":
		hold = retryAfter(after, now)
	case header.Get("X-RateLimit-Remaining") == "0":
		hold = reset(header.Get("X-RateLimit-Reset"), now)
	case header.Get("RateLimit-Remaining") == "0":
		hold = reset(header.Get("RateLimit-Reset"), now)
	case code == http.StatusTooManyRequests, code == http.StatusForbidden && strings.Contains(strings.ToLower(said), "rate limit"):
		hold = time.Minute
	default:
		return time.Time{}
	}
	return now.Add(min(max(hold, time.Second), mostHold))
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now)
	}
	return time.Minute
}

// reset reads the second since 1970 at which a limit ends. One second more: the
// forge's clock is not ours.
func reset(value string, now time.Time) time.Duration {
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Minute
	}
	return time.Unix(seconds, 0).Sub(now) + time.Second
}

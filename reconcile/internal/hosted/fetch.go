package hosted

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Host is where requests go, and how much is taken from it. Nothing goes to any
// other, and a redirect is an error.
type Host struct {
	Base      string            // such as https://mail.zoho.eu; http:// is for this machine only
	Transport http.RoundTripper // nil is Transport()
	Limit     int64             // bytes of an answer; 0 is 16 MiB
	Timeout   time.Duration     // of one request, to the last byte of the answer; 0 is 30 seconds
}

// A Request is what is sent once. It holds secrets.
type Request struct {
	Method  string
	Path    string // begins with a slash
	Query   url.Values
	Header  http.Header
	Body    []byte
	Secrets []string // what must not be told, whoever says it
}

// A Reply is a whole answer within the limits.
type Reply struct {
	Status     int
	Body       []byte
	RetryAfter time.Duration // 0: not said
}

// A FetchError is a request without a whole answer.
type FetchError struct {
	Host string
	Sent bool // it may have arrived, and been carried out
	Text string
	Err  error // what a caller may look for; its text can hold secrets
}

// Error says what went wrong, without secrets.
func (e *FetchError) Error() string { return e.Host + ": " + e.Text }

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// The causes that an answer itself is.
var (
	ErrLong     = errors.New("the answer is too long")
	ErrNotJSON  = errors.New("the answer is no JSON: a page, perhaps of something between here and there")
	ErrRedirect = errors.New("it answers with a redirect, which is not followed")
)

// Transport is one that sends each request at most once: net/http sends some
// again when a connection that was used before breaks, which no budget counts.
func Transport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// CheckBase refuses what is no address of a service.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return errors.New("the URL of the service cannot be read") // err quotes it
	case u.Host == "":
		return fmt.Errorf("the URL of the service has no host: %q", u.Redacted())
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("the URL of the service must be an address, with no password or question")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return errors.New("the URL of the service must begin with https://; http:// is for this machine only")
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Fetch sends a request once and reads the whole answer. Its error is a
// *FetchError.
func (h Host) Fetch(ctx context.Context, r Request) (Reply, error) {
	timeout := h.Timeout
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	request, err := h.request(ctx, r)
	if err != nil {
		return Reply{}, h.failed(r, err, false)
	}
	transport := h.Transport
	if transport == nil {
		t := Transport()
		defer t.CloseIdleConnections()
		transport = t
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return Reply{}, h.failed(r, err, sent.Load())
	}
	defer response.Body.Close()
	reply, err := h.read(response)
	if err != nil {
		return reply, h.failed(r, err, true)
	}
	return reply, nil
}

func (h Host) request(ctx context.Context, r Request) (*http.Request, error) {
	if err := CheckBase(h.Base); err != nil {
		return nil, err
	}
	target := strings.TrimRight(h.Base, "/") + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		body = strings.NewReader(string(r.Body))
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return nil, errors.New("the request cannot be made") // err quotes it
	}
	if base, _ := url.Parse(h.Base); request.URL.Host != base.Host {
		return nil, errors.New("the request would go elsewhere")
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	return request, nil
}

// read reads an answer that is JSON or nothing.
func (h Host) read(response *http.Response) (Reply, error) {
	limit := h.Limit
	if limit <= 0 {
		limit = 16 << 20
	}
	reply := Reply{Status: response.StatusCode, RetryAfter: retryAfter(response.Header)}
	if reply.Status/100 == 3 {
		return reply, ErrRedirect
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return reply, err
	case int64(len(body)) > limit:
		return reply, ErrLong
	case strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 64)])), "<"):
		return reply, ErrNotJSON
	}
	reply.Body = body
	return reply, nil
}

// retryAfter reads the header of that name: seconds, or a date beside the
// service's own, since clocks differ.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(mostRun/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	sent, errSent := http.ParseTime(header.Get("Date"))
	if err != nil || errSent != nil {
		return 0
	}
	return min(max(at.Sub(sent), 0), mostRun)
}

// failed is the error, in words that hold no secret.
func (h Host) failed(r Request, err error, sent bool) error {
	host := h.Base
	if u, errURL := url.Parse(h.Base); errURL == nil {
		host = u.Host
	}
	text := err.Error()
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "no whole answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the answer breaks off"
	case errors.As(err, &wrapped): // whose text has the query
		text = wrapped.Err.Error()
	}
	return &FetchError{Host: host, Sent: sent, Text: Clean(text, r.Secrets...), Err: err}
}

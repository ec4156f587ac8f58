package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mostAnswer is how much of an answer is read, to use the connection again.
// Nothing in it matters.
const mostAnswer = 4 << 10

// A poster posts JSON to one URL, which is secret.
type poster struct {
	url    string
	client *http.Client
}

func newPoster(raw string, transport http.RoundTripper) (*poster, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be read") // err quotes it
	case u.Host == "":
		return nil, errors.New("the URL has no host")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, errors.New("the URL must begin with https://; http:// is for this machine only")
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &poster{url: raw, client: &http.Client{Transport: transport, CheckRedirect: sameHost}}, nil
}

// isLoopback reports a host name that is this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// sameHost follows a redirect that stays where the secrets may go, and that
// keeps the method: a POST that became a GET would look as if it had arrived.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0]
	if len(before) > 3 || next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || next.Method != first.Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// post sends a body. Its errors are *Failure.
func (p *poster) post(ctx context.Context, body []byte, header http.Header) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return &Failure{Text: "the request cannot be made", Permanent: true}
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "mailops")
	response, err := p.client.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, mostAnswer)
	return judge(response)
}

// judge says what a status means: what the server may get over is worth another
// attempt.
func judge(response *http.Response) error {
	code := response.StatusCode
	text := strings.TrimSpace(fmt.Sprintf("the server answers %d %s", code, http.StatusText(code)))
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return &Failure{Text: text + ", and its redirect is not followed", Permanent: true}
	case code/100 == 5, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return &Failure{Text: text, After: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	}
	return &Failure{Text: text, Permanent: true}
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// unreachable says why there was no answer. The errors of net/http hold the
// URL, and those of net the host, so none of their words are kept.
func unreachable(err error) *Failure {
	var (
		timeout     net.Error
		unknown     *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		record      tls.RecordHeaderError
		errno       syscall.Errno
	)
	text := "the connection failed"
	switch {
	case errors.Is(err, context.Canceled):
		text = "stopped"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		text = "no answer in time"
	case errors.As(err, &unknown):
		text = "its host name is not known"
	case errors.As(err, &certificate), errors.As(err, &authority):
		text = "its certificate is not trusted"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		text = "it does not speak TLS"
	case errors.As(err, &errno):
		text = errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the connection was closed"
	}
	return &Failure{Text: text}
}

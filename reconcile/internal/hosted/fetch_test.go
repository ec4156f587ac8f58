package hosted

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const token = "t0ken-of-ours"

// answers are what a service can say, by the path.
func answers(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/long":
		for range 64 {
			_, _ = w.Write([]byte(strings.Repeat("x", 1<<10)))
		}
	case "/bomb":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 1 << 10 {
			_, _ = z.Write(make([]byte, 1<<20))
		}
		_ = z.Close()
	case "/html":
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte("\n<html>"))
	case "/elsewhere":
		http.Redirect(w, r, "https://elsewhere.example/"+token, http.StatusTemporaryRedirect)
	case "/cut":
		panic(http.ErrAbortHandler)
	case "/half":
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{"))
	case "/slow":
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "/later":
		w.Header().Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
	case "/soon":
		w.Header().Set("Retry-After", "7")
	default:
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write([]byte(r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + string(body)))
	}
}

// TestFetch: what comes back, or why nothing does, in words without secrets, and
// whether the request may have arrived.
func TestFetch(t *testing.T) {
	var came atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		body, _ := io.ReadAll(r.Body) // whoever leaves it does not see the client go
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		answers(w, r)
	}))
	defer server.Close()
	h := Host{Base: server.URL, Limit: 32 << 10, Timeout: 5 * time.Second}
	for _, c := range []struct {
		path, body, text string
		cause            error
		after            time.Duration
	}{
		{"/plain", "PUT /plain?q=1 key " + token + " {}", "", nil, 0},
		{"/soon", "", "", nil, 7 * time.Second},
		{"/later", "", "", nil, 90 * time.Second},
		{"/long", "", "too long", ErrLong, 0},
		{"/bomb", "", "too long", ErrLong, 0},
		{"/html", "", "no JSON", ErrNotJSON, 0},
		{"/elsewhere", "", "redirect", ErrRedirect, 0},
		{"/cut", "", "breaks off", io.EOF, 0},
		{"/half", "", "breaks off", io.ErrUnexpectedEOF, 0},
		{"/slow", "", "in time", context.DeadlineExceeded, 0},
	} {
		t.Run(c.path, func(t *testing.T) {
			came.Store(0)
			h := h
			if c.path == "/slow" {
				h.Timeout = 300 * time.Millisecond
			}
			reply, err := h.Fetch(t.Context(), Request{
				Method: "PUT", Path: c.path, Query: url.Values{"q": {"1"}}, Header: http.Header{"Authorization": {"key " + token}},
				Body: []byte("{}"), Secrets: []string{token},
			})
			if c.cause == nil {
				if err != nil || string(reply.Body) != c.body || reply.RetryAfter.Round(5*time.Second) != c.after.Round(5*time.Second) {
					t.Errorf("got %q, %s, %v", reply.Body, reply.RetryAfter, err)
				}
			} else {
				refused(t, err, c.cause, c.text, true)
			}
			if came.Load() != 1 {
				t.Errorf("%d requests", came.Load())
			}
		})
	}
	if reply, _ := h.Fetch(t.Context(), Request{Method: "GET", Path: "/html"}); reply.Status != http.StatusTooManyRequests {
		t.Errorf("the status of a page is lost: %d", reply.Status)
	}
	server.Close()
	_, err := h.Fetch(t.Context(), Request{Method: "GET", Path: "/?" + token, Secrets: []string{token}})
	refused(t, err, nil, "connection refused", false)
	h.Base = server.URL[:len("http://127.0.0.1")]
	_, err = h.Fetch(t.Context(), Request{Method: "GET", Path: ".elsewhere.example/"})
	refused(t, err, nil, "would go elsewhere", false)
}

func refused(t *testing.T, err, cause error, text string, sent bool) {
	t.Helper()
	var failed *FetchError
	if !errors.As(err, &failed) || cause != nil && !errors.Is(err, cause) || failed.Sent != sent || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v (%+v)", err, failed)
	}
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the secret is told: %v", err)
	}
}

// TestCertificate: a server that cannot prove who it is gets nothing.
func TestCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := Host{Base: server.URL}.Fetch(t.Context(), Request{Method: "GET", Path: "/"})
	refused(t, err, nil, "certificate", false)
}

func TestCheckBase(t *testing.T) {
	for base, good := range map[string]bool{
		"https://mail.zoho.eu": true, "http://127.0.0.1:80": true, "http://localhost": true, "http://[::1]:1": true,
		"http://mail.zoho.eu": false, "mail.zoho.eu": false, "": false, "https://a:b@mail.zoho.eu": false, "https://x/?y": false,
		"ftp://127.0.0.1": false, "https://%zz": false, "https://x#y": false,
	} {
		if err := CheckBase(base); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}

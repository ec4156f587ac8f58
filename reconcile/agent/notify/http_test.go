package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// canary is a secret: it may appear in requests and nowhere else.
const canary = "canary-1b2e9"

// seen is one request that a server got.
type seen struct {
	header http.Header
	body   []byte
}

// serve answers every request in one way, and keeps the requests.
func serve(t *testing.T, answer http.HandlerFunc) (*httptest.Server, chan seen) {
	t.Helper()
	requests := make(chan seen, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		requests <- seen{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server, requests
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

var example = Event{
	Format: Format, ID: "E1", Kind: Refused, At: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), Organization: "acme", Store: "sqlite:live.db",
	Revision: "3f1c2d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d", Author: "Ana <ana@acme.example>", Subject: "leave & <!here> return", Title: "2 of 3 guards refuse",
	Lines: []string{"users/ana.yaml:4:7: deletes <all> & more", "```*bold*```"}, URL: "https://mail.acme.example/status?a=1&b=|2>", Key: "k",
}

func TestWebhook(t *testing.T) {
	server, requests := serve(t, ok)
	channel, err := Webhook(WebhookOptions{URL: server.URL + "/hook?x=" + canary, Secret: canary})
	if err != nil {
		t.Fatal(err)
	}
	e := example
	e.Dropped = 3
	if err := channel.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	r := <-requests
	stamp := r.header.Get("X-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", stamp)
	}
	if got := r.header.Get("X-Signature"); got != sign([]byte(canary), stamp, r.body) || !strings.HasPrefix(got, "sha256=") || len(got) != 71 {
		t.Errorf("signature %q", got)
	}
	if r.header.Get("Content-Type") != "application/json" || strings.Contains(string(r.body), canary) {
		t.Errorf("type %q, body %s", r.header.Get("Content-Type"), r.body)
	}
	var got map[string]any
	if err := json.Unmarshal(r.body, &got); err != nil || got["format"] != "mailops.event/v1" || got["kind"] != "refused" ||
		got["at"] != "2026-12-01T09:00:00Z" || got["dropped"] != 3.0 || len(got["lines"].([]any)) != 2 {
		t.Errorf("error %v, body %s", err, r.body)
	}
}

// TestSignature holds the scheme: a receiver computes the same.
func TestSignature(t *testing.T) {
	// printf '1700000000.{}' | openssl dgst -sha256 -hmac key
	const want = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
	if got := sign([]byte("key"), "1700000000", []byte("{}")); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestWebhookWithoutSecret(t *testing.T) {
	server, requests := serve(t, ok)
	channel, err := Webhook(WebhookOptions{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	if r := <-requests; r.header.Get("X-Signature") != "" || r.header.Get("X-Timestamp") != "" {
		t.Errorf("signed with nothing: %v", r.header)
	}
}

// TestAnswers: which answers are worth another attempt; no error holds what is
// secret, or any word of the server.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		code int
		head string // Retry-After
		want Failure
	}{
		{400, "", Failure{"the server answers 400 Bad Request", true, 0}},
		{401, "", Failure{"the server answers 401 Unauthorized", true, 0}},
		{404, "", Failure{"the server answers 404 Not Found", true, 0}},
		{408, "", Failure{"the server answers 408 Request Timeout", false, 0}},
		{410, "9", Failure{"the server answers 410 Gone", true, 0}},
		{429, "7", Failure{"the server answers 429 Too Many Requests", false, 7 * time.Second}},
		{429, "-7", Failure{"the server answers 429 Too Many Requests", false, 0}},
		{429, "soon", Failure{"the server answers 429 Too Many Requests", false, 0}},
		{500, "", Failure{"the server answers 500 Internal Server Error", false, 0}},
		{503, "120", Failure{"the server answers 503 Service Unavailable", false, 2 * time.Minute}},
		{599, "", Failure{"the server answers 599", false, 0}},
	} {
		server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if c.head != "" {
				w.Header().Set("Retry-After", c.head)
			}
			w.WriteHeader(c.code)
			fmt.Fprintf(w, "<html>%s for %s", canary, r.URL)
		})
		for name, channel := range both(t, server.URL+"/"+canary) {
			err := channel.Send(t.Context(), example)
			if got, isOurs := err.(*Failure); !isOurs || *got != c.want {
				t.Errorf("%s, %d: %v, want %v", name, c.code, err, c.want)
			}
		}
	}
}

// both returns the two channels that post to a URL.
func both(t *testing.T, url string) map[string]Channel {
	t.Helper()
	hook, err := Webhook(WebhookOptions{URL: url, Secret: canary})
	if err != nil {
		t.Fatal(err)
	}
	chat, err := Slack(SlackOptions{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Channel{"webhook": hook, "slack": chat}
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"Tue, 01 Dec 2026 09:01:30 GMT": 90 * time.Second,
		"Tue, 01 Dec 2020 09:01:30 GMT": 0,
		"99999999999999999999999":       0,
		"999999999999":                  (1 << 20) * time.Second,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// TestRedirects: the body and its signature go to the host that was named, and
// a redirect that would lose the body is no success.
func TestRedirects(t *testing.T) {
	elsewhere, stolen := serve(t, ok)
	for _, c := range []struct {
		code int
		to   string
		ok   bool
	}{
		{307, elsewhere.URL + "/" + canary, false},
		{308, elsewhere.URL, false},
		{302, elsewhere.URL, false},
		{302, "/final", false}, // a POST would become a GET
		{307, "/final", true},
		{308, "/final", true},
		{307, "/loop", false},
		{307, "https://127.0.0.1/", false},
	} {
		server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/final" {
				return
			}
			w.Header().Set("Location", c.to)
			w.WriteHeader(c.code)
		})
		for name, channel := range both(t, server.URL+"/start") {
			err := channel.Send(t.Context(), example)
			if c.ok != (err == nil) || err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s, %d to %s: %v", name, c.code, c.to, err)
			}
		}
	}
	if len(stolen) > 0 {
		t.Errorf("another host got %d requests", len(stolen))
	}
}

// TestUnreachable: what goes wrong on the way is said without the URL.
func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	plain, _ := serve(t, ok)
	slow, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	torn, _ := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for url, want := range map[string]string{
		"http://" + closed.Addr().String():               "connection refused",
		untrusted.URL:                                    "its certificate is not trusted",
		strings.Replace(plain.URL, "http:", "https:", 1): "it does not speak TLS",
		slow.URL: "no answer in time",
		torn.URL: "the connection was closed",
	} {
		for name, channel := range both(t, url+"/"+canary) {
			ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
			err := channel.Send(ctx, example)
			stop()
			if failure, isOurs := err.(*Failure); !isOurs || failure.Permanent || failure.Text != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://hooks.example/" + canary:         "the URL must begin with https://; http:// is for this machine only",
		"http://127.0.0.1.evil.example/":         "the URL must begin with https://; http:// is for this machine only",
		"ftp://localhost/" + canary:              "the URL must begin with https://; http:// is for this machine only",
		"https:///" + canary:                     "the URL has no host",
		canary:                                   "the URL has no host",
		"https://a b/" + canary:                  "the URL cannot be read",
		"https://hooks.example/%zz" + canary:     "the URL cannot be read",
		"https://hooks.example/services/T0/B0/x": "",
		"http://localhost:8080/x":                "",
		"http://[::1]:8080/x":                    "",
	} {
		_, hook := Webhook(WebhookOptions{URL: url})
		_, chat := Slack(SlackOptions{URL: url})
		for prefix, err := range map[string]error{"webhook: ": hook, "slack: ": chat} {
			if want == "" && err != nil || want != "" && (err == nil || err.Error() != prefix+want) {
				t.Errorf("%s: %v, want %s", url, err, want)
			}
		}
	}
}

func TestSlack(t *testing.T) {
	server, requests := serve(t, ok)
	channel := both(t, server.URL)["slack"]
	e := example
	e.Dropped = 1
	if err := channel.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var got slackMessage
	if err := json.Unmarshal((<-requests).body, &got); err != nil {
		t.Fatal(err)
	}
	const details = "```users/ana.yaml:4:7: deletes &lt;all&gt; &amp; more\n'''*bold*'''\n```"
	const small = "Commit: 3f1c2d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d by Ana &lt;ana@acme.example&gt;: leave &amp; &lt;!here&gt; return\n" +
		"Store: sqlite:live.db\nAt: 2026-12-01T09:00:00Z\n<https://mail.acme.example/status?a=1&amp;b=%7C2%3E|status page>\n1 older message was dropped."
	if want := "[acme] refused: 2 of 3 guards refuse\n" + details + "\n" + small; got.Text != want {
		t.Errorf("text %s\nwant %s", got.Text, want)
	}
	if len(got.Blocks) != 3 || got.Blocks[0].Text.Text != "[acme] refused: 2 of 3 guards refuse" || got.Blocks[1].Text.Text != details || got.Blocks[2].Elements[0].Text != small {
		t.Errorf("blocks %+v", got.Blocks)
	}
}

// TestSlackLimits: the largest event stays within what Slack takes, and says
// what it leaves out.
func TestSlackLimits(t *testing.T) {
	for _, filler := range []string{"x", "&", "é", "😀", "`"} {
		long := strings.Repeat(filler, 5000)
		e := tidy(Event{Kind: Failed, Title: long, Author: long, Subject: long, Revision: long, Store: long, Organization: long,
			Lines: strings.Split(strings.Repeat(long+"\n", 300), "\n"), URL: "https://a.example/" + strings.Repeat("|", 900)})
		m := slackMessageOf(&e)
		size := utf8.RuneCountInString
		if size(m.Text) > 2*mostText || len(m.Blocks) > 50 || size(m.Blocks[0].Text.Text) > 150 {
			t.Errorf("%s: text of %d, %d blocks, header of %d", filler, size(m.Text), len(m.Blocks), size(m.Blocks[0].Text.Text))
		}
		for _, b := range m.Blocks[1:] {
			if b.Text != nil && size(b.Text.Text) > 3000 || len(b.Elements) > 0 && size(b.Elements[0].Text) > 3000 {
				t.Errorf("%s: a block is too long: %+v", filler, b)
			}
		}
		if !strings.Contains(m.Text, " more lines)") || !strings.Contains(m.Blocks[len(m.Blocks)-1].Elements[0].Text, " more lines)") {
			t.Errorf("%s: nothing says that lines are left out", filler)
		}
	}
}

// TestChannelsPrintNoSecret: however a channel is printed.
func TestChannelsPrintNoSecret(t *testing.T) {
	channels := both(t, "https://hooks.example/"+canary)
	mail, err := Email(EmailOptions{URL: "smtps://mail.example", Username: "m", Password: canary, From: "m@acme.example", To: []string{"a@acme.example"}})
	if err != nil {
		t.Fatal(err)
	}
	channels["e-mail"] = mail
	for name, channel := range channels {
		if got := fmt.Sprintf("%v %+v %#v %s", channel, channel, channel, channel); strings.Contains(got, canary) || !strings.Contains(got, name) {
			t.Errorf("%s prints as %s", name, got)
		}
	}
}

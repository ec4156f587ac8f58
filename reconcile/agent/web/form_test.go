package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"mailops/reconcile/agent/web"
)

// stampOf finds the stamp of the forms of a page.
func stampOf(t *testing.T, page string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == "stamp" {
			return attr(n, "value")
		}
	}
	t.Fatalf("no stamp in:\n%s", page)
	return ""
}

// TestForms: pausing and resuming need a session, the stamp of its forms, and to
// come from the page.
func TestForms(t *testing.T) {
	a := newAcme()
	h := held(a)
	session, other := signIn(t, h, pauseToken), signIn(t, h, pauseToken)
	page := func(c *http.Cookie) string {
		r := local("GET", "/")
		r.AddCookie(c)
		return ask(h, r).Body.String()
	}
	stamp := stampOf(t, page(session))
	if stamp == "" || stamp == stampOf(t, page(other)) {
		t.Fatalf("the stamp %q is not of the session", stamp)
	}
	pause := func(change func(*http.Request), values url.Values) int {
		fields := url.Values{"stamp": {stamp}, "scope": {"ACME.example"}, "for": {"1h"}, "reason": {"the disks are changed"}, "by": {"Inês"}}
		for k, v := range values {
			fields[k] = v
		}
		r := form("/pause", fields)
		r.AddCookie(session)
		if change != nil {
			change(r)
		}
		return ask(h, r).Code
	}
	header := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	plainHTTP := func(origin string) func(*http.Request) { // a browser that does not send Sec-Fetch-Site
		return func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", origin) }
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		values url.Values
		want   int
	}{
		{"no stamp", nil, url.Values{"stamp": {""}}, 403},
		{"another session's stamp", nil, url.Values{"stamp": {stampOf(t, page(other))}}, 403},
		{"another site", header("Sec-Fetch-Site", "cross-site"), nil, 403},
		{"the same site, another host", header("Sec-Fetch-Site", "same-site"), nil, 403},
		{"another origin", plainHTTP("http://evil.example"), nil, 403},
		{"no origin that one may know", plainHTTP("null"), nil, 403},
		{"another port", plainHTTP("http://localhost:1"), nil, 403},
		{"no cookie", header("Cookie", ""), nil, 401},
		{"no reason", nil, url.Values{"reason": {" "}}, 422},
		{"a name that is not known", nil, url.Values{"scope": {"acme.exmaple"}}, 422},
		{"no scope", nil, url.Values{"scope": {""}}, 422},
		{"too long", nil, url.Values{"for": {"31d"}}, 422},
		{"no length", nil, url.Values{"for": {"1 hour"}}, 422},
		{"over already", nil, url.Values{"until": {"2020-01-01T10:00"}}, 422},
		{"no time", nil, url.Values{"until": {"tomorrow"}}, 422},
		{"too much", nil, url.Values{"reason": {strings.Repeat("x", 1<<20)}}, 403},
	} {
		if got := pause(c.change, c.values); got != c.want || len(a.status.Pauses) > 0 {
			t.Fatalf("%s: %d, want %d; pauses: %v", c.name, got, c.want, a.status.Pauses)
		}
	}
	if got := pause(plainHTTP("http://localhost:8025"), nil); got != http.StatusSeeOther || len(a.status.Pauses) != 1 {
		t.Fatalf("the form of the page: %d, %v", got, a.status.Pauses)
	}
	p := a.status.Pauses[0]
	if p.Scope != "acme.example" || p.Reason != "the disks are changed" || p.By != "Inês (status page, 127.0.0.1)" || p.Until.Sub(p.At) != time.Hour {
		t.Errorf("%+v", p)
	}
	has(t, text(t, page(session), "pauses"), "acme.example until", "the disks are changed", "End the pause of acme.example")
	r := form("/resume", url.Values{"stamp": {stamp}, "scope": {"acme.example"}, "return": {"https://evil.example/"}})
	r.AddCookie(session)
	if w := ask(h, r); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(a.status.Pauses) != 0 {
		t.Errorf("resume: %d to %s, %v", w.Code, w.Header().Get("Location"), a.status.Pauses)
	}
}

// TestUntil: a time in a form is on the clocks of the organization.
func TestUntil(t *testing.T) {
	a := newAcme()
	h := held(a)
	zone, err := time.LoadLocation(a.status.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	pause := func(until time.Time) int {
		r := form("/pause", url.Values{"scope": {"all"}, "until": {until.Format("2006-01-02T15:04")}, "reason": {"summer"}})
		r.Header.Set("Authorization", "Bearer "+string(pauseToken))
		return ask(h, r).Code
	}
	day := time.Now().In(zone)
	if code := pause(time.Date(day.Year(), day.Month(), day.Day()+31, 18, 0, 0, 0, zone)); code != http.StatusUnprocessableEntity || len(a.status.Pauses) > 0 {
		t.Error("a pause of more than 30 days:", code)
	}
	want := time.Date(day.Year(), day.Month(), day.Day()+20, 18, 0, 0, 0, zone)
	if code := pause(want); code != http.StatusOK {
		t.Fatal(code)
	}
	if !a.status.Pauses[0].Until.Equal(want) {
		t.Errorf("until %v, want %v", a.status.Pauses[0].Until, want)
	}
}

// TestResumeNothing: what is not paused cannot go on, and nobody is told that it
// does.
func TestResumeNothing(t *testing.T) {
	var log bytes.Buffer
	h := web.Handler(web.Options{Agent: newAcme(), Auth: web.Auth{Token: pauseToken}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := form("/resume", url.Values{"scope": {"acme.example"}})
	r.Header.Set("Authorization", "Bearer "+string(pauseToken))
	if w := ask(h, r); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "acme.example is not paused") || strings.Contains(log.String(), "resumed") {
		t.Error(w.Code, w.Body, log.String())
	}
}

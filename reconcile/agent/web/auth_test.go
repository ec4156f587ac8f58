package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailops/reconcile/agent/web"
)

// signIn returns the cookie of who signs in with a token.
func signIn(t *testing.T, h http.Handler, token web.Token) *http.Cookie {
	t.Helper()
	w := ask(h, form("/sign-in", url.Values{"token": {string(token)}}))
	if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 1 {
		t.Fatal(w.Code, w.Body)
	}
	return w.Result().Cookies()[0]
}

// form is what a browser sends for a form of the page.
func form(path string, values url.Values) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(values.Encode()))
	r.Host, r.RemoteAddr = "localhost:8025", "127.0.0.1:50000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// who is a way to come.
type who struct {
	name   string
	from   string
	host   string
	header http.Header
	token  web.Token // as bearer
	cookie web.Token // signed in with it
}

// TestWho is who may do what: read, see why the agent is not ready, pause.
func TestWho(t *testing.T) {
	const here, away, proxy = "127.0.0.1:1000", "203.0.113.9:1000", "10.0.0.2:1000"
	person := http.Header{"X-Forwarded-User": {"ines.carvalho"}}
	loopback := web.Auth{Loopback: true}
	asked := web.Auth{Loopback: true, Token: readToken, Operator: pauseToken}
	pauses := web.Auth{Loopback: true, Operator: pauseToken}
	named := web.Auth{Loopback: true, Hosts: []string{"mail.acme.example"}} // Check refuses it
	remote := web.Auth{Token: readToken, Operator: pauseToken}
	one := web.Auth{Token: readToken}
	behind := web.Auth{Loopback: true, Operator: pauseToken, Proxy: web.Proxy{Header: "X-Forwarded-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/30"), netip.MustParsePrefix("127.0.0.1/32")}}, Hosts: []string{"mail.acme.example"}}
	for _, c := range []struct {
		auth   web.Auth
		who    who
		reads  int // the status of /api/status
		pauses int // that of /pause
	}{
		{loopback, who{name: "on loopback", from: here}, 200, 403},
		{loopback, who{name: "IPv6", from: "[::1]:1000", host: "[::1]:8025"}, 200, 403},
		{loopback, who{name: "another address reached loopback", from: away}, 401, 401},
		{loopback, who{name: "no address", from: "@"}, 401, 401},
		{loopback, who{name: "a proxy that nobody spoke of", from: here, header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}}, 401, 401},
		{loopback, who{name: "rebound name", from: here, host: "evil.example:8025"}, 421, 421},
		{asked, who{name: "rebound name with a token", from: here, host: "evil.example", token: readToken}, 421, 421},
		{loopback, who{name: "name that begins alike", from: here, host: "localhost.evil.example"}, 421, 421},
		{loopback, who{name: "no name", from: here, host: "-"}, 421, 421},
		{loopback, who{name: "header without a proxy", from: here, header: person}, 200, 403},
		{asked, who{name: "on loopback, or by a proxy that says nothing", from: here}, 401, 401},
		{asked, who{name: "IPv6, asked", from: "[::1]:1000", host: "[::1]:8025"}, 401, 401},
		{asked, who{name: "reader's token", from: here, token: readToken}, 200, 403},
		{asked, who{name: "operator's token", from: here, token: pauseToken}, 200, 200},
		{asked, who{name: "reader's cookie on loopback", from: here, cookie: readToken}, 200, 403},
		{asked, who{name: "wrong token", from: here, token: "coffee-reader-0123456780"}, 401, 401},
		{pauses, who{name: "on loopback, with a token for pausing alone", from: here}, 401, 401},
		{pauses, who{name: "that token", from: here, token: pauseToken}, 200, 200},
		{named, who{name: "reached from elsewhere without a token", from: here}, 401, 401},
		{remote, who{name: "away", from: away}, 401, 401},
		{remote, who{name: "from the same machine", from: here}, 401, 401},
		{remote, who{name: "away by any name", from: away, host: "mail.acme.example", token: readToken}, 200, 403},
		{remote, who{name: "part of the token", from: away, token: readToken[:20]}, 401, 401},
		{remote, who{name: "more than the token", from: away, token: readToken + "0"}, 401, 401},
		{remote, who{name: "operator away", from: away, token: pauseToken}, 200, 200},
		{remote, who{name: "reader's cookie", from: away, cookie: readToken}, 200, 403},
		{remote, who{name: "operator's cookie, no stamp", from: away, cookie: pauseToken}, 200, 403},
		{remote, who{name: "header without a proxy, away", from: away, header: person}, 401, 401},
		{one, who{name: "the only token", from: away, token: readToken}, 200, 200},
		{behind, who{name: "by the proxy", from: proxy, host: "mail.acme.example", header: person}, 200, 403},
		{behind, who{name: "beside the proxy", from: away, host: "mail.acme.example", header: person}, 401, 401},
		{behind, who{name: "by the proxy without a name", from: proxy, host: "mail.acme.example"}, 401, 401},
		{behind, who{name: "two names", from: proxy, host: "mail.acme.example", header: http.Header{"X-Forwarded-User": {"ines", "rui"}}}, 401, 401},
		{behind, who{name: "on loopback beside the proxy", from: here}, 401, 401},
		{behind, who{name: "by the proxy with a token", from: proxy, host: "mail.acme.example", header: person, token: pauseToken}, 200, 200},
		{behind, who{name: "by another name", from: proxy, host: "evil.example", header: person}, 421, 421},
		{web.Auth{}, who{name: "nobody may", from: here}, 401, 401},
	} {
		t.Run(c.who.name, func(t *testing.T) {
			a := newAcme()
			h := web.Handler(web.Options{Agent: a, Auth: c.auth})
			if got := ask(h, c.who.asks(t, h, "GET", "/api/status")).Code; got != c.reads {
				t.Errorf("reading: %d, want %d", got, c.reads)
			}
			if got := ask(h, c.who.asks(t, h, "POST", "/pause?scope=acme.example&for=1h&reason=x")).Code; got != c.pauses {
				t.Errorf("pausing: %d, want %d", got, c.pauses)
			}
			if paused := len(a.status.Pauses) > 0; paused != (c.pauses == 200) {
				t.Errorf("%d, and paused: %v", c.pauses, paused)
			}
			body := ask(h, c.who.asks(t, h, "GET", "/healthz"))
			if body.Code != 200 || body.Body.String() != "ok\n" {
				t.Errorf("healthz: %d %q", body.Code, body.Body)
			}
		})
	}
}

// asks makes a request of who comes.
func (w who) asks(t *testing.T, h http.Handler, method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if method == "POST" {
		r = httptest.NewRequest(method, "/pause", strings.NewReader(r.URL.RawQuery))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Host, r.RemoteAddr = "localhost:8025", w.from
	switch w.host {
	case "":
	case "-":
		r.Host = ""
	default:
		r.Host = w.host
	}
	for k, v := range w.header {
		r.Header[k] = v
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+string(w.token))
	}
	if w.cookie != "" {
		r.AddCookie(signIn(t, h, w.cookie))
	}
	return r
}

// TestAnonymous: who may not read learns nothing, whatever they ask for.
func TestAnonymous(t *testing.T) {
	a := newAcme()
	a.status = unreachable()
	m := web.NewMetrics("1.4.0", nil)
	h := web.Handler(web.Options{Agent: a, Auth: web.Auth{Token: readToken}, Metrics: m})
	for _, path := range []string{"/", "/part/status", "/search?q=yildiz", "/person/yildiz@acme-labs.example", "/run/214", "/api/status", "/api/person/yildiz", "/metrics", "/sign-in", "/healthz", "/readyz", "/nothing", "/assets/page.js"} {
		for _, accept := range []string{"text/html", "*/*"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Accept", accept)
			w := ask(h, r)
			for _, secret := range []string{"1.4.0", "Acme", "emre", "192.0.2.17", "4be91c0", "go1."} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s says %s:\n%s", path, secret, w.Body)
				}
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s does not say how to sign in", path)
			}
		}
	}
	r := httptest.NewRequest("GET", "/person/emre?x=1", nil)
	r.Header.Set("Accept", "text/html")
	if to := ask(h, r).Header().Get("Location"); to != "/sign-in?next=%2Fperson%2Femre%3Fx%3D1" {
		t.Error("a browser is sent to", to)
	}
}

// TestHooks: webhooks come from elsewhere, by any name, and are asked for no
// token: they have a signature.
func TestHooks(t *testing.T) {
	came := ""
	hooks := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came = r.URL.Path })
	h := web.Handler(web.Options{Agent: newAcme(), Auth: web.Auth{Loopback: true}, Hooks: hooks})
	r := httptest.NewRequest("POST", "/hooks/github", strings.NewReader("{}"))
	r.Host = "mail.acme.example"
	if w := ask(h, r); w.Code != http.StatusOK || came != "/hooks/github" {
		t.Error(w.Code, came)
	}
	if w := ask(open(newAcme()), local("POST", "/hooks/github")); w.Code != http.StatusNotFound {
		t.Error("without hooks:", w.Code)
	}
}

// TestReadyTells: why the agent is not ready is for readers, and a token is not
// tried there.
func TestReadyTells(t *testing.T) {
	a := newAcme()
	a.status = unreachable()
	here, away := local("GET", "/readyz"), local("GET", "/readyz")
	away.RemoteAddr = "203.0.113.9:1000"
	guess := away.Clone(t.Context())
	guess.Header.Set("Authorization", "Bearer "+string(readToken))
	for name, c := range map[string]struct {
		h     http.Handler
		r     *http.Request
		tells bool
	}{"here": {open(a), here, true}, "away": {open(a), away, false}, "asked": {held(a), here, false}, "token": {held(a), guess, false}} {
		if body := ask(c.h, c.r).Body.String(); strings.Contains(body, "192.0.2.17") != c.tells || !strings.Contains(body, "cannot read the repository") {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// TestHeaders: every answer keeps others out.
func TestHeaders(t *testing.T) {
	h := open(newAcme())
	for _, path := range []string{"/", "/api/status", "/healthz", "/readyz", "/assets/style.css", "/nothing", "/sign-in", "/person/x", "/hooks/github"} {
		got := ask(h, local("GET", path)).Header()
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
			if got.Get(k) != v {
				t.Errorf("%s: %s is %q", path, k, got.Get(k))
			}
		}
		has(t, got.Get("Content-Security-Policy"), "default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'")
		if strings.Contains(got.Get("Content-Security-Policy"), "unsafe") {
			t.Error(path, got)
		}
		if p := got.Get("Referrer-Policy"); p != "no-referrer" && p != "same-origin" {
			t.Errorf("%s: %s", path, p)
		}
	}
}

// TestCookie: it is not the token, it is the browser's alone, and it ends.
func TestCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := web.Auth{Token: readToken, Operator: pauseToken, Secure: true}
		h := web.Handler(web.Options{Agent: newAcme(), Auth: auth})
		c := signIn(t, h, pauseToken)
		if strings.Contains(c.Value, string(pauseToken)) || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Name != "__Host-mailops" || c.Path != "/" || c.Domain != "" {
			t.Errorf("%+v", c)
		}
		if again := signIn(t, h, pauseToken); again.Value == c.Value {
			t.Error("two sessions are one")
		}
		reads := func(h http.Handler, value string) int {
			r := local("GET", "/api/status")
			r.AddCookie(&http.Cookie{Name: c.Name, Value: value})
			return ask(h, r).Code
		}
		if got := reads(h, c.Value); got != 200 {
			t.Error("the cookie does not let in:", got)
		}
		parts := strings.Split(c.Value, ".")
		for name, forged := range map[string]string{
			"of another process": c.Value + "x", "cut": c.Value[:len(c.Value)-1], "other role": strings.Replace(c.Value, "operator", "reader", 1), "no proof": strings.Join(parts[:3], "."),
			"later": strings.Join([]string{parts[0], "9999999999", parts[2], parts[3]}, "."), "token": string(pauseToken), "dots": "...", "empty": "",
		} {
			if got := reads(h, forged); got != 401 {
				t.Errorf("%s: %d", name, got)
			}
		}
		if got := reads(web.Handler(web.Options{Agent: newAcme(), Auth: auth}), c.Value); got != 401 {
			t.Error("another process takes it:", got)
		}
		time.Sleep(12*time.Hour + time.Second) // the bubble's own
		if got := reads(h, c.Value); got != 401 {
			t.Error("it does not end:", got)
		}
	})
}

// TestPace: who guesses waits longer and longer; others and who is signed in do
// not.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := web.Handler(web.Options{Agent: newAcme(), Auth: web.Auth{Token: readToken}})
		try := func(from string, token web.Token) int {
			r := httptest.NewRequest("GET", "/api/status", nil)
			r.RemoteAddr = from
			r.Header.Set("Authorization", "Bearer "+string(token))
			return ask(h, r).Code
		}
		tried := 0
		for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(500 * time.Millisecond) {
			if try("[2001:db8::1]:1", "a-wrong-token-of-length") == http.StatusUnauthorized {
				tried++
			}
		}
		if tried > 75 {
			t.Errorf("%d guesses in an hour", tried)
		}
		if got := try("[2001:db8::2]:1", readToken); got != http.StatusTooManyRequests {
			t.Error("the same network may go on:", got)
		}
		if got := try("[2001:db8:1::1]:1", readToken); got != http.StatusOK {
			t.Error("another network has to wait:", got)
		}
		r := form("/sign-in", url.Values{"token": {string(readToken)}})
		r.RemoteAddr = "[2001:db8::3]:1"
		if w := ask(h, r); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
			t.Error("the form goes around it:", w.Code)
		}
		time.Sleep(time.Minute)
		if got := try("[2001:db8::1]:1", readToken); got != http.StatusOK {
			t.Error("the right token does not let in after a minute:", got)
		}
	})
}

// TestNext: signing in leads on to a page of ours alone.
func TestNext(t *testing.T) {
	h := held(newAcme())
	for next, want := range map[string]string{
		"": "/", "/person/a@b?x=1": "/person/a@b?x=1", "//evil.example": "/", "///evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/", "javascript:alert(1)": "/", "/\t/evil.example": "/", "person": "/", "/%5Cevil.example": "/%5Cevil.example",
	} {
		w := ask(h, form("/sign-in", url.Values{"token": {string(readToken)}, "next": {next}}))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// TestAuthCheck: what should not be started with.
func TestAuthCheck(t *testing.T) {
	proxy := web.Proxy{Header: "X-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for name, c := range map[string]struct {
		auth web.Auth
		ok   bool
	}{
		"nothing": {web.Auth{}, false}, "loopback": {web.Auth{Loopback: true}, true}, "token": {web.Auth{Token: readToken}, true}, "short": {web.Auth{Token: "short"}, false},
		"short operator": {web.Auth{Loopback: true, Operator: "short"}, false}, "proxy": {web.Auth{Proxy: proxy}, true}, "proxy from nowhere": {web.Auth{Proxy: web.Proxy{Header: "X-User"}}, false},
		"loopback by another name": {web.Auth{Loopback: true, Hosts: []string{"mail.acme.example"}}, false}, "loopback by HTTPS": {web.Auth{Loopback: true, Secure: true}, false},
		"both with a token": {web.Auth{Loopback: true, Secure: true, Hosts: []string{"mail.acme.example"}, Operator: pauseToken}, true}, "both with a proxy": {web.Auth{Loopback: true, Secure: true, Proxy: proxy}, true},
	} {
		if err := c.auth.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", web.Auth{Token: readToken}, web.Auth{Token: readToken}, web.Auth{Token: readToken}, readToken); strings.Contains(s, "coffee") {
		t.Error("a token shows itself:", s)
	}
}

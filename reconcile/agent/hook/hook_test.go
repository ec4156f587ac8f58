package hook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The secrets of the tests. GitLab's has two kinds.
const (
	secret       = "correct horse battery staple"
	signingToken = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func allSecrets() Secrets {
	return Secrets{GitHub: secret, GitLab: secret, Gitea: secret, Generic: secret}
}

// A target is a handler and what became of its requests.
type target struct {
	http.Handler
	triggered atomic.Int64
	mu        sync.Mutex
	results   map[Result]int
}

func newTarget(t testing.TB, o Options) *target {
	t.Helper()
	out := &target{results: make(map[Result]int)}
	o.Trigger = func(string) { out.triggered.Add(1) }
	o.Count = func(_ string, r Result) {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.results[r]++
	}
	var err error
	if out.Handler, err = New(o); err != nil {
		t.Fatal(err)
	}
	return out
}

// A request is what a forge sends.
type request struct {
	method, kind string // "" is POST
	header       map[string]string
	body         string
}

// with returns the request with another header; "" takes one away.
func (r request) with(name, value string) request {
	r.header = maps.Clone(r.header)
	if r.header[name] = value; value == "" {
		delete(r.header, name)
	}
	return r
}

func (r request) of(kind string) request     { r.kind = kind; return r }
func (r request) by(method string) request   { r.method = method; return r }
func (r request) saying(body string) request { r.body = body; return r }

// send sends a request, and returns the status and the text of the answer.
func (o *target) send(r request) string {
	method := r.method
	if method == "" {
		method = http.MethodPost
	}
	w, q := httptest.NewRecorder(), httptest.NewRequest(method, "/hooks/"+r.kind, strings.NewReader(r.body))
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	o.ServeHTTP(w, q)
	return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
}

func sum(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(key, text string) string { return hex.EncodeToString(sum(key, text)) }

// body is how a push begins, as the forges send it.
const body = `{"ref":"refs/heads/main","before":"28e1879d029cb852e4844d9c718537df08844e03","after":"bffeb74224043ba2feb48d137756c8a9331c449a"}`

// The pushes that each forge sends, signed.
func githubPush(text string) request {
	return request{kind: "github", body: text, header: map[string]string{
		"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		"X-Hub-Signature-256": "sha256=" + hexSum(secret, text), "Content-Type": "application/json",
	}}
}

func giteaPush(text string) request {
	return request{kind: "gitea", body: text, header: map[string]string{
		"X-Gitea-Event": "push", "X-Gitea-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473", "X-Gitea-Signature": hexSum(secret, text),
	}}
}

func forgejoPush(text string) request {
	return giteaPush(text).with("X-Forgejo-Event", "push").with("X-Forgejo-Signature", hexSum(secret, text)).
		with("X-Forgejo-Delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473")
}

func gitlabPush(text string) request {
	return request{kind: "gitlab", body: text, header: map[string]string{
		"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e",
		"Idempotency-Key": "f5e57abe-2a5c-4b1d-9d5d-6fb1e6d1d7a2",
	}}
}

func signedGitlabPush(text string, at time.Time) request {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingToken, "whsec_")) // a constant
	stamp := strconv.FormatInt(at.Unix(), 10)
	return gitlabPush(text).with("X-Gitlab-Token", "").with("Webhook-Id", "one").with("Webhook-Timestamp", stamp).
		with("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(sum(string(key), "one."+stamp+"."+text)))
}

func genericPush(text string, at time.Time) request {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return request{kind: "generic", body: text, header: map[string]string{
		"X-Timestamp": stamp, "X-Signature": "sha256=" + hexSum(secret, stamp+"."+text),
	}}
}

const (
	triggered, repeated, ignored = "200 triggered", "200 repeated", "200 ignored"
	forbidden                    = "403 Forbidden"
)

func TestRequests(t *testing.T) {
	elsewhere := strings.Replace(body, "main", "elsewhere", 1)
	form := "payload=" + url.QueryEscape(body)
	longForm := "payload=" + url.QueryEscape(elsewhere[:len(elsewhere)-1]+`,"commits":"`+strings.Repeat("é", 4000)+`"}`)
	asForm := func(r request) request { return r.with("Content-Type", "application/x-www-form-urlencoded") }
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin
	for name, c := range map[string]struct {
		request
		want string
	}{
		"github":                                {githubPush(body), triggered},
		"github, a form":                        {asForm(githubPush(form)), triggered},
		"github, upper case":                    {githubPush(body).with("X-Hub-Signature-256", "sha256="+strings.ToUpper(hexSum(secret, body))), triggered},
		"github, ping":                          {githubPush(body).with("X-GitHub-Event", "ping"), "200 ping"},
		"github, an issue":                      {githubPush(body).with("X-GitHub-Event", "issues"), ignored},
		"github, no event":                      {githubPush(body).with("X-GitHub-Event", ""), ignored},
		"github, another branch":                {githubPush(elsewhere), ignored},
		"github, another branch in a long form": {asForm(githubPush(longForm)), ignored},
		"github, a tag of that name":            {githubPush(strings.Replace(body, "heads", "tags", 1)), ignored},
		"github, no branch is said":             {githubPush(`{"zen":"Speak like a human."}`), triggered},
		"github, a branch that is none":         {githubPush(`{"ref":7}`), triggered},
		"github, it is not JSON":                {githubPush("Hello, World!"), triggered},
		"github, nothing":                       {githubPush(""), triggered},
		"github, no delivery":                   {githubPush(body).with("X-GitHub-Delivery", ""), triggered},
		"github, another secret":                {githubPush(body).with("X-Hub-Signature-256", "sha256="+hexSum("another", body)), forbidden},
		"github, an empty secret":               {githubPush(body).with("X-Hub-Signature-256", "sha256="+hexSum("", body)), forbidden},
		"github, another body":                  {githubPush(body).saying(body + " "), forbidden},
		"github, no signature":                  {githubPush(body).with("X-Hub-Signature-256", ""), forbidden},
		"github, the older signature":           {githubPush(body).with("X-Hub-Signature-256", "").with("X-Hub-Signature", "sha1="+hexSum(secret, body)[:40]), forbidden},
		"github, half a signature":              {githubPush(body).with("X-Hub-Signature-256", "sha256="+hexSum(secret, body)[:32]), forbidden},
		"github, no prefix":                     {githubPush(body).with("X-Hub-Signature-256", hexSum(secret, body)), forbidden},
		"github, a ping that is not signed":     {githubPush(body).with("X-GitHub-Event", "ping").with("X-Hub-Signature-256", ""), forbidden},
		"github signs for gitea":                {githubPush(body).of("gitea"), forbidden},
		"gitea":                                 {giteaPush(body), triggered},
		"gitea, a form":                         {asForm(giteaPush(form)), triggered},
		"gitea, another branch":                 {giteaPush(elsewhere), ignored},
		"gitea, a release":                      {giteaPush(body).with("X-Gitea-Event", "release"), ignored},
		"gitea, another body":                   {giteaPush(body).saying(elsewhere), forbidden},
		"gitea, no signature":                   {giteaPush(body).with("X-Gitea-Signature", ""), forbidden},
		"forgejo":                               {forgejoPush(body), triggered},
		"forgejo, its own signature counts":     {forgejoPush(body).with("X-Forgejo-Signature", hexSum("another", body)), forbidden},
		"gitlab":                                {gitlabPush(body), triggered},
		"gitlab, another branch":                {gitlabPush(`{"object_kind":"push","project":{"id":15},"ref":"refs/heads/elsewhere"}`), ignored},
		"gitlab, a tag":                         {gitlabPush(body).with("X-Gitlab-Event", "Tag Push Hook"), ignored},
		"gitlab, another token":                 {gitlabPush(body).with("X-Gitlab-Token", "correct horse battery staplf"), forbidden},
		"gitlab, a longer token":                {gitlabPush(body).with("X-Gitlab-Token", secret+"s"), forbidden},
		"gitlab, no token":                      {gitlabPush(body).with("X-Gitlab-Token", ""), forbidden},
		"generic":                               {genericPush(body, now), triggered},
		"generic, nothing":                      {genericPush("", now), triggered},
		"generic, another branch":               {genericPush(elsewhere, now), ignored},
		"generic, another time":                 {genericPush(body, now).with("X-Timestamp", strconv.FormatInt(now.Unix()+1, 10)), forbidden},
		"generic, no time":                      {genericPush(body, now).with("X-Timestamp", ""), forbidden},
		"generic, a time that is none":          {genericPush(body, now).with("X-Timestamp", "soon"), forbidden},
		"another method":                        {githubPush(body).by(http.MethodGet), "405 Method Not Allowed"},
		"yet another":                           {githubPush(body).by(http.MethodPut), "405 Method Not Allowed"},
		"another forge":                         {githubPush(body).of("bitbucket"), "404 404 page not found"},
		"no forge":                              {githubPush(body).of(""), "404 404 page not found"},
		"below a forge":                         {githubPush(body).of("github/x"), "404 404 page not found"},
		"too much":                              {githubPush(strings.Repeat("1", 1<<20+1)), "413 Request Entity Too Large"},
		"as much as may be":                     {githubPush(strings.Repeat("1", 1<<20)), triggered},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newTarget(t, Options{Secrets: allSecrets(), Branch: "main"})
				if got := o.send(c.request); got != c.want {
					t.Errorf("answer is %q, want %q", got, c.want)
				}
				if want := c.want == triggered; (o.triggered.Load() == 1) != want {
					t.Errorf("%d triggers", o.triggered.Load())
				}
			})
		})
	}
}

// TestWithoutSecrets holds that a kind without a secret has no hook, above all
// not one that an empty secret opens.
func TestWithoutSecrets(t *testing.T) {
	o := newTarget(t, Options{Secrets: Secrets{GitHub: secret}})
	for _, r := range []request{
		giteaPush(body).with("X-Gitea-Signature", hexSum("", body)), gitlabPush(body).with("X-Gitlab-Token", ""), genericPush(body, time.Now()),
	} {
		if got := o.send(r); got != "404 404 page not found" {
			t.Errorf("%s: answer is %q", r.kind, got)
		}
	}
	for _, s := range []Secrets{{GitHub: "short"}, {Gitea: "fifteen letters"}, {GitLab: "whsec_%%%%%%%%%%%%%%%%%%%%%"}, {GitLab: "whsec_c2hvcnQ="}} {
		if _, err := New(Options{Secrets: s}); err == nil {
			t.Errorf("%q is taken", []Secret{s.GitHub, s.Gitea, s.GitLab})
		} else if strings.Contains(err.Error(), "letters") || strings.Contains(err.Error(), "%%") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

// TestRepeated holds what a repeated request is: one with the same id, or with
// the same signature and another id, within an hour.
func TestRepeated(t *testing.T) {
	other := strings.Replace(body, "28e1", "28e2", 1)
	synctest.Test(t, func(t *testing.T) {
		o := newTarget(t, Options{Secrets: allSecrets()})
		check := func(r request, want string) {
			t.Helper()
			if got := o.send(r); got != want {
				t.Errorf("answer to %s is %q, want %q", r.kind, got, want)
			}
		}
		check(githubPush(other).with("X-Hub-Signature-256", "sha256="+hexSum("another", other)), forbidden) // leaves nothing behind
		check(githubPush(body).with("X-GitHub-Event", "ping"), "200 ping")
		for _, push := range []func(string) request{githubPush, giteaPush} {
			check(push(body), triggered)
			check(push(body), repeated)
			check(push(body).with("X-GitHub-Delivery", "new").with("X-Gitea-Delivery", "new"), repeated)
			check(push(other), repeated)
		}
		check(githubPush(other).with("X-GitHub-Delivery", "other"), repeated) // it was here with the id of the first
		check(gitlabPush(body), triggered)
		check(gitlabPush(other), repeated)
		check(gitlabPush(body).with("Idempotency-Key", ""), triggered)
		check(gitlabPush(body).with("Idempotency-Key", ""), repeated)
		check(genericPush(body, time.Now()), triggered)
		check(genericPush(body, time.Now()), repeated)
		check(genericPush(other, time.Now()), triggered)
		time.Sleep(time.Hour)
		check(githubPush(body), repeated)
		time.Sleep(time.Second)
		check(githubPush(body), triggered)
		check(genericPush(body, time.Now()), triggered)
	})
}

// TestStamps holds when a dated request counts: not when it is old, and not when
// it was signed before there was anybody to remember it.
func TestStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTarget(t, Options{Secrets: allSecrets()})
		captured := genericPush(body, time.Now())
		if got := o.send(captured); got != triggered {
			t.Fatal(got)
		}
		time.Sleep(time.Minute)
		o = newTarget(t, Options{Secrets: allSecrets()}) // the agent begins again
		if got := o.send(captured); got != forbidden {
			t.Errorf("after a restart the answer is %q", got)
		}
		time.Sleep(time.Hour)
		for _, c := range []struct {
			ago  time.Duration
			want string
		}{{5 * time.Minute, triggered}, {-5 * time.Minute, triggered}, {5*time.Minute + time.Second, forbidden}, {-5*time.Minute - time.Second, forbidden}, {1 << 62, forbidden}} {
			if got := o.send(genericPush(fmt.Sprint(c.ago), time.Now().Add(-c.ago))); got != c.want {
				t.Errorf("signed %s ago: answer is %q, want %q", c.ago, got, c.want)
			}
		}
	})
}

// TestSecretsAreHidden plants secrets and what a stranger sends, and looks for
// them in all that is said.
func TestSecretsAreHidden(t *testing.T) {
	var log bytes.Buffer
	options := Options{Secrets: allSecrets(), Log: slog.New(slog.NewJSONHandler(&log, nil))}
	o := newTarget(t, options)
	for range 1000 {
		if got := o.send(githubPush("stranger").with("X-Hub-Signature-256", "sha256=stranger")); got != forbidden {
			t.Fatal(got)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines of log for 1,000 refusals", n)
	}
	coded, err := json.Marshal(options.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	options.Log.Info("options", "secrets", options.Secrets, "one", options.Secrets.GitHub)
	said := log.String() + string(coded) + fmt.Sprintf("%v %+v %#v %s %q", options.Secrets, options.Secrets, options.Secrets, options.Secrets, options.Secrets.GitHub)
	for _, word := range []string{"horse", "stranger"} {
		if strings.Contains(said, word) {
			t.Errorf("%q is in %s", word, said)
		}
	}
	if diff := cmp.Diff(map[Result]int{Refused: 1000}, o.results); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

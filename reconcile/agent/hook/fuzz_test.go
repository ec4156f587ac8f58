package hook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzHook holds that no request panics; that none triggers whose signature is
// not right, which a fuzzer cannot make; and that each whose signature is right
// is believed, whatever its body.
func FuzzHook(f *testing.F) {
	for _, kind := range []string{"github", "gitlab", "gitea", "generic", "bitbucket"} {
		f.Add("POST", kind, "push", "sha256="+hexSum("another", body), "id", "946684800", "application/json", body)
	}
	f.Add("POST", "gitlab", "Push Hook", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,", "", "-1", "", `{"ref":{"ref":[`)
	f.Add("POST", "github", "ping", hexSum("", ""), "", "", "application/x-www-form-urlencoded", "payload=%7B%22ref%22%3A%2")
	f.Add("GET", "gitea", "", "", "", "99999999999999999999", "", "")
	signed, tokens := Options{Secrets: allSecrets(), Branch: "main"}, Options{Secrets: Secrets{GitLab: signingToken}, Branch: "main"}
	f.Fuzz(func(t *testing.T, method, kind, event, signature, id, stamp, contentType, text string) {
		for _, o := range []*target{newTarget(t, signed), newTarget(t, tokens)} {
			r := forged(method, kind, event, signature, id, stamp, contentType, text)
			w := httptest.NewRecorder()
			o.ServeHTTP(w, r)
			if o.triggered.Load() != 0 || w.Code == http.StatusOK {
				t.Fatalf("a forged request: %d %s", w.Code, w.Body)
			}
		}
		o, signing := newTarget(t, signed), newTarget(t, tokens) // before anything is dated
		for _, right := range []request{githubPush(text), giteaPush(text), genericPush(text, time.Now()), signedGitlabPush(text, time.Now())} {
			to := o
			if right.kind == "gitlab" {
				to = signing
			}
			if got := to.send(right.with("Content-Type", contentType).with("X-GitHub-Delivery", "")); got != triggered && got != ignored {
				t.Fatalf("a right request of %s: %s", right.kind, got)
			}
		}
	})
}

// forged is a request in all of whose headers stands what a fuzzer found.
func forged(method, kind, event, signature, id, stamp, contentType, text string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks/", strings.NewReader(text))
	r.Method, r.URL.Path = method, "/hooks/"+kind
	for value, names := range map[*string]string{
		&event:       "X-GitHub-Event X-Gitea-Event X-Forgejo-Event X-Gitlab-Event",
		&signature:   "X-Hub-Signature-256 X-Gitea-Signature X-Forgejo-Signature X-Gitlab-Token Webhook-Signature X-Signature",
		&id:          "X-GitHub-Delivery X-Gitea-Delivery X-Forgejo-Delivery Idempotency-Key X-Gitlab-Event-UUID Webhook-Id",
		&stamp:       "X-Timestamp Webhook-Timestamp",
		&contentType: "Content-Type",
	} {
		for name := range strings.FieldsSeq(names) {
			r.Header.Set(name, *value)
		}
	}
	return r
}

// FuzzRef holds that how a body begins may be anything.
func FuzzRef(f *testing.F) {
	f.Add(body, "application/json")
	f.Add("payload=%7B%22ref%22%3A%22x%22%7D&x=y", "application/x-www-form-urlencoded")
	f.Add(strings.Repeat(`{"a":`, 800), "")
	f.Fuzz(func(t *testing.T, head, contentType string) {
		ref := refOf([]byte(head), contentType)
		if len(ref) > 3*len(head) {
			t.Errorf("ref %q is longer than what it is from", ref)
		}
	})
}

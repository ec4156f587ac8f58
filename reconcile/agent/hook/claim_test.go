package hook

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDocumentedSignatures checks the examples that GitHub, Standard Webhooks and
// RFC 4231 give.
func TestDocumentedSignatures(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := make(http.Header)
		for pair := range slices.Chunk(pairs, 2) {
			h.Set(pair[0], pair[1])
		}
		return h
	}
	raw, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") // a constant
	const right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	for name, c := range map[string]struct {
		claim
		key, body string
	}{
		"GitHub": {
			github(header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")),
			"It's a Secret to Everybody", "Hello, World!",
		},
		"RFC 4231": {
			gitea(header("X-Gitea-Signature", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")),
			"Jefe", "what do ya want for nothing?",
		},
		"Standard Webhooks": {
			standard(header("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp", "1614265330", "Webhook-Signature", right)),
			string(raw), `{"test": 2432232314}`,
		},
		"Standard Webhooks, the second of two keys": {
			standard(header("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp", "1614265330",
				"Webhook-Signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,xx v1a,yy "+right)),
			string(raw), `{"test": 2432232314}`,
		},
	} {
		if !c.complete() || !c.holds([]byte(c.key), sum(c.key, c.before+c.body)) {
			t.Errorf("%s: the signature does not hold", name)
		}
		if c.holds([]byte(c.key), sum(c.key, c.before+c.body+" ")) {
			t.Errorf("%s: the signature holds for another body", name)
		}
	}
}

// TestSigningToken holds that GitLab's requests must be signed when the secret is
// a signing token.
func TestSigningToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTarget(t, Options{Secrets: Secrets{GitLab: signingToken}})
		time.Sleep(time.Hour)
		right := signedGitlabPush(body, time.Now())
		for _, c := range []struct {
			request
			want string
		}{
			{gitlabPush(body), forbidden},
			{gitlabPush(body).with("X-Gitlab-Token", signingToken), forbidden},
			{right.with("Webhook-Id", "two"), forbidden},
			{right.with("Webhook-Timestamp", ""), forbidden},
			{right.with("Webhook-Signature", "v1,"), forbidden},
			{right.with("Webhook-Signature", strings.Repeat("v1,eA== ", 4)+right.header["Webhook-Signature"]), forbidden},
			{right.saying(body + " "), forbidden},
			{signedGitlabPush(body, time.Now().Add(-6*time.Minute)), forbidden},
			{right, triggered},
			{right, repeated},
			{right.with("Idempotency-Key", "another"), repeated},
		} {
			if got := o.send(c.request); got != c.want {
				t.Errorf("answer to %v is %q, want %q", c.header, got, c.want)
			}
		}
	})
}

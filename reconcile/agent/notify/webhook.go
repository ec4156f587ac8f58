package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// WebhookOptions says where and how a webhook is called.
type WebhookOptions struct {
	URL       string            // https, or http on this machine; secret
	Secret    string            // of the signature; without one there is none
	Transport http.RoundTripper // nil is http.DefaultTransport
}

type webhook struct {
	poster *poster
	secret []byte
}

// Webhook returns the Channel that posts each Event as JSON. With a secret,
// X-Timestamp has the time in seconds since 1970, and X-Signature "sha256=" and
// the HMAC-SHA256, in hexadecimal digits, of that time, a full stop and the
// body. A receiver that refuses old times and IDs that it saw is safe from
// replays.
func Webhook(o WebhookOptions) (Channel, error) {
	p, err := newPoster(o.URL, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return &webhook{poster: p, secret: []byte(o.Secret)}, nil
}

// String keeps the secrets from whoever prints the channel.
func (*webhook) String() string { return "webhook" }

// GoString does, too.
func (*webhook) GoString() string { return "webhook" }

// Send implements Channel.
func (w *webhook) Send(ctx context.Context, e Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return &Failure{Text: "the event is no JSON", Permanent: true}
	}
	header := make(http.Header)
	if len(w.secret) > 0 {
		now := strconv.FormatInt(time.Now().Unix(), 10)
		header.Set("X-Timestamp", now)
		header.Set("X-Signature", sign(w.secret, now, body))
	}
	return w.poster.post(ctx, body, header)
}

func sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

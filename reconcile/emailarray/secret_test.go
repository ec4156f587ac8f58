package emailarray_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// password is one that the service takes.
const password = "Right-4-you"

// TestSecrets: no password and no token is in what is told: errors, calls as JSON,
// credentials printed.
func TestSecrets(t *testing.T) {
	s := start(t, people, nil)
	eva := &schema.User{Address: "eva@acme.example", Name: "Eva", Settings: schema.Settings{AccountType: "basic", Quota: 1e9, Status: "active"}}
	var told strings.Builder
	for _, quirk := range []string{"", "refuse", "cut", "half", "html", "fail=500", "empty", "expire", "throttle=1"} {
		s.quirk(t, strings.Fields(quirk)...)
		s.renew(t)
		for _, call := range append(s.calls(t, nil, eva), emailarray.AddForward("ada@acme.example", "x@partner.example")) {
			a := s.Client.Do(t.Context(), call, hosted.Secrets{emailarray.PasswordOf(eva.Address): password})
			data, err := json.Marshal([]any{call, a})
			fmt.Fprintln(&told, string(data), err, a.Err(call.Name), call)
		}
		_, err := s.Read(t.Context(), nil)
		fmt.Fprintln(&told, err)
	}
	s.options.Transport = echo{}
	s.renew(t)
	_, err := s.Read(t.Context(), nil)
	c := s.options.Credentials
	fmt.Fprintln(&told, err, c, &c, fmt.Sprintf("%+v %#v %v", c, c, s.options))
	if !strings.Contains(told.String(), "(secret)") {
		t.Error("nothing was said that had a secret in it")
	}
	secrets := []string{password, s.Credentials().Password}
	for _, q := range s.got {
		secrets = append(secrets, q.form["token"]...)
		secrets = append(secrets, q.form["password"]...)
	}
	for _, secret := range secrets {
		if strings.Contains(told.String(), secret) {
			t.Errorf("%q is told:\n%s", secret, told.String())
		}
	}
}

// echo is a service that answers with what it was asked.
type echo struct{}

// RoundTrip refuses, and quotes the request.
func (echo) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	w := &recorder{header: make(http.Header)}
	data, err := json.Marshal(map[string]any{"returncode": 0, "returndata": "do not know " + fmt.Sprint(r.PostForm)})
	if err != nil {
		return nil, err
	}
	w.body = string(data)
	return w.response(r), nil
}

type recorder struct {
	header http.Header
	body   string
}

func (w *recorder) response(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: w.header, Body: body{strings.NewReader(w.body)}, Request: r, ProtoMajor: 1, ProtoMinor: 1}
}

type body struct{ *strings.Reader }

// Close does nothing.
func (body) Close() error { return nil }

// TestNewPassword: the service takes a new password, and no two are alike.
func TestNewPassword(t *testing.T) {
	s := start(t, people, nil)
	eva := &schema.User{Address: "eva@acme.example", Name: "Eva", Settings: schema.Settings{AccountType: "basic", Quota: 1e9}}
	fresh := hosted.NewPassword()
	a := s.Client.Do(t.Context(), emailarray.AddUser(eva), hosted.Secrets{emailarray.PasswordOf(eva.Address): fresh})
	if a.Outcome != hosted.Done || !s.PasswordIs("eva@acme.example", fresh) || fresh == hosted.NewPassword() {
		t.Errorf("got %+v", a)
	}
	if a := s.Client.Do(t.Context(), emailarray.AddUser(eva), nil); a.Outcome != hosted.Refused {
		t.Errorf("without the password it is %+v", a)
	}
}

// TestSetPassword: no read shows a password, so that what the service says is all
// that is known; a refusal is none because the rest is as it is.
func TestSetPassword(t *testing.T) {
	ada := &schema.User{Address: "ada@acme.example", Name: "Ada Abdi", Settings: schema.Settings{AccountType: "enhanced", Quota: 5e9}}
	const good, weak = "Correct-Horse-9", "horse"
	for _, c := range []struct {
		quirk, password string
		want            hosted.Outcome
		set             bool
		sent            int
	}{
		{"", good, hosted.Done, true, 1},
		{"", weak, hosted.Refused, false, 1},
		{"refuse,only=write", good, hosted.Refused, false, 1},
		{"cut,only=write", good, hosted.Unknown, false, 1},
		{"cut,after,only=write", good, hosted.Unknown, true, 1},
		{"expire,only=write,nth=1", good, hosted.Done, true, 2},
	} {
		s := start(t, people, nil)
		s.read(t)
		s.quirk(t, strings.Fields(c.quirk)...)
		since := len(s.Log())
		a := s.Client.Do(t.Context(), emailarray.SetPassword(ada, "new"), hosted.Secrets{"new": c.password})
		sent := 0
		for _, e := range s.Log()[since:] {
			if e.Action == "updateUser" {
				sent++
			}
		}
		if a.Outcome != c.want || sent != c.sent || s.PasswordIs("ada@acme.example", c.password) != c.set {
			t.Errorf("%q with %s: %+v, sent %d times", c.quirk, c.password, a, sent)
		}
		if strings.Contains(a.Text, c.password) {
			t.Errorf("%q: the password is told: %s", c.quirk, a.Text)
		}
	}
}

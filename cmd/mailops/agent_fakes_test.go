package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/rogpeppe/go-internal/testscript"
)

// The fakes of this file stand for those whom an agent tells. What they are
// asked is recorded, a line each, in the order in which it came, and never what
// they are asked with: a secret.

type fakeKey struct{}

// fakes are the fakes of a script, by name.
type fakes map[string]*fake

// A fake is a server that a script has started.
type fake struct {
	secret string // that who asks must know; "" is none
	root   string // the script's folder
	stop   func()

	mu    sync.Mutex
	log   *os.File
	fault int // what it answers instead of doing as asked; 0 is nothing
}

// cmdFake starts a server that stops with the script, puts its URL into $NAME,
// and what it is asked into the file name.log: fake KIND NAME [SECRET]. The
// secret is a file with what webhooks are signed by (http), the token (github, git),
// or the password of mailops (smtp).
func cmdFake(ts *testscript.TestScript, neg bool, args []string) {
	kinds := map[string]func(*fake) (string, error){"http": (*fake).serveHook, "github": (*fake).serveGitHub, "smtp": (*fake).serveSMTP, "git": (*fake).serveGit}
	if neg || len(args) < 2 || len(args) > 3 || kinds[args[0]] == nil {
		ts.Fatalf("usage: fake http|github|smtp|git NAME [SECRET]")
	}
	f := &fake{root: ts.MkAbs(".")}
	if len(args) == 3 {
		f.secret = strings.TrimSpace(ts.ReadFile(args[2]))
	}
	var err error
	f.log, err = os.Create(ts.MkAbs(logOf(args[1])))
	ts.Check(err)
	at, err := kinds[args[0]](f)
	ts.Check(err)
	ts.Defer(func() { f.stop(); _ = f.log.Close() })
	ts.Value(fakeKey{}).(fakes)[args[1]] = f
	ts.Setenv(args[1], at)
}

// cmdFault makes a fake answer everything with a code, or end, or do as it is
// asked again: fault NAME CODE|gone|none
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || ts.Value(fakeKey{}).(fakes)[args[0]] == nil {
		ts.Fatalf("usage: fault NAME CODE|gone|none, after fake")
	}
	f, code := ts.Value(fakeKey{}).(fakes)[args[0]], 0
	switch args[1] {
	case "gone":
		f.stop()
		return
	case "none":
	default:
		var err error
		code, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = code
}

// record writes a line. The lock is held.
func (f *fake) record(format string, args ...any) {
	line := strings.NewReplacer("\r", "", "\n", " / ").Replace(strings.TrimSpace(fmt.Sprintf(format, args...)))
	_, _ = fmt.Fprintln(f.log, line) // a script that waits for the line tells
}

// serve serves HTTP, one request after the other, and records each as METHOD
// PATH CODE BODY.
func (f *fake) serve(h http.Handler) (string, error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // who asked has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.mu.Lock()
		defer f.mu.Unlock()
		answer := httptest.NewRecorder()
		if f.fault != 0 {
			answer.WriteHeader(f.fault)
		} else {
			h.ServeHTTP(answer, r)
		}
		f.record("%s %s %d %s", r.Method, r.URL.Path, answer.Code, body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	f.stop = sync.OnceFunc(func() { server.CloseClientConnections(); server.Close() })
	return server.URL, nil
}

// serveHook takes whatever is posted, or with a secret what is signed by it.
func (f *fake) serveHook() (string, error) {
	return f.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // of memory
		mac := hmac.New(sha256.New, []byte(f.secret))
		fmt.Fprintf(mac, "%s.%s", r.Header.Get("X-Timestamp"), body)
		if f.secret != "" && r.Header.Get("X-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, "{}")
	}))
}

// A hub is GitHub as far as an agent asks it: the repository acme/mail, whose
// pull request 1 has every commit. What is not documented there is not found.
type hub struct {
	statuses map[string][]map[string]any // of a commit, newest first
	comments []map[string]any
}

// hubAccount is who the token belongs to.
var hubAccount = map[string]any{"id": 7, "login": "mailops", "type": "User"}

func (f *fake) serveGitHub() (string, error) {
	h, routes := &hub{make(map[string][]map[string]any), []map[string]any{}}, http.NewServeMux()
	for pattern, does := range map[string]func(r *http.Request, body map[string]any) (int, any){
		"GET user": func(*http.Request, map[string]any) (int, any) { return http.StatusOK, hubAccount },
		"GET repos/acme/mail/commits/{sha}/pulls": func(*http.Request, map[string]any) (int, any) {
			return http.StatusOK, []any{map[string]any{"number": 1, "state": "open"}}
		},
		"GET repos/acme/mail/commits/{sha}/statuses": func(r *http.Request, _ map[string]any) (int, any) {
			return http.StatusOK, append([]map[string]any{}, h.statuses[r.PathValue("sha")]...)
		},
		"GET repos/acme/mail/issues/1/comments":      func(*http.Request, map[string]any) (int, any) { return http.StatusOK, h.comments },
		"POST repos/acme/mail/statuses/{sha}":        h.setStatus,
		"POST repos/acme/mail/issues/1/comments":     h.addComment,
		"PATCH repos/acme/mail/issues/comments/{id}": h.editComment,
	} {
		routes.HandleFunc(strings.Replace(pattern, " ", " /api/v3/", 1), func(w http.ResponseWriter, r *http.Request) {
			code, said := http.StatusUnauthorized, any(map[string]string{"message": "Bad credentials"})
			if r.Header.Get("Authorization") == "Bearer "+f.secret {
				var body map[string]any
				_ = json.NewDecoder(r.Body).Decode(&body) // a GET has none
				code, said = does(r, body)
			}
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(said) // into memory
		})
	}
	return f.serve(routes)
}

func (h *hub) setStatus(r *http.Request, body map[string]any) (int, any) {
	sha := r.PathValue("sha")
	h.statuses[sha] = append([]map[string]any{body}, h.statuses[sha]...)
	return http.StatusCreated, body
}

func (h *hub) addComment(_ *http.Request, body map[string]any) (int, any) {
	c := map[string]any{"id": len(h.comments) + 1, "body": body["body"], "user": hubAccount}
	h.comments = append(h.comments, c)
	return http.StatusCreated, c
}

func (h *hub) editComment(r *http.Request, body map[string]any) (int, any) {
	for _, c := range h.comments {
		if fmt.Sprint(c["id"]) == r.PathValue("id") {
			c["body"] = body["body"]
			return http.StatusOK, c
		}
	}
	return http.StatusNotFound, map[string]string{"message": "Not Found"}
}

// serveSMTP is a relay that takes mail from mailops, when it knows the password.
func (f *fake) serveSMTP() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailing{fake: f}, nil }))
	server.AllowInsecureAuth, server.Domain = true, "relay.example" // on this machine
	server.ErrorLog = log.New(io.Discard, "", 0)                    // sessions that the agent breaks off
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	f.stop = sync.OnceFunc(func() { _ = server.Close(); <-ended })
	return "smtp://" + l.Addr().String(), nil
}

// A mailing is one session with the relay.
type mailing struct {
	fake *fake
	user string
	to   []string
}

// AuthMechanisms implements smtp.AuthSession.
func (m *mailing) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (m *mailing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if name != "mailops" || password != m.fake.secret {
			return smtp.ErrAuthFailed
		}
		m.user = name
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (m *mailing) Mail(string, *smtp.MailOptions) error {
	if m.user == "" && m.fake.secret != "" {
		return smtp.ErrAuthRequired
	}
	return nil
}

// Rcpt implements smtp.Session.
func (m *mailing) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = append(m.to, to)
	return nil
}

// Data implements smtp.Session. A mail is recorded as TO CODE SUBJECT: TEXT.
func (m *mailing) Data(r io.Reader) error {
	message, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		return err
	}
	m.fake.mu.Lock()
	defer m.fake.mu.Unlock()
	code := m.fake.fault
	m.fake.record("%s %d %s: %s", strings.Join(m.to, ","), max(code, 250), subject, text)
	if code != 0 {
		return &smtp.SMTPError{Code: code, Message: "out of order"}
	}
	return nil
}

// Reset implements smtp.Session.
func (m *mailing) Reset() { m.to = nil }

// Logout implements smtp.Session.
func (m *mailing) Logout() error { return nil }

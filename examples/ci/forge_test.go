package ci

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const token = "canary-3f1c2d4e"

// A fake is a forge as far as a comment needs it: the repository acme/mail with
// the pull request 7. What else is asked of it is not found.
type fake struct {
	URL string

	mu       sync.Mutex
	comments []map[string]any
	asked    []string
	refuses  bool // as where a token may not write
}

// A kind is what tells the forges apart. Of GitHub's and Gitea's own tokens
// nobody, or somebody with a number below zero, is the account.
type kind struct {
	root, comments, comment string
	author                  map[string]any
	hidden                  bool
	edit                    string
}

var kinds = map[string]kind{
	"github": {"/api/v3", "/repos/acme/mail/issues/7/comments", "/repos/acme/mail/issues/comments/", map[string]any{"id": 41898282, "type": "Bot"}, true, "PATCH"},
	"gitea":  {"/api/v1", "/repos/acme/mail/issues/7/comments", "/repos/acme/mail/issues/comments/", map[string]any{"id": -2}, false, "PATCH"},
	"gitlab": {"/api/v4", "/projects/acme%2Fmail/merge_requests/7/notes", "/projects/acme%2Fmail/merge_requests/7/notes/", map[string]any{"id": 12}, false, "PUT"},
}

func newFake(t *testing.T, name string) *fake {
	t.Helper()
	k, f := kinds[name], new(fake)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked = append(f.asked, r.Method+" "+r.URL.Path)
		code, answer := f.answer(k, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(answer) // who asked may have gone
	}))
	t.Cleanup(server.Close)
	f.URL = server.URL + k.root
	return f
}

func (f *fake) answer(k kind, r *http.Request) (int, any) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), k.root)
	_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	write := r.Method != http.MethodGet
	var sent struct{ Body string }
	if write {
		_ = json.NewDecoder(r.Body).Decode(&sent) // what is no JSON has no body
	}
	switch {
	case secret != token:
		return http.StatusUnauthorized, map[string]string{"message": "Bad credentials"}
	case path == "/user" && !k.hidden:
		return http.StatusOK, k.author
	case f.refuses && write, path == "/user":
		return http.StatusForbidden, map[string]string{"message": "Resource not accessible by integration"}
	case path == k.comments && !write:
		return http.StatusOK, append([]map[string]any{}, f.comments...)
	case path == k.comments && sent.Body != "":
		c := map[string]any{"id": len(f.comments) + 1, "body": sent.Body, "user": k.author, "author": k.author}
		f.comments = append(f.comments, c)
		return http.StatusCreated, c
	}
	for _, c := range f.comments {
		if r.Method == k.edit && path == k.comment+fmt.Sprint(c["id"]) {
			c["body"] = sent.Body
			return http.StatusOK, c
		}
	}
	return http.StatusNotFound, map[string]string{"message": "Not Found"}
}

// only is the one comment that there is.
func (f *fake) only(t *testing.T) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.comments) != 1 {
		t.Fatalf("%d comments; asked: %q", len(f.comments), f.asked)
	}
	return f.comments[0]["body"].(string)
}

// requests is how often it was asked for anything.
func (f *fake) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// refuse makes it take no comment from now on.
func (f *fake) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = true
}

// downloads serves a file over https, and returns its address and the certificate
// to trust.
func downloads(t *testing.T, text []byte) (string, *httptest.Server) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, string(text)) }))
	t.Cleanup(server.Close)
	return server.URL + "/mailops-linux-amd64", server
}

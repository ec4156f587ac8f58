package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// serveGit serves the repositories of a script as git's own server does, to who
// knows the token. Packs are not recorded, only who asked for what.
func (f *fake) serveGit() (string, error) {
	at, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", err
	}
	files := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(at)), "git-http-backend"),
		Env: []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_PROJECT_ROOT=" + f.root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=x"}, Stderr: io.Discard}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := r.BasicAuth()
		code := http.StatusOK
		if token != f.secret {
			code = http.StatusUnauthorized
		}
		f.mu.Lock()
		if f.fault != 0 {
			code = f.fault
		}
		f.record("%s %s %d", r.Method, r.URL.Path, code)
		f.mu.Unlock()
		if code == http.StatusOK {
			files.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, fmt.Sprint(code), code)
	}))
	f.stop = sync.OnceFunc(func() { server.CloseClientConnections(); server.Close() })
	return server.URL, nil
}

package git

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// A source is a URL that was found to be harmless. It holds no secret.
type source struct {
	Scheme string // file, https, http or ssh
	User   string // of ssh
	Host   string
	Port   int // 0 is the scheme's own
	Path   string
	path   string // of a local repository
}

func (s source) local() bool { return s.Scheme == "file" }

// String is how the source is shown.
func (s source) String() string {
	if s.local() {
		return s.path
	}
	return s.endpoint().String()
}

func (s source) endpoint() *transport.Endpoint {
	return &transport.Endpoint{Protocol: s.Scheme, User: s.User, Host: s.Host, Port: s.Port, Path: s.Path}
}

// parseURL reads the URL of a repository. Its errors never show it whole: it may
// hold a password.
func parseURL(text string) (source, error) {
	switch {
	case text == "":
		return source{}, errors.New("no repository is named")
	case !printable(text):
		return source{}, errors.New("the URL of the repository holds characters that cannot be seen")
	case text[0] == '-':
		return source{}, errors.New("the URL of the repository begins with a dash, like an option; write ./- for a folder of that name")
	}
	if before, _, ok := strings.Cut(text, "::"); ok && !strings.ContainsAny(before, "/@") {
		return source{}, fmt.Errorf("URLs of the kind %s:: start programs, and are not used", shorten(before))
	}
	if strings.Contains(text, "://") {
		return parseFull(text)
	}
	if before, after, ok := strings.Cut(text, ":"); ok && !strings.Contains(before, "/") {
		return parseShort(before, after)
	}
	return source{Scheme: "file", path: text}, nil
}

// parseFull reads scheme://...
func parseFull(text string) (source, error) {
	u, err := url.Parse(text)
	if err != nil {
		return source{}, errors.New("the URL of the repository cannot be parsed")
	}
	s := source{Scheme: strings.ToLower(u.Scheme), Host: u.Hostname(), Path: u.Path}
	if u.User != nil {
		s.User = u.User.Username()
	}
	if _, has := u.User.Password(); has {
		return source{}, errors.New("the URL of the repository holds a password: take it out, and give it in a file")
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return source{}, errors.New("the URL of the repository has a query or a fragment")
	case s.Scheme == "file":
		if s.Host != "" && s.Host != "localhost" {
			return source{}, errors.New("a file:// URL of another host")
		}
		if u.Path == "" {
			return source{}, errors.New("a file:// URL of no path")
		}
		return source{Scheme: "file", path: u.Path}, nil
	case s.Scheme != "https" && s.Scheme != "http" && s.Scheme != "ssh":
		return source{}, fmt.Errorf("URLs of the kind %s:// are not used: https, ssh, file or a path", shorten(s.Scheme))
	case s.Scheme != "ssh" && s.User != "":
		return source{}, errors.New("the URL of the repository holds a user or a token: take it out, and give it in a file")
	case s.Scheme == "http" && !loopback(s.Host):
		return source{}, errors.New("http:// is not encrypted, and used for loopback addresses only: write https://")
	}
	if u.Port() != "" {
		if s.Port, err = strconv.Atoi(u.Port()); err != nil || s.Port < 1 || s.Port > 65535 {
			return source{}, errors.New("the URL of the repository has no valid port")
		}
	}
	if strings.Contains(s.Host, ":") {
		s.Host = "[" + s.Host + "]"
	}
	return s, s.harmless()
}

// parseShort reads user@host:path.
func parseShort(before, path string) (source, error) {
	user, host, ok := strings.Cut(before, "@")
	if !ok {
		return source{}, errors.New("write user@host:path for ssh, or ./ before a path that holds a colon")
	}
	if strings.ContainsAny(host, "@[]") {
		return source{}, errors.New("the URL of the repository has no valid host; a password does not belong there")
	}
	s := source{Scheme: "ssh", User: user, Host: host, Path: path}
	return s, s.harmless()
}

// harmless refuses what a program that is started with it would take for an
// option: ours starts none, but the server does.
func (s source) harmless() error {
	switch {
	case s.Host == "" || s.Host[0] == '-':
		return errors.New("the URL of the repository has no valid host")
	case s.Scheme == "ssh" && (s.User == "" || s.User[0] == '-'):
		return errors.New("the URL of the repository has no valid user: write ssh://git@host/path")
	case strings.Trim(s.Path, "/") == "" || strings.HasPrefix(strings.TrimLeft(s.Path, "/"), "-"):
		return errors.New("the URL of the repository has no valid path")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func shorten(s string) string { return s[:min(len(s), 20)] }

// Package forge tells a commit's fate where people look for it: as the commit's
// status, and in one comment on its pull request that is edited in place. It
// knows GitHub, GitLab and Gitea (and Forgejo, which has Gitea's API) by the
// interfaces that they document.
//
// What a forge answers is never trusted further than it must be: answers are
// read up to a limit, a token goes to no other host, and no error holds it.
// Imports: std only. The three clients that exist would bring three ways to
// retry, to page and to fail; of each, seven requests are needed.
package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// A Forge shows what became of a commit. Its methods may be called at the same
// time, and work one after the other, as the forges ask. They try again where
// that may help, and their errors are *Error where the forge is the cause.
type Forge interface {
	// SetStatus sets the status that a commit has in a context. It does nothing
	// when that is the status already.
	SetStatus(ctx context.Context, commit string, s Status) error

	// Comment says body on every open or merged pull request that contains the
	// commit. The comment begins with the marker, an HTML comment in one line;
	// where there is one of ours with that marker already, it is edited. What is
	// too long for the forge is cut, and says so.
	Comment(ctx context.Context, commit, marker, body string) error
}

// A Commenter is a Forge for who knows a pull request by its number, as its CI
// does. The forges of this package are all Commenters.
type Commenter interface {
	// CommentOn says body on the pull request of that number, in the way of
	// Forge.Comment.
	CommentOn(ctx context.Context, number int64, marker, body string) error
}

// A State is how a commit fares.
type State string

// The states of a commit.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure" // the commit is at fault
	Errored State = "error"   // something else is
)

// A Status is what people see beside a commit.
type Status struct {
	State       State
	Context     string // who says it; "" is mailops/agent
	Description string // one line; what is longer than 140 characters is cut
	URL         string // to read more; https or http, or empty
}

// Options says where a repository is, and who we are there.
type Options struct {
	URL       string            // of the forge, such as https://git.acme.example; "" is github.com or gitlab.com
	Repo      string            // owner/name; at GitLab also group/subgroup/name, or the project's number
	Token     string            // secret
	Patience  time.Duration     // how long one call may wait for the forge to be ready; 0 is two minutes
	Timeout   time.Duration     // of one request; 0 is 30 seconds
	Transport http.RoundTripper // nil is http.DefaultTransport
}

// GitHub returns the repository at GitHub, or at GitHub Enterprise Server when
// there is a URL. The token needs to write commit statuses and pull requests.
func GitHub(o Options) (Forge, error) { return open(o, &gitHub) }

// GitLab returns the project at GitLab. The token needs the scope api and the
// role Developer.
func GitLab(o Options) (Forge, error) { return open(o, &gitLab) }

// Gitea returns the repository at a Gitea or Forgejo. The token needs
// write:repository, write:issue and read:user.
func Gitea(o Options) (Forge, error) { return open(o, &gitea) }

// An Error is what a forge did not do.
type Error struct {
	Forge     string
	Act       string    // what was asked of it
	Code      int       // the HTTP status; 0 is no answer
	Text      string    // never the token
	Temporary bool      // it may work later
	Until     time.Time // no request is made before, as the forge asked; zero is nothing asked
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s at %s: %s", e.Act, e.Forge, e.Text)
}

func open(o Options, s *shape) (Forge, error) {
	base, err := s.base(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if !s.repo.MatchString(o.Repo) {
		return nil, fmt.Errorf("%s: %q is no repository, such as owner/name", s.name, o.Repo)
	}
	o.Token = strings.TrimSpace(o.Token) // a file ends with a line end
	if o.Token == "" || strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%s: the token is empty, or no token", s.name)
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	return &client{
		shape: s, base: base, options: o,
		http: &http.Client{Transport: o.Transport, CheckRedirect: sameHost},
		turn: make(chan struct{}, 1), posted: make(map[posting]Status),
	}, nil
}

// base is where the API is.
func (s *shape) base(raw string) (string, error) {
	if raw == "" {
		raw = s.home
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "", errors.New("a URL is needed")
	case err != nil:
		return "", errors.New("the URL cannot be read") // err quotes it
	case u.Host == "":
		return "", errors.New("the URL has no host")
	case u.User != nil || u.RawQuery != "":
		return "", errors.New("the URL must be an address, with no password or question")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", errors.New("the URL must begin with https://; http:// is for this machine only")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if u.Host == "github.com" || u.Host == "api.github.com" {
		u.Host, u.Path = "api.github.com", ""
	} else if !strings.HasSuffix(u.Path, s.root) {
		u.Path += s.root
	}
	u.Fragment = ""
	return u.String(), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

var (
	commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	markers  = regexp.MustCompile(`^<!--[ A-Za-z0-9/:._-]{1,200}-->$`)
)

const mostDescription = 140 // GitHub's limit is the lowest

// tidy returns a status as it can be shown.
func (s Status) tidy() (Status, error) {
	switch s.State {
	case Pending, Success, Failure, Errored:
	default:
		return s, fmt.Errorf("%q is no state of a commit", s.State)
	}
	if s.Context == "" {
		s.Context = "mailops/agent"
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return s, errors.New("the status has a URL that is no web address")
	}
	s.Description = oneLine(s.Description, mostDescription)
	return s, nil
}

// oneLine makes a text one line of so many characters at most.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

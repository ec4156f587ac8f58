package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"
)

func (l Limits) orDefaults() Limits {
	return Limits{
		Memory:  cmp.Or(l.Memory, 512<<20),
		CPU:     max(cmp.Or(l.CPU, 2*time.Minute).Round(time.Second), time.Second),
		Wall:    cmp.Or(l.Wall, 10*time.Minute),
		Bytes:   cmp.Or(l.Bytes, 2<<30),
		Object:  cmp.Or(l.Object, 64<<20),
		Objects: cmp.Or(l.Objects, 4_000_000),
	}
}

// An order is what a child reads: one exchange with a remote.
type order struct {
	Source      source      `json:"source"`
	Git         string      `json:"git"` // the mirror's folder
	Branch      string      `json:"branch"`
	All         bool        `json:"all"`
	Push        *push       `json:"push,omitempty"` // else it is a fetch
	Credentials credentials `json:"credentials"`
	CAFile      string      `json:"caFile"`
	Limits      Limits      `json:"limits"`
}

// mirror opens the mirror that an order is about.
func (o order) mirror() *Repository {
	options := Options{Branch: o.Branch, Fetch: o.Limits, Read: Budget{}.orDefaults()}
	return newRepository(options, o.Source, dirs{git: o.Git, common: o.Git, mirror: true})
}

// A push moves one branch of the remote.
type push struct {
	Ref string `json:"ref"`
	New string `json:"new"`

	// Replace lets go of what the branch holds, when that is at Old; "" is a
	// branch that is not there. Else the branch only grows.
	Replace bool   `json:"replace,omitempty"`
	Old     string `json:"old,omitempty"`
}

// A reply is what a child writes.
type reply struct {
	Refs  map[string]string `json:"refs,omitempty"` // what the remote has
	Head  string            `json:"head,omitempty"` // the branch that its HEAD is
	Cause string            `json:"cause,omitempty"`
	Text  string            `json:"text,omitempty"` // of the error; "" is none
}

// causes are the errors that a child can tell by name.
var causes = map[string]error{
	"unreachable": ErrUnreachable, "auth": ErrAuth, "damaged": ErrDamaged, "limit": ErrLimit, "moved": ErrMoved, "denied": ErrDenied,
}

func (o order) failed(err error) reply {
	r := reply{Text: o.Credentials.scrub(err.Error())}
	for name, cause := range causes {
		if errors.Is(err, cause) {
			r.Cause = name
		}
	}
	return r
}

// A remoteError is an error that was told by a child, or cleaned.
type remoteError struct {
	text  string
	cause error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.cause }

func (r reply) err() error {
	if r.Text == "" {
		return nil
	}
	return &remoteError{r.Text, causes[r.Cause]}
}

// carryOut does what an order says, in this process.
func carryOut(ctx context.Context, o order) reply {
	ctx, cancel := context.WithTimeout(ctx, o.Limits.Wall)
	defer cancel()
	done := make(chan reply, 1)
	go func() { // some of the protocols' code does not look at ctx
		var r reply
		var err error
		if o.Push == nil {
			r, err = fetch(ctx, o)
		} else {
			err = send(ctx, o)
		}
		if err != nil {
			r = o.failed(err)
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return o.failed(fmt.Errorf("%w: it takes longer than %s", ErrUnreachable, o.Limits.Wall))
	}
}

// ChildArg is the argument by which [ChildCommand] tells the child what it is.
const ChildArg = "git-child"

// ChildCommand is a Child for Options that starts this same program, also after
// its file was replaced by an upgrade. When the program finds ChildArg as its
// only argument, it must do nothing but exit with what [FetchChild] returns.
func ChildCommand() ([]string, error) {
	const self = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(self); err == nil {
			return []string{self, ChildArg}, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	path, err := os.Executable()
	return []string{path, ChildArg}, err
}

package simhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// WordList is a flag that may be given several times.
type WordList []string

// String is for package flag.
func (l *WordList) String() string { return strings.Join(*l, " ") }

// Set adds a word.
func (l *WordList) Set(word string) error {
	*l = append(*l, word)
	return nil
}

// A Listener serves one of a service's hosts.
type Listener struct {
	net.Listener
	Handler http.Handler
}

// Listen opens a port of the loopback interface; 0 is a free one. Nobody else's
// machine is served: what simulates a service has no locks on its doors.
func Listen(port int, h http.Handler) (Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return Listener{}, fmt.Errorf("listen: %w", err)
	}
	return Listener{l, h}, nil
}

// URL is where the host is.
func (l Listener) URL() string { return "http://" + l.Addr().String() }

// Run serves until the context ends. What is under way is cut off then.
func Run(ctx context.Context, listeners ...Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		server := &http.Server{Handler: l.Handler, BaseContext: func(net.Listener) context.Context { return ctx }}
		context.AfterFunc(ctx, func() { _ = server.Close() })
		go func() { ended <- server.Serve(l.Listener) }()
	}
	var problems []error
	for range listeners {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			problems = append(problems, fmt.Errorf("serve: %w", err))
		}
		stop()
	}
	return errors.Join(problems...)
}

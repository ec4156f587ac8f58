package simhttp

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
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

// ReadState reads from JSON what a service begins with.
func ReadState[S any](r io.Reader) (state S, err error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&state); err != nil {
		return *new(S), fmt.Errorf("read the state: %w", err)
	}
	return state, nil
}

// OpenState reads the state that a file has.
func OpenState[S any](file string) (state S, err error) {
	f, err := os.Open(file)
	if err != nil {
		return state, err
	}
	defer f.Close()
	return ReadState[S](f)
}

// Main is the main of a simulator's command, which serves until the context ends: on
// SIGTERM, or an interrupt.
func Main(name string, command func(ctx context.Context, args []string, out, log io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(2)
	}
}

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

package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

// How long a remote may be silent.
const (
	dialTime   = 30 * time.Second
	answerTime = 60 * time.Second
)

// A wire is the way to speak to a remote.
type wire struct {
	transport.Transport
	auth transport.AuthMethod
	web  *http.Transport // nil for ssh
}

// wire returns the way to speak to the order's source.
func (o order) wire() (w wire, err error) {
	if o.Source.Scheme == "ssh" {
		w.Transport = gitssh.NewClient(nil)
		w.auth, err = o.sshAuth()
		return w, err
	}
	if w.web, err = o.roundTripper(); err != nil {
		return w, err
	}
	web := &http.Client{Transport: bounded{w.web, o.Limits.Bytes}, CheckRedirect: checkRedirect}
	w.Transport = githttp.NewClientWithOptions(web, &githttp.ClientOptions{RedirectPolicy: githttp.FollowInitialRedirects})
	if o.Credentials.Password != "" { // go-git gives them to the first host alone
		w.auth = &githttp.BasicAuth{Username: o.Credentials.Username, Password: o.Credentials.Password}
	}
	return w, nil
}

// close lets go of connections that could be used again.
func (w wire) close() {
	if w.web != nil {
		w.web.CloseIdleConnections()
	}
}

// checkRedirect holds where a remote sends us to the rules for URLs.
func checkRedirect(req *http.Request, _ []*http.Request) error {
	if req.URL.Scheme == "https" || req.URL.Scheme == "http" && loopback(req.URL.Hostname()) {
		return nil
	}
	return errors.New("it redirects to where nothing is encrypted")
}

func (o order) roundTripper() (*http.Transport, error) {
	t := &http.Transport{
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTime,
		ResponseHeaderTimeout: answerTime,
		ForceAttemptHTTP2:     true,
	}
	if o.Credentials.Proxy != "" {
		proxy, err := url.Parse(o.Credentials.Proxy)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("the URL of the proxy cannot be parsed")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	if o.CAFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
	}
	t.TLSClientConfig.RootCAs = roots
	return t, nil
}

// bounded bounds what is read of an answer; of one that says no, a few lines.
type bounded struct {
	http.RoundTripper
	bytes int64
}

// RoundTrip is for http.Client.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	room := b.bytes + 1<<20 // what is over is found where the pack is written
	if res.StatusCode < 200 || res.StatusCode > 299 {
		room = 4096
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, room), res.Body}
	return res, nil
}

// sshAuth trusts the hosts of the known_hosts file, and of their keys only those.
func (o order) sshAuth() (transport.AuthMethod, error) {
	c := o.Credentials
	var signer ssh.Signer
	var err error
	if c.Passphrase == "" {
		signer, err = ssh.ParsePrivateKey([]byte(c.Key))
	} else {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(c.Key), []byte(c.Passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("read the ssh key: %w", err)
	}
	known, err := gitssh.NewKnownHostsDb(c.KnownHosts)
	if err != nil {
		return nil, fmt.Errorf("read known hosts: %w", err)
	}
	port := o.Source.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	host := fmt.Sprintf("%s:%d", o.Source.Host, port)
	return &sshAuth{c.Username, &ssh.ClientConfig{
		User: c.Username, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: dialTime,
		HostKeyCallback: known.HostKeyCallback(), HostKeyAlgorithms: known.HostKeyAlgorithms(host),
	}}, nil
}

// An sshAuth is what go-git asks how to sign in.
type sshAuth struct {
	user   string
	config *ssh.ClientConfig
}

func (a *sshAuth) Name() string                             { return "ssh" }
func (a *sshAuth) String() string                           { return "(credentials)" }
func (a *sshAuth) ClientConfig() (*ssh.ClientConfig, error) { return a.config, nil }

// explain says whose fault it is that a remote could not be spoken to.
func explain(err error) error {
	var local *fs.PathError
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case err == nil, errors.Is(err, ErrAuth), errors.Is(err, ErrUnreachable), errors.Is(err, ErrLimit),
		errors.Is(err, ErrDamaged), errors.Is(err, ErrMoved), errors.Is(err, ErrDenied), errors.As(err, &local):
		return err
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		strings.Contains(text, "ssh: unable to authenticate"):
		return fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// stall ends an exchange when nothing comes for long. It returns the reader to
// read from.
func stall(cancel context.CancelCauseFunc, from io.Reader) (io.Reader, func() bool) {
	t := time.AfterFunc(answerTime, func() {
		cancel(fmt.Errorf("%w: nothing came for %s", ErrUnreachable, answerTime))
	})
	return readerFunc(func(p []byte) (int, error) {
		n, err := from.Read(p)
		t.Reset(answerTime)
		return n, err
	}), t.Stop
}

// A readerFunc is a reader.
type readerFunc func([]byte) (int, error)

// Read reads.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

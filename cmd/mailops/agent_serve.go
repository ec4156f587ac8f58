package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/hook"
	"mailops/reconcile/agent/news"
	"mailops/reconcile/agent/web"
)

// defaultListen is where an agent's page is.
const defaultListen = "127.0.0.1:8470"

// serverFlags say what the agent serves, and to whom.
type serverFlags struct {
	listen                  string
	tokenFile, operatorFile string
	proxyHeader             string
	proxyNetworks, hosts    []string
	secure                  bool
	hooks                   map[string]string
}

func (f *serverFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", defaultListen, "serve page, metrics and webhooks at this `ADDRESS`; \"\" serves nothing")
	flags.StringVar(&f.tokenFile, "token-file", "", "a `FILE` with the token that lets people in; who has it is asked for it on loopback too")
	flags.StringVar(&f.operatorFile, "operator-token-file", "", "a `FILE` with the token that lets people in and pause (default: the other one)")
	flags.StringVar(&f.proxyHeader, "proxy-header", "", "the `HEADER` by which a proxy says who somebody is")
	flags.StringSliceVar(&f.proxyNetworks, "proxy-network", nil, "the `NETWORKS` that the proxy speaks from")
	flags.StringSliceVar(&f.hosts, "host", nil, "the `NAMES` that the page is asked for by, beside that of --url")
	flags.BoolVar(&f.secure, "https", false, "browsers reach the page by HTTPS, through a proxy")
	flags.StringToStringVar(&f.hooks, "hook-secret-file", nil, "webhooks that are taken in at /hooks/KIND: `KIND=FILE` with the secret; github, gitlab, gitea or generic")
}

// A page is what the agent serves, once it is known that it can be served: to
// whom, and the secrets of webhooks.
type page struct {
	listen string // "" serves nothing
	auth   web.Auth
	hooks  hook.Secrets
	hooked bool // there are some
}

// page makes the page ready, of which people think by that URL.
func (f *serverFlags) page(url string) (*page, error) {
	p := &page{listen: f.listen, hooked: len(f.hooks) > 0}
	var err error
	if p.hooks, err = f.secrets(); err != nil {
		return nil, err
	}
	if f.listen == "" {
		return p, f.unused()
	}
	p.auth, err = f.auth(url)
	return p, err
}

// unused refuses flags of a page that nobody serves.
func (f *serverFlags) unused() error {
	for _, x := range []struct {
		flag  string
		given bool
	}{
		{"--token-file", f.tokenFile != ""}, {"--operator-token-file", f.operatorFile != ""}, {"--proxy-header", f.proxyHeader != ""},
		{"--proxy-network", len(f.proxyNetworks) > 0}, {"--host", len(f.hosts) > 0}, {"--https", f.secure}, {"--hook-secret-file", len(f.hooks) > 0},
	} {
		if x.given {
			return usage("%s needs a page: --listen \"\" serves none", x.flag)
		}
	}
	return nil
}

// serve serves an agent's page until stop.
func (p *page) serve(ctx context.Context, ag *agent.Agent, told *observers, log *slog.Logger) (stop func() error, err error) {
	if p.listen == "" {
		return func() error { return nil }, nil
	}
	metrics := web.NewMetrics(version(), ag.Queue)
	if g, ok := ag.Source.(followed); ok {
		metrics.Objects(g.Repo.Objects)
	}
	told.add(metrics)
	var hooks http.Handler
	if p.hooked {
		hooks, err = hook.New(hook.Options{Secrets: p.hooks, Log: log, Trigger: func(string) { ag.Trigger(agent.CauseHook) },
			Count: func(kind string, r hook.Result) { metrics.Hook(kind, string(r)) }})
		if err != nil {
			return nil, usageError{err, false}
		}
	}
	l, err := listener(ctx, p.listen)
	if err != nil {
		return nil, err
	}
	// A look that somebody waits for takes up to half a minute to answer.
	server := &http.Server{Handler: web.Handler(web.Options{Agent: served{ag}, Auth: p.auth, Hooks: hooks, Metrics: metrics, Log: log}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	log.Info("agent: serves", "at", "http://"+l.Addr().String()+"/")
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return func() error { return farewell(ctx, server, ended) }, nil
}

// farewell ends a server; who still reads has a moment for it.
func farewell(ctx context.Context, server *http.Server, ended <-chan error) error {
	const moment = 3 * time.Second
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), moment)
	defer cancel()
	err := server.Shutdown(bye)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// auth is who may do what on a page that people think of by that URL.
func (f *serverFlags) auth(of string) (web.Auth, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return web.Auth{}, usage("--listen %s: want ADDRESS:PORT", f.listen)
	}
	auth := web.Auth{Loopback: loopback(host), Hosts: f.hosts, Secure: f.secure, Proxy: web.Proxy{Header: f.proxyHeader}}
	if u, err := url.Parse(of); err == nil && u.Hostname() != "" && !loopback(u.Hostname()) {
		auth.Hosts = append(slices.Clone(auth.Hosts), u.Hostname())
	}
	if len(f.proxyNetworks) > 0 && f.proxyHeader == "" {
		return auth, usage("--proxy-network needs --proxy-header")
	}
	for _, text := range f.proxyNetworks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return auth, usage("--proxy-network %s: want a network such as 10.0.0.0/8", text)
		}
		auth.Proxy.Networks = append(auth.Proxy.Networks, p)
	}
	for _, token := range []struct {
		flag, file string
		into       *web.Token
	}{{"--token-file", f.tokenFile, &auth.Token}, {"--operator-token-file", f.operatorFile, &auth.Operator}} {
		text, err := optionalSecret(token.flag, token.file)
		if err != nil {
			return auth, err
		}
		*token.into = web.Token(text)
		if err := token.into.Check(); token.file != "" && err != nil {
			return auth, usage("%s %s: %w", token.flag, token.file, err)
		}
	}
	if err := auth.Check(); err != nil {
		return auth, usageError{err, false}
	}
	return auth, nil
}

// secrets are those of webhooks.
func (f *serverFlags) secrets() (out hook.Secrets, err error) {
	kinds := map[string]*hook.Secret{"github": &out.GitHub, "gitlab": &out.GitLab, "gitea": &out.Gitea, "generic": &out.Generic}
	for _, kind := range slices.Sorted(maps.Keys(f.hooks)) {
		into, known := kinds[kind]
		if !known {
			return out, usage("--hook-secret-file %s: want github, gitlab, gitea or generic", kind)
		}
		if f.hooks[kind] == "" {
			return out, usage("--hook-secret-file %s: name a FILE, as %s=FILE", kind, kind)
		}
		text, err := secretOf("--hook-secret-file", f.hooks[kind])
		if err != nil {
			return out, err
		}
		*into = hook.Secret(text)
		if err := into.Check(kind); err != nil {
			return out, usage("--hook-secret-file %s=%s: the secret %w", kind, f.hooks[kind], err)
		}
	}
	return out, nil
}

// served is an agent as its page knows it.
type served struct{ *agent.Agent }

// Run is one run of the ledger; the page never runs the agent.
func (s served) Run(ctx context.Context, id int64) (reconcile.Run, error) { return s.RunOf(ctx, id) }

// Person puts a person into the page's words.
func (s served) Person(ctx context.Context, name string) (web.Person, error) {
	p, err := s.Agent.Person(ctx, name)
	if errors.Is(err, agent.ErrUnknown) {
		return web.Person{}, web.ErrUnknown
	}
	out := web.Person{Key: p.Key, Name: p.Title, Observed: p.Observed, History: p.History, Pause: p.Pause, Held: p.Held, Coming: p.Coming}
	for _, f := range p.Fields {
		field := web.PersonField{Path: f.Path, Want: f.Want, Live: f.Live}
		for _, l := range f.Chain {
			field.Chain = append(field.Chain, web.Layer{File: l.Origin.File, Line: l.Origin.Line, Via: l.Origin.Via, Value: l.Value})
		}
		out.Fields = append(out.Fields, field)
	}
	return out, err
}

// observers are all who hear what an agent reports.
type observers struct {
	desk  *news.Desk
	all   []agent.Observer
	ended chan struct{}
	stop  context.CancelFunc
}

func (o *observers) add(more agent.Observer) { o.all = append(o.all, more) }

// Ran implements agent.Observer.
func (o *observers) Ran(r agent.Report, s *agent.Status) {
	for _, each := range o.all {
		each.Ran(r, s)
	}
}

// Published implements agent.Observer.
func (o *observers) Published(s *agent.Status) {
	for _, each := range o.all {
		each.Published(s)
	}
}

// begin lets the desk tell people, until end.
func (o *observers) begin(ctx context.Context) {
	o.ended = make(chan struct{})
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(o.ended)
		o.desk.Run(ctx)
	}()
}

// end lets what waits be told once more.
func (o *observers) end() error {
	o.stop()
	<-o.ended
	return nil
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
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
	flags.StringVar(&f.tokenFile, "token-file", "", "a `FILE` with the token that lets people in; needed off loopback without a proxy")
	flags.StringVar(&f.operatorFile, "operator-token-file", "", "a `FILE` with the token that lets people pause (default: the other one)")
	flags.StringVar(&f.proxyHeader, "proxy-header", "", "the `HEADER` by which a proxy says who somebody is")
	flags.StringSliceVar(&f.proxyNetworks, "proxy-network", nil, "the `NETWORKS` that the proxy speaks from")
	flags.StringSliceVar(&f.hosts, "host", nil, "the `NAMES` that the page is asked for by")
	flags.BoolVar(&f.secure, "https", false, "browsers reach the page by HTTPS, through a proxy")
	flags.StringToStringVar(&f.hooks, "hook-secret-file", nil, "webhooks that are taken in: `KIND=FILE` with the secret; github, gitlab, gitea or generic")
}

// serve serves an agent's page until stop.
func (a *app) serve(ctx context.Context, f serverFlags, ag *agent.Agent, told *observers, log *slog.Logger) (stop func() error, err error) {
	if f.listen == "" {
		return func() error { return nil }, nil
	}
	auth, err := f.auth()
	if err != nil {
		return nil, err
	}
	metrics := web.NewMetrics(version(), ag.Queue)
	if g, ok := ag.Source.(*agent.Git); ok {
		metrics.Objects(g.Repo.Objects)
	}
	told.add(metrics)
	hooks, err := f.webhooks(ag, metrics, log)
	if err != nil {
		return nil, err
	}
	l, err := listener(ctx, f.listen)
	if err != nil {
		return nil, err
	}
	// A look that somebody waits for takes up to half a minute to answer.
	server := &http.Server{Handler: web.Handler(web.Options{Agent: served{ag}, Auth: auth, Hooks: hooks, Metrics: metrics, Log: log}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	log.Info("agent: serves", "at", "http://"+l.Addr().String()+"/")
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return func() error {
		const farewell = 3 * time.Second
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		err := server.Shutdown(bye)
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return server.Close() // who still reads has had their time
		}
		return err
	}, nil
}

// auth is who may do what.
func (f *serverFlags) auth() (web.Auth, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return web.Auth{}, usage("--listen %s: want ADDRESS:PORT", f.listen)
	}
	auth := web.Auth{Loopback: loopback(host), Hosts: f.hosts, Secure: f.secure, Proxy: web.Proxy{Header: f.proxyHeader}}
	for _, text := range f.proxyNetworks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return auth, usage("--proxy-network %s: want a network such as 10.0.0.0/8", text)
		}
		auth.Proxy.Networks = append(auth.Proxy.Networks, p)
	}
	for _, token := range []struct {
		file string
		into *web.Token
	}{{f.tokenFile, &auth.Token}, {f.operatorFile, &auth.Operator}} {
		if token.file == "" {
			continue
		}
		text, err := readSecret(token.file)
		if err != nil {
			return auth, err
		}
		*token.into = web.Token(text)
	}
	if err := auth.Check(); err != nil {
		return auth, usageError{err, false}
	}
	return auth, nil
}

// webhooks are those that have a secret.
func (f *serverFlags) webhooks(ag *agent.Agent, metrics *web.Metrics, log *slog.Logger) (http.Handler, error) {
	if len(f.hooks) == 0 {
		return nil, nil
	}
	o := hook.Options{Trigger: func(string) { ag.Trigger(agent.CauseHook) }, Log: log,
		Count: func(kind string, r hook.Result) { metrics.Hook(kind, string(r)) }}
	kinds := map[string]*hook.Secret{"github": &o.Secrets.GitHub, "gitlab": &o.Secrets.GitLab, "gitea": &o.Secrets.Gitea, "generic": &o.Secrets.Generic}
	for kind, file := range f.hooks {
		into, known := kinds[kind]
		if !known {
			return nil, usage("--hook-secret-file %s: want github, gitlab, gitea or generic", kind)
		}
		text, err := readSecret(file)
		if err != nil {
			return nil, err
		}
		*into = hook.Secret(text)
	}
	return hook.New(o)
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

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent"
	"mailops/reconcile/git"

	"mailops/reconcile/preview"
)

// errAgent says that the agent cannot be asked.
var errAgent = errors.New("the agent cannot be reached")

// agentFlags are the flags of agent.
type agentFlags struct {
	repo, branch, path, watch string
	state, holder             string
	interval, whole           time.Duration
	allowRewind               bool
	proposals                 string
	auth                      git.Auth
	ca                        string
	text                      bool
	server                    serverFlags
	tell                      tellFlags
}

func (a *app) agentCommand() *cobra.Command {
	var f agentFlags
	cmd := verb("agent [flags]", "Follow a repository and keep the live store true",
		"agent runs until it is interrupted. It follows a branch of a git repository (--repo, or\nthe clone that -C lies in), or with --watch a folder that is being edited; it applies\nwhat was committed, keeps the live store as the commit in force asks for it, and tells\npeople. One agent leads a store; others stand by. Its log goes to stderr.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.StringVar(&f.repo, "repo", "", "the `URL` or path of a git repository (default: the clone that -C lies in)")
	flags.StringVar(&f.branch, "branch", "", "the `BRANCH` to follow (default: the repository's HEAD)")
	flags.StringVar(&f.path, "path", "", "the `FOLDER` of the declarations inside the repository")
	flags.StringVar(&f.watch, "watch", "", "follow a `DIR` that is being edited, and no repository")
	flags.StringVar(&f.state, "state", "", "where the agent keeps a mirror of a remote: a `DIR` (default $STATE_DIRECTORY, else .mailops/agent)")
	flags.StringVar(&f.holder, "holder", "", "the `NAME` of this agent among those of the store (default: host and state folder)")
	flags.DurationVar(&f.interval, "interval", time.Minute, "how often the repository is looked at when nothing tells")
	flags.DurationVar(&f.whole, "whole", 10*time.Minute, "how often the live store is read whole")
	flags.BoolVar(&f.allowRewind, "allow-rewind", false, "follow a branch that was rewritten")
	flags.StringVar(&f.proposals, "drift-branch", "mailops/drift", "what the `BRANCHES` begin with on which drift is proposed")
	flags.StringVar(&f.auth.Username, "git-username", "", "the `NAME` to sign in to the repository with")
	flags.StringVar(&f.auth.PasswordFile, "git-token-file", "", "a `FILE` with the password or token (default $MAILOPS_GIT_TOKEN)")
	flags.StringVar(&f.auth.KeyFile, "ssh-key-file", "", "a `FILE` with the ssh key")
	flags.StringVar(&f.auth.KnownHostsFile, "known-hosts-file", "", "a `FILE` with the ssh hosts that are trusted")
	flags.StringVar(&f.ca, "git-ca-file", "", "a `FILE` with certificates to trust beside the system's")
	flags.BoolVar(&f.text, "log-text", false, "write the log as text instead of JSON")
	f.server.add(cmd)
	f.tell.add(cmd)
	cmd.AddCommand(a.reconcileCommand())
	return cmd
}

// runAgent puts an agent together and runs it.
func (a *app) runAgent(ctx context.Context, f agentFlags) error {
	log := slog.New(slog.NewJSONHandler(a.err, nil))
	if f.text {
		log = slog.New(slog.NewTextHandler(a.err, nil))
	}
	state := cmp.Or(f.state, a.env["STATE_DIRECTORY"], filepath.Join(a.dir, ".mailops", "agent"))
	source, err := a.source(ctx, f, state, log)
	if err != nil {
		return err
	}
	if c, ok := source.(io.Closer); ok {
		defer c.Close() // it was only read
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	full, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	_, name, err := a.storeName()
	if err != nil {
		return err
	}
	told, err := a.tellers(f.tell, log)
	if err != nil {
		return err
	}
	ag := agent.New(agent.Options{Source: source, Open: a.openForAgent, Name: name, Holder: cmp.Or(f.holder, host+":"+full), Env: a.env,
		Interval: f.interval, Whole: f.whole, AllowRewind: f.allowRewind, Branch: f.proposals, Log: log, Observe: told, Version: version()})
	stop, err := a.serve(ctx, f.server, ag, told, log)
	if err != nil {
		return err
	}
	told.begin(ctx)
	err = ag.Run(ctx)
	return errors.Join(err, stop(), told.end())
}

// source is what the agent follows.
func (a *app) source(ctx context.Context, f agentFlags, state string, log *slog.Logger) (agent.Source, error) {
	if f.watch != "" {
		if f.repo != "" || f.branch != "" || f.path != "" {
			return nil, usage("--watch follows a folder: --repo, --branch and --path belong to repositories")
		}
		return &agent.Folder{Dir: f.watch, Log: log}, nil
	}
	o := git.Options{URL: f.repo, Branch: f.branch, Dir: filepath.Join(state, "mirror.git"), Auth: f.auth, CAFile: f.ca}
	inside := f.path
	if o.URL == "" {
		dir, err := filepath.Abs(a.dir)
		if err != nil {
			return nil, err
		}
		top, at, err := git.Discover(dir)
		if err != nil {
			return nil, usage("%s lies in no git repository: name one with --repo, or follow a folder with --watch", a.dir)
		}
		o.URL, inside = top, filepath.ToSlash(filepath.Join(at, f.path))
	}
	if o.Auth.PasswordFile == "" {
		o.Auth.Password = a.env["MAILOPS_GIT_TOKEN"]
	}
	child, err := git.ChildCommand()
	if err != nil {
		return nil, err
	}
	o.Child = child
	repo, err := git.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	return &agent.Git{Repo: repo, Path: inside}, nil
}

// openForAgent opens the live store, which must be one that agents can keep.
func (a *app) openForAgent(ctx context.Context) (agent.Store, error) {
	s, name, err := a.open(ctx, toWrite)
	if err != nil {
		return nil, err
	}
	store, ok := s.(agent.Store)
	if !ok {
		return nil, errors.Join(usage("no agent can keep %s", name), s.Close())
	}
	return store, nil
}

func (a *app) reconcileCommand() *cobra.Command {
	var at, tokenFile string
	cmd := verb("reconcile [flags]", "Have a running agent look now",
		"reconcile asks a running agent to look at repository and store now, waits until it has,\nand says how it stands.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return a.askAgent(cmd.Context(), at, tokenFile) })
	cmd.Use = "reconcile [flags]"
	cmd.Flags().StringVar(&at, "agent", "http://"+defaultListen, "the `URL` of the agent")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "a `FILE` with the agent's token (default $MAILOPS_AGENT_TOKEN)")
	a.formats(cmd, "text", "json")
	return cmd
}

// askAgent posts to a running agent and prints its status.
func (a *app) askAgent(ctx context.Context, at, tokenFile string) error {
	base, err := url.Parse(at)
	if err != nil || base.Host == "" {
		return usage("--agent %s: want a URL such as http://%s", at, defaultListen)
	}
	token := a.env["MAILOPS_AGENT_TOKEN"]
	if tokenFile != "" {
		if token, err = readSecret(tokenFile); err != nil {
			return err
		}
	}
	if token != "" && base.Scheme == "http" && !loopback(base.Hostname()) {
		return usage("--agent %s: the token would cross the network in the clear; use https", at)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("api/reconcile").String(), strings.NewReader(""))
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgent, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%w: %w", errAgent, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: it answers %s", errAgent, resp.Status)
	}
	if a.format == "json" {
		_, err = a.out.Write(body)
		return err
	}
	var s agent.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%w: %w", errAgent, err)
	}
	return a.printAgent(s)
}

// printAgent says how an agent stands, in the words of its page.
func (a *app) printAgent(s agent.Status) error {
	if s.InForce != nil {
		fmt.Fprintf(a.out, "in force  %s %s, since %s\n", short(s.InForce.ID), preview.Plain(s.InForce.Subject), shown(s.InForce.Since, s.Timezone))
	}
	if v := s.Verdict; v != nil {
		fmt.Fprintf(a.out, "newest    %s %s: %s\n", short(v.Revision.ID), preview.Plain(v.Revision.Subject), v.State)
		if len(v.Problems) > 0 {
			a.printProblems(a.out, v.Problems)
		}
		a.printFindings(a.out, v.Findings)
		if v.Text != "" {
			fmt.Fprintln(a.out, " ", preview.Plain(v.Text))
		}
	}
	if s.Result == agent.ResultStandby {
		fmt.Fprintf(a.out, "stands by %s\n", preview.Plain(s.Error))
		return nil
	}
	if s.Error != "" {
		return fmt.Errorf("the agent could not do everything: %s", s.Error)
	}
	for _, h := range s.Waiting {
		fmt.Fprintf(a.out, "waits     %s (%s) %s\n", h.Key, h.Why, preview.Plain(h.Reason))
	}
	for _, d := range s.Drift {
		fmt.Fprintf(a.out, "drift     %s (%s)\n", d.Key, d.Why)
	}
	return nil
}

// listener makes sure that only one agent answers at an address.
func listener(ctx context.Context, at string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", at, err)
	}
	return l, nil
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent"
	"mailops/reconcile/git"
)

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
	publish                   publishFlags
}

func (a *app) agentCommand() *cobra.Command {
	var f agentFlags
	cmd := verb("agent [flags]", "Follow a repository and keep the live store true",
		agentText, cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			if err := namesFiles(cmd); err != nil {
				return err
			}
			return a.runAgent(cmd.Context(), f)
		})
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
	f.publish.add(cmd)
	cmd.AddCommand(a.reconcileCommand())
	return cmd
}

// runAgent puts an agent together and runs it.
func (a *app) runAgent(ctx context.Context, f agentFlags) error {
	log := slog.New(slog.NewJSONHandler(a.err, nil))
	if f.text {
		log = slog.New(slog.NewTextHandler(a.err, nil))
	}
	if err := f.check(); err != nil {
		return err
	}
	page, err := f.server.page(f.tell.url)
	if err != nil {
		return err
	}
	told, err := a.tellers(f.tell, log)
	if err != nil {
		return err
	}
	state := cmp.Or(f.state, a.env["STATE_DIRECTORY"], filepath.Join(a.dir, ".mailops", "agent"))
	from, err := a.followedRepository(f, state)
	if err != nil {
		return err
	}
	publisher, err := f.publish.publisher(from.Options, state)
	if err != nil {
		return err
	}
	source, err := a.source(ctx, f, from, log)
	if err != nil {
		return err
	}
	if c, ok := source.(io.Closer); ok {
		defer c.Close() // it was only read
	}
	holder, err := f.name(state)
	if err != nil {
		return err
	}
	_, name, err := a.oneStore()
	if err != nil {
		return err
	}
	places := &places{app: a}
	ag := agent.New(agent.Options{Source: source, Open: places.open, Where: places.read, Name: name, Holder: holder, Env: a.env,
		Interval: f.interval, Whole: f.whole, AllowRewind: f.allowRewind, Branch: f.proposals, Publish: publisher, PublishEvery: f.publish.every,
		Log: log, Observe: told, Version: version()})
	stop, err := page.serve(ctx, ag, told, log)
	if err != nil {
		return err
	}
	told.begin(ctx)
	err = ag.Run(ctx)
	return errors.Join(err, stop(), told.end())
}

// name is who this agent is, among those of the store.
func (f *agentFlags) name(state string) (string, error) {
	if f.holder != "" {
		return f.holder, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(state)
	return host + ":" + full, err
}

// A repositoryFolder is a repository, and where in it the declarations are.
type repositoryFolder struct {
	git.Options
	inside string
}

// followedRepository is the repository that the agent follows; none where it
// follows a folder.
func (a *app) followedRepository(f agentFlags, state string) (repositoryFolder, error) {
	if f.watch != "" {
		return repositoryFolder{}, nil
	}
	o := git.Options{URL: f.repo, Branch: f.branch, Dir: filepath.Join(state, "mirror.git"), Auth: f.auth, CAFile: f.ca}
	inside := f.path
	if o.URL == "" {
		dir, err := filepath.Abs(a.dir)
		if err != nil {
			return repositoryFolder{}, err
		}
		top, at, err := git.Discover(dir)
		if err != nil {
			return repositoryFolder{}, usage("%s lies in no git repository: name one with --repo, or follow a folder with --watch", a.dir)
		}
		o.URL, inside = top, filepath.ToSlash(filepath.Join(at, f.path))
		if !filepath.IsLocal(inside) {
			return repositoryFolder{}, usage("--path %s: it leads out of the repository", f.path)
		}
	}
	if o.Auth.PasswordFile == "" {
		o.Auth.Password = a.env["MAILOPS_GIT_TOKEN"]
	}
	var err error
	o.Child, err = git.ChildCommand()
	return repositoryFolder{o, inside}, err
}

// source is what the agent follows.
func (a *app) source(ctx context.Context, f agentFlags, from repositoryFolder, log *slog.Logger) (agent.Source, error) {
	if f.watch != "" {
		return &agent.Folder{Dir: f.watch, Log: log}, nil
	}
	repo, err := git.Open(ctx, from.Options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	return followed{&agent.Git{Repo: repo, Path: from.inside}, f.branch}, nil
}

// A followed branch is a source that says by which flag it was chosen, when it
// is not there.
type followed struct {
	*agent.Git
	branch string // of --branch
}

// Fetch implements agent.Source.
func (f followed) Fetch(ctx context.Context) error { return f.named(f.Git.Fetch(ctx)) }

// Head implements agent.Source.
func (f followed) Head(ctx context.Context) (agent.Revision, error) {
	r, err := f.Git.Head(ctx)
	return r, f.named(err)
}

func (f followed) named(err error) error {
	switch {
	case !errors.Is(err, git.ErrNoBranch):
		return err
	case f.branch == "":
		return fmt.Errorf("%w; --branch names another one", err)
	}
	return fmt.Errorf("--branch %s: %w", f.branch, err)
}

// agentText is what --help says first.
const agentText = `agent runs until it is interrupted. It follows a branch of a git repository (--repo, or
the clone that -C lies in), or with --watch a folder that is being edited; it applies
what was committed, keeps the live store as the commit in force asks for it, and tells
people. One agent leads a store; others stand by. Its log goes to stderr.

The page at --listen is open to who is on this machine while neither a token nor a
proxy's header is given. A token that is given is asked for on loopback too: by browsers
once, of programs as "Authorization: Bearer TOKEN", also for /metrics; /healthz and
/readyz need none. Where the page is reached from elsewhere (--host, --https, a --url of
another machine), one or the other is needed.

With --snapshot-branch or --snapshot-file the agent that leads publishes what is live for
previews of pull requests (mailops plan --live), without passwords and hashes:
  git show origin/mailops-snapshot:live.snapshot >live.snapshot
  mailops plan --base origin/main --live live.snapshot --verify-key agent.pub
Its account must be let push that branch with force; one that holds anything else than
live.snapshot is left alone.

Webhooks come in at /hooks/KIND, for each KIND of --hook-secret-file, and are known by
  github   X-Hub-Signature-256 (give GitHub the secret, and application/json)
  gitlab   X-Gitlab-Token, or with a signing token (whsec_...) Webhook-Signature
  gitea    X-Gitea-Signature or X-Forgejo-Signature
  generic  X-Timestamp: seconds since 1970, at most 5 minutes from now, and
           X-Signature: sha256= and, in hexadecimal digits, the HMAC-SHA256 by the secret
           of the timestamp, a full stop, and the body as it is sent
The answer is 200 to what is believed and 403 to what is not. What --notify-secret-file
signs carries X-Timestamp and X-Signature in the generic form.`

// listener makes sure that only one agent answers at an address.
func listener(ctx context.Context, at string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", at, err)
	}
	return l, nil
}

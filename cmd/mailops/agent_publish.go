package main

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/publish"
	"mailops/reconcile/git"
)

// publishFlags say where the agent publishes snapshots of the live store, and how
// they are made.
type publishFlags struct {
	file, branch string
	every        time.Duration
	keys         snapshotFlags
}

func (f *publishFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.branch, "snapshot-branch", "", "publish snapshots of the live store on this `BRANCH` of the repository, which holds nothing\nelse, such as mailops-snapshot; each replaces the one before")
	flags.StringVar(&f.file, "snapshot-file", "", "publish snapshots of the live store in this `FILE`; one that is there keeps its mode and group,\nso that others may read it")
	flags.DurationVar(&f.every, "snapshot-interval", time.Hour, "how often snapshots are published at least; after a run that changed something\none comes sooner, a minute apart")
	flags.StringVar(&f.keys.signKey, "sign-key", "", "sign published snapshots with the SSH key (ed25519, without a passphrase) in this `FILE`")
	flags.StringVar(&f.keys.redactKey, "redact-key", "", "hide personal fields in published snapshots with the key in this `FILE`: 32 characters or more, by chance")
}

// publishes reports whether snapshots are to be published.
func (f *publishFlags) publishes() bool { return f.file != "" || f.branch != "" }

// checkPublish refuses what cannot work, whatever is live.
func (f *agentFlags) checkPublish() error {
	p := &f.publish
	if !p.publishes() {
		return p.unused()
	}
	switch {
	case p.file != "" && p.branch != "":
		return usage("--snapshot-file and --snapshot-branch: snapshots are published in one place")
	case p.every < shortestWait:
		return usage("--snapshot-interval %s: want a second or more, such as 1h", p.every)
	case p.file != "":
		if err := (&publish.File{Name: p.file}).Fits(); err != nil {
			return usage("--snapshot-file %s: %w", p.file, bare(err))
		}
		return nil
	case f.watch != "":
		return usage("--snapshot-branch %s: a folder that is watched has no branches; name a --snapshot-file", p.branch)
	case !aRef.MatchString(p.branch) || strings.Contains(p.branch, "..") || strings.Contains(p.branch+"/", ".lock/"):
		return usage("--snapshot-branch %s: no branch has that name; want one such as mailops-snapshot", p.branch)
	case p.branch == f.branch:
		return usage("--snapshot-branch %s: that is the branch that is followed", p.branch)
	case strings.HasPrefix(f.proposals, p.branch+"/"):
		return usage("--snapshot-branch %s: the branches of --drift-branch %s begin with it", p.branch, f.proposals)
	}
	return nil
}

// unused refuses keys of snapshots that nobody publishes.
func (f *publishFlags) unused() error {
	for _, key := range []struct{ flag, file string }{{"--sign-key", f.keys.signKey}, {"--redact-key", f.keys.redactKey}} {
		if key.file != "" {
			return usage("%s needs --snapshot-branch or --snapshot-file", key.flag)
		}
	}
	return nil
}

// publisher is what publishes snapshots; nil when nothing does.
func (f *publishFlags) publisher(o git.Options, state string) (agent.Publisher, error) {
	if !f.publishes() {
		return nil, nil
	}
	made, err := f.keys.options()
	if err != nil {
		return nil, err
	}
	keys := publish.Keys{Sign: made.Signer, Redact: made.Key}
	if f.file != "" {
		return &publish.File{Keys: keys, Name: f.file}, nil
	}
	o.Branch, o.Dir = f.branch, filepath.Join(state, "snapshot-mirror.git")
	return &publish.Branch{Keys: keys, Repo: o}, nil
}

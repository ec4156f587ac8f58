package main

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent/notify"
)

// What can be known to be wrong when the agent begins is refused then: nobody
// reads the log of a daemon for a misspelt flag.

// shortestWait is how often an agent looks at most by itself: more would be all
// that it does.
const shortestWait = time.Second

// aRef is what names of branches may begin with. It is less than git allows, and
// nobody needs the rest.
var aRef = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.-]*(/[\pL\pN_][\pL\pN_.-]*)*$`)

// check refuses what cannot work, whatever the repository and the store say.
func (f *agentFlags) check() error {
	for _, wait := range []struct {
		flag string
		is   time.Duration
	}{{"--interval", f.interval}, {"--whole", f.whole}} {
		if wait.is < shortestWait {
			return usage("%s %s: want a second or more, such as 1m", wait.flag, wait.is)
		}
	}
	if !aRef.MatchString(f.proposals) || strings.Contains(f.proposals, "..") || strings.Contains(f.proposals+"/", ".lock/") {
		return usage("--drift-branch %s: no branch can begin with that; want a name such as mailops/drift", f.proposals)
	}
	if err := f.checkSource(); err != nil {
		return err
	}
	if err := f.checkPublish(); err != nil {
		return err
	}
	return f.tell.check()
}

// checkSource looks at what is followed.
func (f *agentFlags) checkSource() error {
	if !filepath.IsLocal(fromTop(f.path)) {
		return usage("--path %s: it leads out of the repository", f.path)
	}
	if f.watch != "" {
		if f.repo != "" || f.branch != "" || f.path != "" {
			return usage("--watch follows a folder: --repo, --branch and --path belong to repositories")
		}
		info, err := os.Stat(f.watch)
		switch {
		case err != nil:
			return usage("--watch %s: %w", f.watch, bare(err))
		case !info.IsDir():
			return usage("--watch %s: it is a file, and a folder is followed", f.watch)
		}
	}
	for _, file := range []struct {
		flag, name string
		secret     bool
	}{
		{"--git-token-file", f.auth.PasswordFile, true}, {"--ssh-key-file", f.auth.KeyFile, true},
		{"--known-hosts-file", f.auth.KnownHostsFile, false}, {"--git-ca-file", f.ca, false},
	} {
		if err := readable(file.flag, file.name, file.secret); err != nil {
			return err
		}
	}
	if overSSH.MatchString(f.repo) && (f.auth.KeyFile == "" || f.auth.KnownHostsFile == "") {
		return usage("--repo %s: ssh needs --ssh-key-file and --known-hosts-file", f.repo)
	}
	return nil
}

// overSSH are the repositories that are reached by ssh.
var overSSH = regexp.MustCompile(`^(ssh://|[^/:@]+@[^/:]+:)`)

// fromTop is a folder inside a repository as one relative to its top.
func fromTop(folder string) string {
	if folder = strings.TrimLeft(folder, "/"); folder == "" {
		return "."
	}
	return folder
}

// bare is an error without the name of the file, which is said already.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// readable looks at a file that git reads again and again.
func readable(flag, file string, secret bool) error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() {
		var f *os.File
		if f, err = os.Open(file); err == nil {
			err = f.Close()
		}
	}
	switch {
	case err != nil:
		return usage("%s %s: %w", flag, file, bare(err))
	case !info.Mode().IsRegular():
		return usage("%s %s: it is no file", flag, file)
	case info.Size() == 0:
		return usage("%s %s: the file is empty", flag, file)
	case secret && info.Mode().Perm()&0o077 != 0:
		return usage("%s %s: others than its owner may read it: chmod 600 %s", flag, file, file)
	}
	return nil
}

// secretOf reads the secret in the file that a flag names.
func secretOf(flag, file string) (string, error) {
	text, err := readSecret(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "", usage("%s %s: %w", flag, file, bare(err))
	case err != nil:
		return "", usage("%s %w", flag, err)
	case text == "":
		return "", usage("%s %s: the file is empty", flag, file)
	}
	return text, nil
}

// fileFlags are those of the agent that name a file.
var fileFlags = []string{"git-token-file", "ssh-key-file", "known-hosts-file", "git-ca-file", "token-file", "operator-token-file",
	"notify-webhook-file", "notify-secret-file", "notify-slack-file", "smtp-password-file", "forge-token-file", "snapshot-file", "sign-key", "redact-key"}

// namesFiles refuses a flag for a file that names none: where a variable is not
// set, a page that was to ask for a token would be open.
func namesFiles(cmd *cobra.Command) error {
	for _, name := range fileFlags {
		if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
			return usage("--%s: name a FILE", name)
		}
	}
	return nil
}

// check refuses words that nobody would hear of.
func (f *tellFlags) check() error {
	for _, kind := range f.only {
		if !slices.Contains(notify.Kinds(), notify.Kind(kind)) {
			return usage("--notify-only %s: want applied, refused, drift, failed or recovered", kind)
		}
	}
	channels := f.webhookFile + f.slack + f.smtp
	for _, x := range []struct {
		flag  string
		given bool
		needs string
		has   bool
	}{
		{"--notify-secret-file", f.webhookSecret != "", "--notify-webhook-file", f.webhookFile != ""},
		{"--notify-from", f.from != "", "--notify-smtp", f.smtp != ""},
		{"--notify-to", len(f.to) > 0, "--notify-smtp", f.smtp != ""},
		{"--smtp-username", f.smtpUser != "", "--notify-smtp", f.smtp != ""},
		{"--smtp-password-file", f.smtpPassword != "", "--notify-smtp", f.smtp != ""},
		{"--smtp-username", f.smtpUser != "", "--smtp-password-file", f.smtpPassword != ""},
		{"--smtp-password-file", f.smtpPassword != "", "--smtp-username", f.smtpUser != ""},
		{"--notify-only", len(f.only) > 0, "--notify-webhook-file, --notify-slack-file or --notify-smtp", channels != ""},
		{"--forge-url", f.forgeURL != "", "--forge", f.forge != ""},
		{"--forge-repo", f.forgeRepo != "", "--forge", f.forge != ""},
		{"--forge-token-file", f.forgeTk != "", "--forge", f.forge != ""},
		{"--forge " + f.forge, f.forge != "", "--forge-token-file", f.forgeTk != ""},
		{"--forge " + f.forge, f.forge != "", "--forge-repo", f.forgeRepo != ""},
	} {
		if x.given && !x.has {
			return usage("%s needs %s", x.flag, x.needs)
		}
	}
	if f.url == "" {
		return nil
	}
	if u, err := url.Parse(f.url); err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return usage("--url %s: want a URL such as https://agent.acme.example", f.url)
	}
	return nil
}

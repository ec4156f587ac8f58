package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent/forge"
	"mailops/reconcile/preview"
)

const (
	mostPreview = 8 << 20  // bytes of a preview; what a forge takes of it is less
	mostEvent   = 32 << 20 // bytes of what a CI says of a pull request
)

// forgeTokenVariable holds the token where there is no file for it.
const forgeTokenVariable = "MAILOPS_FORGE_TOKEN"

// A spot is where a comment goes.
type spot struct {
	forge, url, repo string
	pull             int64
}

func (a *app) commentCommand() *cobra.Command {
	var at spot
	var tokenFile string
	cmd := verb("comment [flags] [FILE]", "Put a preview on its pull request",
		"comment puts what plan --format markdown wrote, in FILE or on stdin, on a pull request:\n"+
			"one comment, edited in place each time. In a workflow of GitHub, GitLab, Gitea or\n"+
			"Forgejo it knows which pull request that is, and needs the token alone, from\n"+
			"--token-file or $"+forgeTokenVariable+":\n\n"+
			"  mailops plan --base origin/main --format markdown | mailops comment",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			file := "-"
			if len(args) == 1 {
				file = args[0]
			}
			return a.comment(cmd.Context(), at, tokenFile, file)
		})
	flags := cmd.Flags()
	flags.StringVar(&at.forge, "forge", "", "the `FORGE`: github, gitlab or gitea (default: whose CI this is)")
	flags.StringVar(&at.url, "forge-url", "", "the `URL` of the forge (default: the CI's; else github.com or gitlab.com)")
	flags.StringVar(&at.repo, "repo", "", "the repository there: `OWNER/NAME` (default: the CI's)")
	flags.Int64Var(&at.pull, "pull", 0, "the `NUMBER` of the pull request (default: the CI's)")
	flags.StringVar(&tokenFile, "token-file", "", "a `FILE` with the token for it (default: $"+forgeTokenVariable+")")
	return cmd
}

func (a *app) comment(ctx context.Context, at spot, tokenFile, file string) error {
	at, err := a.complete(at)
	if err != nil {
		return err
	}
	token, err := a.forgeToken(tokenFile)
	if err != nil {
		return err
	}
	to, err := at.open(token)
	if err != nil {
		return err
	}
	body, err := a.readPreview(file)
	if err != nil {
		return err
	}
	if err := to.CommentOn(ctx, at.pull, preview.Marker, body); err != nil {
		return awayOr(err)
	}
	fmt.Fprintf(a.out, "The preview is on pull request %d of %s.\n", at.pull, at.repo)
	return nil
}

// complete adds what the CI says to what the flags say. A CI of another forge
// than the one that was asked for knows nothing about it.
func (a *app) complete(at spot) (spot, error) {
	says := a.ci()
	if at.forge == "" {
		at.forge = says.forge
	}
	if at.forge == says.forge {
		at.url, at.repo = cmp.Or(at.url, says.url), cmp.Or(at.repo, says.repo)
		if at.pull == 0 {
			var err error
			if at.pull, err = a.pullOfCI(says.forge); err != nil {
				return at, err
			}
		}
	}
	switch {
	case at.forge == "":
		return at, usage("--forge is needed: this is no CI of GitHub, GitLab, Gitea or Forgejo")
	case at.repo == "":
		return at, usage("--repo OWNER/NAME is needed")
	case at.pull <= 0:
		return at, usage("--pull NUMBER is needed: this is no CI of a pull request")
	}
	return at, nil
}

// ci is what the environment says of where this runs. Gitea's and Forgejo's
// actions use GitHub's names.
func (a *app) ci() spot {
	switch env := a.env; {
	case env["GITLAB_CI"] != "":
		return spot{forge: "gitlab", url: env["CI_API_V4_URL"], repo: cmp.Or(env["CI_MERGE_REQUEST_PROJECT_PATH"], env["CI_PROJECT_PATH"])}
	case env["GITHUB_ACTIONS"] == "":
		return spot{}
	case env["GITEA_ACTIONS"] != "", env["FORGEJO_ACTIONS"] != "", strings.HasSuffix(env["GITHUB_API_URL"], "/api/v1"):
		return spot{forge: "gitea", url: cmp.Or(env["GITHUB_API_URL"], env["GITHUB_SERVER_URL"]), repo: env["GITHUB_REPOSITORY"]}
	default:
		return spot{forge: "github", url: cmp.Or(env["GITHUB_API_URL"], env["GITHUB_SERVER_URL"]), repo: env["GITHUB_REPOSITORY"]}
	}
}

// pullOfCI is the number of the pull request that a CI runs for; 0 is none.
func (a *app) pullOfCI(of string) (int64, error) {
	number := a.env["CI_MERGE_REQUEST_IID"]
	if of != "gitlab" {
		if file := a.env["GITHUB_EVENT_PATH"]; file != "" {
			pull, err := pullOfEvent(file)
			if pull > 0 || err != nil {
				return pull, err
			}
		}
		number, _, _ = strings.Cut(strings.TrimPrefix(a.env["GITHUB_REF"], "refs/pull/"), "/")
	}
	pull, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, nil // a branch
	}
	return pull, nil
}

// pullOfEvent reads the number out of what GitHub's actions say of their event.
func pullOfEvent(file string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, fmt.Errorf("read the event: %w", err)
	}
	defer f.Close()
	var event struct {
		Pull struct {
			Number int64 `json:"number"`
		} `json:"pull_request"`
	}
	if err := json.NewDecoder(io.LimitReader(f, mostEvent)).Decode(&event); err != nil {
		return 0, fmt.Errorf("read the event %s: %w", file, err)
	}
	return event.Pull.Number, nil
}

// forgeToken reads the token: from a file, or else from the environment.
func (a *app) forgeToken(file string) (string, error) {
	if file != "" {
		return readSecret(file)
	}
	if token := a.env[forgeTokenVariable]; token != "" {
		return token, nil
	}
	return "", usage("a token is needed: --token-file FILE, or $%s", forgeTokenVariable)
}

// open opens the repository at the forge.
func (s spot) open(token string) (forge.Commenter, error) {
	open, known := map[string]func(forge.Options) (forge.Forge, error){"github": forge.GitHub, "gitlab": forge.GitLab, "gitea": forge.Gitea}[s.forge]
	if !known {
		return nil, usage("--forge %s: want github, gitlab or gitea", s.forge)
	}
	at, err := open(forge.Options{URL: s.url, Repo: s.repo, Token: token})
	if err != nil {
		return nil, usage("--forge %s: %w", s.forge, err)
	}
	to, ok := at.(forge.Commenter)
	if !ok {
		return nil, usage("--forge %s: it knows no pull request by its number", s.forge)
	}
	return to, nil
}

// readPreview reads a preview, without the marker that the forge puts before it.
func (a *app) readPreview(file string) (string, error) {
	in := a.in
	switch {
	case file != "-":
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the preview: %w", err)
		}
		defer f.Close()
		in = f
	case terminal(a.in):
		return "", usage("comment reads what plan --format markdown writes: name its FILE, or send it here")
	}
	text, err := io.ReadAll(io.LimitReader(in, mostPreview+1))
	if err != nil {
		return "", fmt.Errorf("read the preview: %w", err)
	}
	body := strings.TrimSpace(strings.TrimPrefix(string(text), preview.Marker))
	switch {
	case len(text) > mostPreview:
		return "", usage("%s is longer than any preview", file)
	case body == "":
		return "", usage("the preview is empty: a plan that failed wrote none")
	}
	return body + "\n", nil
}

// awayOr tells a forge that may answer later from one that says no.
func awayOr(err error) error {
	var failed *forge.Error
	if errors.As(err, &failed) && failed.Temporary {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	return err
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/news"
	"mailops/reconcile/agent/web"
	"mailops/reconcile/preview"
)

// errAgent says that the agent cannot be asked.
var errAgent = errors.New("the agent cannot be reached")

// agentTokenVariable holds the agent's token, where no file does.
const agentTokenVariable = "MAILOPS_AGENT_TOKEN"

func (a *app) reconcileCommand() *cobra.Command {
	var at, tokenFile string
	cmd := verb("reconcile [flags]", "Have a running agent look now",
		`reconcile asks a running agent to look at repository and store now, waits until it has,
and says how it stands. It exits
  0 when the newest commit is in force, also while a part of it waits (for a pause or a
    window), there is drift or no snapshot can be published, and when the agent stands
    by for another one
  1 when the agent could not do everything, or its look takes longer than half a minute
  3 when the agent wants a token, and none or a wrong one was given
  4 when the newest commit is invalid, or what a schedule leads to is
  5 when a guard refuses the newest commit, or to keep the one in force
  6 when the branch was rewritten and is not followed
  7 when the agent cannot be reached`,
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("token-file") && tokenFile == "" {
				return usage("--token-file: name a FILE")
			}
			return a.askAgent(cmd.Context(), at, tokenFile)
		})
	cmd.Use = "reconcile [flags]"
	cmd.Flags().StringVar(&at, "agent", "http://"+defaultListen, "the `URL` of the agent")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "a `FILE` with the agent's token (default $"+agentTokenVariable+")")
	a.formats(cmd, "text", "json")
	return cmd
}

// askAgent has a running agent look, prints its status, and returns how the
// newest commit stands.
func (a *app) askAgent(ctx context.Context, at, tokenFile string) error {
	base, err := url.Parse(at)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usage("--agent %s: want a URL such as http://%s", at, defaultListen)
	}
	token := a.env[agentTokenVariable]
	if tokenFile != "" {
		if token, err = secretOf("--token-file", tokenFile); err != nil {
			return err
		}
	}
	if token != "" && base.Scheme == "http" && !loopback(base.Hostname()) {
		return usage("--agent %s: the token would cross the network in the clear; use https", at)
	}
	code, body, err := postToAgent(ctx, base, token)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgent, err)
	}
	if code == http.StatusUnauthorized {
		return unwelcome(at, token, tokenFile)
	}
	if code != http.StatusOK && code != http.StatusAccepted {
		return fmt.Errorf("%w: it answers %d: %s", errAgent, code, cmp.Or(saidBy(body), http.StatusText(code)))
	}
	var s agent.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%w: its answer is no status: %w", errAgent, err)
	}
	if a.format == "json" {
		if _, err := a.out.Write(body); err != nil {
			return err
		}
	} else {
		a.printAgent(&s)
	}
	if code == http.StatusAccepted {
		return errors.New("the agent is still looking; what is said is what it knew before: ask again")
	}
	return verdictOf(&s)
}

// postToAgent asks for a look.
func postToAgent(ctx context.Context, base *url.URL, token string) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("api/reconcile").String(), strings.NewReader(""))
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return resp.StatusCode, body, err
}

// saidBy is what a program of ours says in an answer that is an error.
func saidBy(body []byte) string {
	var said struct{ Error, Detail string }
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	return preview.Plain(strings.TrimSpace(said.Error + " " + said.Detail))
}

// unwelcome says which token the agent does not take: what is mended at the
// command line is wrong usage.
func unwelcome(at, token, file string) error {
	switch {
	case token == "":
		return usage("the agent at %s asks for a token: name its file with --token-file, or set $%s", at, agentTokenVariable)
	case file != "":
		return usage("the agent at %s does not take the token of --token-file %s", at, file)
	}
	return usage("the agent at %s does not take the token of $%s; --token-file names another one", at, agentTokenVariable)
}

// printAgent says how an agent stands, in the words of its page.
func (a *app) printAgent(s *agent.Status) {
	if s.InForce != nil {
		fmt.Fprintf(a.out, "in force  %s, since %s\n", titled(s.InForce.Revision), shown(s.InForce.Since, s.Timezone))
	}
	if v := s.Verdict; v != nil {
		fmt.Fprintf(a.out, "newest    %s: %s\n", titled(v.Revision), v.State)
		if len(v.Problems) > 0 {
			a.printProblems(a.out, v.Problems)
		}
		a.printRefusal(v.Revision.ID, v.Findings)
		if v.Text != "" {
			fmt.Fprintln(a.out, " ", preview.Plain(v.Text))
		}
		if v.State == agent.StateRewritten {
			fmt.Fprintln(a.out, " ", rewind(v.Revision.ID))
		}
	}
	if len(s.Findings) > 0 && s.InForce != nil {
		fmt.Fprintln(a.out, "refused   to keep the commit in force")
		a.printRefusal(s.InForce.ID, s.Findings)
	}
	if len(s.Problems) > 0 {
		fmt.Fprintln(a.out, "refused   what a schedule leads to by now")
		a.printProblems(a.out, s.Problems)
	}
	if s.Result == agent.ResultStandby {
		fmt.Fprintf(a.out, "stands by %s\n", preview.Plain(s.Error))
		return
	}
	for _, line := range news.Waiting(s.Waiting, s.Timezone) {
		fmt.Fprintf(a.out, "waits     %s\n", line)
	}
	for _, line := range driftGroups(s.Drift) {
		fmt.Fprintf(a.out, "drift     %s\n", line)
	}
	if s.Publication != nil {
		fmt.Fprintf(a.out, "snapshot  %s\n", publicationLine(s.Publication, s.Timezone))
	}
}

// publicationLine says how the publishing of snapshots stands.
func publicationLine(p *agent.Publication, zone string) string {
	line := preview.Plain(p.Where) + ", "
	if p.At.IsZero() {
		line += "none published yet"
	} else {
		line += "the last as of " + shown(p.At, zone)
	}
	if p.Error != "" {
		line += "; not published since: " + preview.Plain(p.Error)
	}
	return line
}

// rewind says how a revision comes into force that does not come after the one
// that is: a folder comes after no commit.
func rewind(revision string) string {
	const flag = "start the agent once with --allow-rewind"
	if strings.HasPrefix(revision, "git:") {
		return "push a commit that comes after the one in force, or " + flag
	}
	return flag + ", if the folder is to be followed from now on"
}

// titled is a revision with its subject, where it has one: a folder's has none.
func titled(r agent.Revision) string {
	return strings.TrimSpace(short(r.ID) + " " + preview.Plain(r.Subject))
}

// printRefusal shows findings, and the command that carries out what they
// refuse: the agent itself lifts nothing.
func (a *app) printRefusal(revision string, findings []reconcile.Finding) {
	a.printFindings(a.out, findings)
	if command := web.Lift(revision, findings); command != "" {
		fmt.Fprintln(a.out, "  if it is meant so:", command)
	}
}

// driftGroups are what others changed, a line for each that is easily told, and
// one for many of which the same is done.
func driftGroups(drift []agent.Drifted) []string {
	held := make([]reconcile.Held, len(drift))
	for i := range drift {
		held[i] = reconcile.Held{Change: reconcile.Change{Key: drift[i].Key}, Why: drift[i].Why}
	}
	const few = 10
	if len(held) > few {
		return news.Waiting(held, "")
	}
	var out []string
	for i := range held {
		out = append(out, news.Waiting(held[i:i+1], "")...)
	}
	return out
}

// verdictOf is how the newest commit stands, as the exit code of who asked.
func verdictOf(s *agent.Status) error {
	switch {
	case s.Result == agent.ResultStandby:
		return nil
	case s.Error != "":
		return fmt.Errorf("the agent could not do everything: %s", preview.Plain(s.Error))
	case s.Verdict != nil && s.Verdict.State == agent.StateInvalid:
		return errors.Join(errSaid, s.Verdict.Problems)
	case s.Verdict != nil && s.Verdict.State == agent.StateRewritten:
		return errors.Join(errSaid, reconcile.ErrConflict)
	case s.Verdict != nil && s.Verdict.State == agent.StateRefused, len(s.Findings) > 0:
		return errors.Join(errSaid, reconcile.ErrRefused)
	case len(s.Problems) > 0:
		return errors.Join(errSaid, s.Problems)
	}
	return nil
}

package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/forge"
	"mailops/reconcile/agent/news"
	"mailops/reconcile/agent/notify"
)

// tellFlags say whom the agent tells.
type tellFlags struct {
	url                                 string // of the agent's page
	webhookFile, webhookSecret, slack   string
	smtp, smtpUser, smtpPassword, from  string
	to                                  []string
	only                                []string
	forge, forgeURL, forgeRepo, forgeTk string
}

func (f *tellFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the `URL` by which people reach the agent's page, for links in messages")
	flags.StringVar(&f.webhookFile, "notify-webhook-file", "", "tell a webhook: a `FILE` with its URL")
	flags.StringVar(&f.webhookSecret, "notify-secret-file", "", "a `FILE` with the secret that signs what the webhook is told, by X-Timestamp and X-Signature")
	flags.StringVar(&f.slack, "notify-slack-file", "", "tell Slack, or what understands its messages: a `FILE` with the webhook's URL")
	flags.StringVar(&f.smtp, "notify-smtp", "", "tell by e-mail, through this server: smtp://HOST or smtps://HOST as `URL`")
	flags.StringVar(&f.smtpUser, "smtp-username", "", "the `NAME` to sign in to that server with")
	flags.StringVar(&f.smtpPassword, "smtp-password-file", "", "a `FILE` with the password for it")
	flags.StringVar(&f.from, "notify-from", "", "the `ADDRESS` that e-mails come from")
	flags.StringSliceVar(&f.to, "notify-to", nil, "the `ADDRESSES` that e-mails go to")
	flags.StringSliceVar(&f.only, "notify-only", nil, "tell these `KINDS` alone: applied, refused, drift, failed, recovered")
	flags.StringVar(&f.forge, "forge", "", "set the status of commits, and comment on pull requests, at a `FORGE`: github, gitlab or gitea")
	flags.StringVar(&f.forgeURL, "forge-url", "", "the `URL` of the forge (default: github.com or gitlab.com)")
	flags.StringVar(&f.forgeRepo, "forge-repo", "", "the repository there: `OWNER/NAME`")
	flags.StringVar(&f.forgeTk, "forge-token-file", "", "a `FILE` with the token for it")
}

// tellers puts together who is told what.
func (a *app) tellers(f tellFlags, log *slog.Logger) (*observers, error) {
	channels, err := f.channels()
	if err != nil {
		return nil, err
	}
	var notifier *notify.Notifier
	if len(channels) > 0 {
		o := notify.Options{Log: log, Only: make(map[string][]notify.Kind)}
		for name := range channels {
			for _, kind := range f.only {
				o.Only[name] = append(o.Only[name], notify.Kind(kind))
			}
		}
		if notifier, err = notify.New(channels, o); err != nil {
			return nil, usageError{err, false}
		}
	}
	at, err := f.openForge()
	if err != nil {
		return nil, err
	}
	desk := news.New(notifier, at, f.url, log)
	return &observers{desk: desk, all: []agent.Observer{desk}}, nil
}

// channels are the ways to tell people that were asked for.
func (f *tellFlags) channels() (map[string]notify.Channel, error) {
	out := make(map[string]notify.Channel)
	add := func(name string, c notify.Channel, err error) error {
		if err != nil {
			return usage("%s: %w", name, err)
		}
		out[name] = c
		return nil
	}
	if f.webhookFile != "" {
		url, err := secretOf("--notify-webhook-file", f.webhookFile)
		if err != nil {
			return nil, err
		}
		secret, err := optionalSecret("--notify-secret-file", f.webhookSecret)
		if err != nil {
			return nil, err
		}
		c, err := notify.Webhook(notify.WebhookOptions{URL: url, Secret: secret})
		if err := add("--notify-webhook-file", c, err); err != nil {
			return nil, err
		}
	}
	if f.slack != "" {
		url, err := secretOf("--notify-slack-file", f.slack)
		if err != nil {
			return nil, err
		}
		c, err := notify.Slack(notify.SlackOptions{URL: url})
		if err := add("--notify-slack-file", c, err); err != nil {
			return nil, err
		}
	}
	if f.smtp != "" {
		password, err := optionalSecret("--smtp-password-file", f.smtpPassword)
		if err != nil {
			return nil, err
		}
		c, err := notify.Email(notify.EmailOptions{URL: f.smtp, Username: f.smtpUser, Password: password, From: f.from, To: f.to})
		if err := add("--notify-smtp", c, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// optionalSecret reads a secret, if there is a file for it.
func optionalSecret(flag, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	return secretOf(flag, file)
}

// openForge opens the forge that was asked for; nil when none was.
func (f *tellFlags) openForge() (forge.Forge, error) {
	open, known := map[string]func(forge.Options) (forge.Forge, error){"github": forge.GitHub, "gitlab": forge.GitLab, "gitea": forge.Gitea}[f.forge]
	switch {
	case f.forge == "":
		return nil, nil
	case !known:
		return nil, usage("--forge %s: want github, gitlab or gitea", f.forge)
	}
	token, err := secretOf("--forge-token-file", f.forgeTk)
	if err != nil {
		return nil, err
	}
	at, err := open(forge.Options{URL: f.forgeURL, Repo: f.forgeRepo, Token: token})
	if err != nil {
		return nil, usage("--forge %s: %w", f.forge, err)
	}
	return at, nil
}

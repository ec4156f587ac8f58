package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile/enforce"
)

func (a *app) enforceCommand() *cobra.Command {
	var server enforce.Dovecot
	var options enforce.Options
	var keyFile string
	cmd := verb("enforce [flags]", "End open sessions when access is taken away or hours end",
		"enforce runs beside a Dovecot until it is interrupted. The store's rows bind the next\n"+
			"sign-in; enforce ends the sessions that are open already, through Dovecot's doveadm\n"+
			"HTTP interface, and with --auth-cache empties its auth cache for those who changed.\n"+
			"It only reads the store, with the rights of a mail server. Its log goes to stderr.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			var err error
			if server.Key, err = a.apiKey(keyFile); err != nil {
				return err
			}
			if err := checkDovecotURL(server.URL); err != nil {
				return err
			}
			gate, err := a.openGate(cmd.Context())
			if err != nil {
				return err
			}
			defer gate.Close()
			options.Log = slog.New(slog.NewTextHandler(a.err, nil))
			options.Log.Info("enforce: watching", "dovecot", server.URL)
			err = enforce.Run(cmd.Context(), gate, &server, options)
			if errors.Is(err, context.Canceled) {
				return nil // being interrupted is how it ends
			}
			return err
		})
	cmd.Flags().StringVar(&server.URL, "dovecot", "http://127.0.0.1:8080", "the `URL` of doveadm's HTTP interface")
	cmd.Flags().StringVar(&keyFile, "key-file", "", "a `FILE` with the doveadm_api_key (default $MAILOPS_DOVEADM_KEY)")
	cmd.Flags().BoolVar(&options.Cache, "auth-cache", false, "this Dovecot has an auth cache: empty it for users who change")
	return cmd
}

// checkDovecotURL demands TLS where the key would leave the machine.
func checkDovecotURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return usage("--dovecot %s: want a URL such as http://127.0.0.1:8080", text)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return usage("--dovecot %s: the key would cross the network in the clear; use https", text)
	}
	return nil
}

// apiKey reads doveadm's key, which may kick everybody.
func (a *app) apiKey(file string) (string, error) {
	if file == "" {
		key := a.env["MAILOPS_DOVEADM_KEY"]
		if key == "" {
			return "", usage("doveadm's key is needed: --key-file FILE, or $MAILOPS_DOVEADM_KEY")
		}
		return key, nil
	}
	text, err := readSecret(file)
	if err == nil && text == "" {
		err = fmt.Errorf("%s holds no key", file)
	}
	return text, err
}

// readSecret reads a file that only its owner and group may read.
func readSecret(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s: everybody may read it (mode %04o): chmod o= %s", file, info.Mode().Perm(), file)
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

package git

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// Auth is how a remote is convinced. Secrets are best kept in files: these are
// read anew by each fetch, so that what expired can be replaced under way. Files
// that others than their owner may read are refused. An Auth prints as
// "(credentials)".
type Auth struct {
	Username       string // https: with a token most hosts take any; "git" when empty
	Password       string `json:"-"` // https: a password or token
	PasswordFile   string // the same, from a file
	KeyFile        string // ssh: the private key
	PassphraseFile string // of the key; "" when it is not encrypted
	KnownHostsFile string // ssh: the hosts that are trusted; others are refused
	Proxy          string `json:"-"` // https: URL of an HTTP proxy, which may hold a password; "" is none, whatever the environment says
}

// String shows no secret.
func (Auth) String() string { return "(credentials)" }

// GoString shows no secret.
func (Auth) GoString() string { return "git.Auth{(credentials)}" }

// A credentials is what one fetch uses. It travels to the child over a pipe.
type credentials struct {
	Username   string `json:"username,omitempty"`
	Password   string `json:"password,omitempty"`
	Key        string `json:"key,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
	KnownHosts string `json:"knownHosts,omitempty"` // the path of the file
	Proxy      string `json:"proxy,omitempty"`
}

func (credentials) String() string   { return "(credentials)" }
func (credentials) GoString() string { return "(credentials)" }

// read gathers what a source asks for.
func (a Auth) read(s source) (c credentials, err error) {
	if s.Scheme == "ssh" {
		if a.KeyFile == "" || a.KnownHostsFile == "" {
			return c, errors.New("ssh needs a key file and a known_hosts file")
		}
		c.Username, c.KnownHosts = s.User, a.KnownHostsFile
		if c.Key, err = secret("the ssh key", a.KeyFile); err != nil {
			return c, err
		}
		if a.PassphraseFile != "" {
			c.Passphrase, err = secret("the passphrase", a.PassphraseFile)
		}
		return c, err
	}
	c.Username, c.Password, c.Proxy = a.Username, a.Password, a.Proxy
	if a.PasswordFile != "" {
		if c.Password, err = secret("the password or token", a.PasswordFile); err != nil {
			return c, err
		}
	}
	if c.Password != "" && c.Username == "" {
		c.Username = "git"
	}
	if !printable(c.Password) || !printable(c.Username) {
		return credentials{}, errors.New("the user, password or token holds characters that cannot be seen")
	}
	return c, nil
}

// maxSecret is the size of a file that holds a secret.
const maxSecret = 64 << 10

// secret reads a file that holds one.
func secret(what, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read %s: others than its owner may read %s: chmod 600", what, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if len(text) == 0 {
		return "", fmt.Errorf("read %s: %s is empty", what, path)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// scrub makes what a remote says fit to be shown: short, on one line, and
// without the secrets that it was told.
func (c credentials) scrub(text string) string {
	text = strings.Join(strings.Fields(clean(text)), " ")
	proxy := ""
	if u, err := url.Parse(c.Proxy); err == nil {
		proxy, _ = u.User.Password()
	}
	for _, s := range []string{c.Password, c.Passphrase, proxy} {
		if s == "" {
			continue
		}
		pair := c.Username + ":" + s
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s),
			base64.StdEncoding.EncodeToString([]byte(pair)), base64.StdEncoding.EncodeToString([]byte(s))} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	if short := []rune(text); len(short) > 300 {
		text = string(short[:300]) + "..."
	}
	return text
}

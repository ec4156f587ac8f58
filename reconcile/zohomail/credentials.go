package zohomail

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"mailops/reconcile/internal/hosted"
)

// Credentials are those of a Self Client of Zoho's API console (§1.1), with a
// refresh token of these scopes: ZohoMail.organization.accounts.ALL and
// ZohoMail.organization.groups.ALL.
type Credentials struct {
	ClientID, ClientSecret, RefreshToken string
}

// The variables that hold credentials, or the name of a file that does.
const (
	EnvClientID     = "MAILOPS_ZOHO_CLIENT_ID"
	EnvClientSecret = "MAILOPS_ZOHO_CLIENT_SECRET"
	EnvRefreshToken = "MAILOPS_ZOHO_REFRESH_TOKEN"
	EnvFile         = "MAILOPS_ZOHO_CREDENTIALS"
)

// ReadCredentials reads credentials from the environment, and what is missing
// there from a file that nobody else may read, with lines such as
// client_id=1000.ABC. Only the environment's names and the file's are in errors.
func ReadCredentials(getenv func(string) string) (Credentials, error) {
	c := Credentials{ClientID: getenv(EnvClientID), ClientSecret: getenv(EnvClientSecret), RefreshToken: getenv(EnvRefreshToken)}
	if file := getenv(EnvFile); file != "" && c.check() != nil {
		if err := c.read(file); err != nil {
			return Credentials{}, fmt.Errorf("read credentials: %w", err)
		}
	}
	if err := c.check(); err != nil {
		return Credentials{}, err
	}
	return c, nil
}

// read fills in what is missing from a file. Other lines than the three, such as
// what mailops-zohosim prints, are left alone.
func (c *Credentials) read(file string) error {
	data, err := hosted.ReadPrivate(file)
	if err != nil {
		return err
	}
	fields := map[string]*string{"client_id": &c.ClientID, "client_secret": &c.ClientSecret, "refresh_token": &c.RefreshToken}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, "=")
		if field := fields[strings.TrimSpace(name)]; field != nil && *field == "" {
			*field = strings.TrimSpace(value)
		}
	}
	return nil
}

func (c Credentials) check() error {
	for _, f := range []struct{ name, value string }{{EnvClientID, c.ClientID}, {EnvClientSecret, c.ClientSecret}, {EnvRefreshToken, c.RefreshToken}} {
		if f.value == "" {
			return fmt.Errorf("credentials of Zoho are missing: %s, or in the file that %s names", f.name, EnvFile)
		}
		if strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New(f.name + " is no credential: it has letters that none has")
		}
	}
	return nil
}

// digest names the credentials without telling them, so that others do not get
// their token.
func (c Credentials) digest(accounts string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{accounts, c.ClientID, c.ClientSecret, c.RefreshToken}, "\n")))
	return hex.EncodeToString(sum[:8])
}

// String is not the credentials.
func (c Credentials) String() string { return "(credentials)" }

// GoString is not the credentials either.
func (c Credentials) GoString() string { return c.String() }

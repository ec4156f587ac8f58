package emailarray

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"mailops/reconcile/internal/hosted"
)

// Credentials are an administrator's, or a sub-administrator's with the rights
// that changes need. Neither can have two-factor sign-in on (§4.2).
type Credentials struct{ Username, Password string }

// The variables that hold credentials, or the name of a file that does.
const (
	EnvUsername = "MAILOPS_EMAILARRAY_USERNAME"
	EnvPassword = "MAILOPS_EMAILARRAY_PASSWORD"
	EnvFile     = "MAILOPS_EMAILARRAY_CREDENTIALS"
)

// ReadCredentials reads credentials from the environment, and what is missing
// there from a file that nobody else may read, with lines such as username=admin.
// Only the environment's names and the file's are in errors.
func ReadCredentials(getenv func(string) string) (Credentials, error) {
	c := Credentials{Username: getenv(EnvUsername), Password: getenv(EnvPassword)}
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

// read fills in what is missing from a file. Other lines than the two, such as
// what mailops-arraysim prints, are left alone. A password can end in a blank.
func (c *Credentials) read(file string) error {
	data, err := hosted.ReadPrivate(file)
	if err != nil {
		return err
	}
	fields := map[string]*string{"username": &c.Username, "password": &c.Password}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if field := fields[strings.TrimSpace(name)]; field != nil && *field == "" {
			*field = value
		}
	}
	return nil
}

func (c Credentials) check() error {
	for _, f := range []struct{ name, value string }{{EnvUsername, c.Username}, {EnvPassword, c.Password}} {
		if f.value == "" {
			return fmt.Errorf("credentials of EmailArray are missing: %s, or in the file that %s names", f.name, EnvFile)
		}
	}
	return nil
}

// digest names the account without telling it, so that others do not share its
// budget.
func (c Credentials) digest(primary string) string {
	sum := sha256.Sum256([]byte(primary + "\n" + c.Username))
	return hex.EncodeToString(sum[:8])
}

// String is not the credentials.
func (c Credentials) String() string { return "(credentials)" }

// GoString is not the credentials either.
func (c Credentials) GoString() string { return c.String() }

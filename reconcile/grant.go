package reconcile

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"mailops/schema"
)

// A Grant lets somebody sign in as a user for a while, with a name and password
// of their own: as user*name, in Dovecot's words a master user. The user's own
// state, services, hours and networks bind it.
type Grant struct {
	Name   string    `json:"name"`   // who signs in
	Target string    `json:"target"` // as whom: an address, or @domain for everybody there
	Backup bool      `json:"backup,omitempty"`
	Hash   string    `json:"-"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

// A Grantor is a store that keeps grants. Every SQL store is one.
type Grantor interface {
	// Grant writes a grant. An earlier one of the same name, target and purpose
	// ends.
	Grant(ctx context.Context, g Grant) error

	// Grants lists them, also those that have ended, without their hashes.
	Grants(ctx context.Context) ([]Grant, error)

	// Revoke ends the grants of a name, all of them when target is "", and returns
	// how many there were. Who could sign in stays to be seen for 90 days.
	Revoke(ctx context.Context, name, target string, now time.Time) (int64, error)
}

// LongestGrant bounds how long a grant lasts: who needs more asks again.
const LongestGrant = 24 * time.Hour

// GrantName is what the name of a grant may be: it is part of a user name at a
// mail server.
var GrantName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Check says what is wrong with a grant at an instant.
func (g Grant) Check(now time.Time) error {
	switch {
	case !GrantName.MatchString(g.Name):
		return fmt.Errorf("%q cannot be the name of a grant: want lower-case letters, digits, dot, dash, underscore", g.Name)
	case g.Reason == "":
		return errors.New("a grant needs a reason")
	case !g.Until.After(now):
		return errors.New("the grant would have ended already")
	case g.Until.After(now.Add(LongestGrant)):
		return fmt.Errorf("a grant lasts %s at most", LongestGrant)
	}
	if rule, message, _ := schema.HashProblem(g.Hash); rule != "" {
		return errors.New(message)
	}
	return nil
}

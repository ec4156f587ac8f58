package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// mostPosted is how many statuses are remembered.
const mostPosted = 256

// A client is a repository at a forge.
type client struct {
	shape   *shape
	base    string
	options Options
	http    *http.Client

	turn   chan struct{} // full while somebody uses what follows
	until  time.Time     // no request before, as the forge asked
	self   int64         // the number of the account whose token this is; 0 is not known
	asked  bool          // whether self was asked for
	posted map[posting]Status
	order  []posting // of posted, oldest first
}

// String keeps the token from whoever prints the client.
func (c *client) String() string { return c.shape.name + " " + c.options.Repo }

// GoString does, too.
func (c *client) GoString() string { return c.String() }

// A posting is what can have one status.
type posting struct{ commit, context string }

// take waits for our turn; the returned function ends it.
func (c *client) take(ctx context.Context) (func(), error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// statusJSON is a status as it is sent; in answers GitLab has other names.
type statusJSON struct {
	State       string `json:"state"`
	Context     string `json:"context"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url,omitempty"`
}

type statusAnswer struct {
	statusJSON
	Status string `json:"status"` // GitLab and Gitea
	Name   string `json:"name"`   // GitLab
}

// SetStatus implements Forge.
func (c *client) SetStatus(ctx context.Context, commit string, s Status) error {
	if !commitID.MatchString(commit) {
		return fmt.Errorf("set a status: %q is no commit", commit)
	}
	s, err := s.tidy()
	if err != nil {
		return fmt.Errorf("set a status: %w", err)
	}
	done, err := c.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	return c.setStatus(ctx, commit, s)
}

func (c *client) setStatus(ctx context.Context, commit string, s Status) error {
	at := posting{commit, s.Context}
	last, known := c.posted[at]
	if known && last == s {
		return nil
	}
	sent := statusJSON{c.shape.states[s.State], s.Context, s.Description, s.URL}
	// After a restart nothing is known, and forges count statuses: GitHub takes
	// 1000 for a commit and context. Whoever may only write, writes.
	if !known {
		if latest, found, err := c.latest(ctx, at); err == nil && found && latest == sent {
			c.remember(at, s)
			return nil
		}
	}
	_, err := c.do(ctx, call{act: "set a status", method: http.MethodPost, path: c.path(c.shape.status, commit, 0, 0), body: sent})
	if err != nil && !c.stands(ctx, at, sent, err) {
		return err
	}
	c.remember(at, s)
	return nil
}

// stands reports a status that was refused because it is pending already.
// GitLab says 400 "Cannot transition status via :enqueue from :pending".
func (c *client) stands(ctx context.Context, at posting, sent statusJSON, err error) bool {
	var refused *Error
	if !c.shape.pendingOnce || sent.State != c.shape.states[Pending] || !errors.As(err, &refused) || refused.Code != http.StatusBadRequest {
		return false
	}
	latest, found, err := c.latest(ctx, at)
	return err == nil && found && latest.State == sent.State
}

// latest returns the status that a commit has in a context.
func (c *client) latest(ctx context.Context, at posting) (latest statusJSON, found bool, err error) {
	query := make(url.Values)
	if c.shape.named != "" {
		query.Set(c.shape.named, at.context)
	}
	err = pages(ctx, c, "list statuses", c.path(c.shape.statuses, at.commit, 0, 0), query, mostPages, func(s *statusAnswer) bool {
		if s.State == "" {
			s.State = s.Status
		}
		if s.Context == "" {
			s.Context = s.Name
		}
		if s.Context == at.context {
			latest, found = s.statusJSON, true
		}
		return !found
	})
	return latest, found, err
}

func (c *client) remember(at posting, s Status) {
	if _, known := c.posted[at]; !known {
		if c.order = append(c.order, at); len(c.order) > mostPosted {
			delete(c.posted, c.order[0])
			c.order = c.order[1:]
		}
	}
	c.posted[at] = s
}

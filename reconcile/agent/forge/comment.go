package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// mostPulls is how many pull requests are told of one commit.
const mostPulls = 10

// pull is a pull request, or GitLab's merge request.
type pull struct {
	Number   int64   `json:"number"`
	IID      int64   `json:"iid"`   // GitLab
	State    string  `json:"state"` // open and closed; GitLab: opened, closed, locked, merged
	Merged   bool    `json:"merged"`
	MergedAt *string `json:"merged_at"`
	Head     struct {
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Repo struct {
			FullName string `json:"full_name"`
		} `json:"repo"`
	} `json:"base"`
}

// comment is a comment, or GitLab's note.
type comment struct {
	ID     int64  `json:"id"`
	Body   string `json:"body"`
	System bool   `json:"system"` // GitLab's own
	User   struct {
		ID   int64  `json:"id"`
		Type string `json:"type"` // GitHub: User or Bot
	} `json:"user"`
	Author struct {
		ID int64 `json:"id"`
	} `json:"author"` // GitLab
}

// Comment implements Forge.
func (c *client) Comment(ctx context.Context, commit, marker, body string) error {
	if !commitID.MatchString(commit) {
		return fmt.Errorf("comment: %q is no commit", commit)
	}
	text, done, err := c.begin(ctx, marker, body)
	if err != nil {
		return err
	}
	defer done()
	numbers, err := c.pulls(ctx, commit)
	if err != nil {
		return err
	}
	var failed []error
	if len(numbers) > mostPulls {
		failed = append(failed, fmt.Errorf("commit %s is in %d pull requests: only %d are told", commit, len(numbers), mostPulls))
		numbers = numbers[:mostPulls]
	}
	for _, number := range numbers {
		failed = append(failed, c.say(ctx, number, marker, text))
	}
	return errors.Join(failed...)
}

// CommentOn implements Commenter.
func (c *client) CommentOn(ctx context.Context, number int64, marker, body string) error {
	if number <= 0 {
		return fmt.Errorf("comment: %d is no pull request", number)
	}
	text, done, err := c.begin(ctx, marker, body)
	if err != nil {
		return err
	}
	defer done()
	return c.say(ctx, number, marker, text)
}

// begin makes a text ready, waits for this client's turn, and finds out who it
// is. done gives the turn on.
func (c *client) begin(ctx context.Context, marker, body string) (text string, done func(), err error) {
	if text, err = c.text(marker, body); err != nil {
		return "", nil, err
	}
	if done, err = c.take(ctx); err != nil {
		return "", nil, err
	}
	if err := c.introduce(ctx); err != nil {
		done()
		return "", nil, err
	}
	return text, done, nil
}

// text is a comment as the forge takes it.
func (c *client) text(marker, body string) (string, error) {
	if !markers.MatchString(marker) || strings.Contains(marker[4:len(marker)-3], "--") {
		return "", fmt.Errorf("comment: %q is no marker, such as <!-- mailops -->", marker)
	}
	if c.shape.actions {
		body = withoutActions(body)
	}
	return fit(marker, body, c.shape.most), nil
}

// introduce asks who we are. An app of GitHub and a token of few rights are not
// told, which is no error.
func (c *client) introduce(ctx context.Context) error {
	if c.asked {
		return nil
	}
	var me struct {
		ID int64 `json:"id"`
	}
	_, err := c.do(ctx, call{act: "ask for our account", method: http.MethodGet, path: c.shape.user, read: one(&me)})
	if err != nil && !answers(err, http.StatusForbidden) && !answers(err, http.StatusNotFound) {
		return err
	}
	c.self, c.asked = me.ID, true
	return nil
}

// answers reports an error with a certain HTTP status.
func answers(err error, code int) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == code && refused.Until.IsZero()
}

// pulls returns the numbers of the open and merged pull requests that contain a
// commit, in order.
func (c *client) pulls(ctx context.Context, commit string) ([]int64, error) {
	var found []int64
	for _, f := range c.shape.find {
		visit := func(p *pull) bool {
			if !f.byHead || p.Head.SHA == commit {
				if number, ok := c.told(p); ok {
					found = append(found, number)
				}
			}
			return true
		}
		if err := c.search(ctx, f, commit, visit); err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (c *client) search(ctx context.Context, f find, commit string, visit func(*pull) bool) error {
	const act = "find pull requests"
	path := c.path(f.path, commit, 0, 0)
	if f.one {
		p := new(pull)
		_, err := c.do(ctx, call{act: act, method: http.MethodGet, path: path, read: one(p)})
		if answers(err, http.StatusNotFound) {
			return nil
		}
		if err == nil {
			visit(p)
		}
		return err
	}
	query, err := url.ParseQuery(f.query)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	limit := mostPages
	if f.pages > 0 {
		limit = f.pages
	}
	err = pages(ctx, c, act, path, query, limit, visit)
	if f.pages > 0 && errors.Is(err, errPages) {
		return nil // the newest were looked at
	}
	return err
}

// told returns the number of a pull request that people still look at: one that
// was closed without merging is over. What lies in another repository has
// numbers of its own.
func (c *client) told(p *pull) (int64, bool) {
	if name := p.Base.Repo.FullName; name != "" && !strings.EqualFold(name, c.options.Repo) {
		return 0, false
	}
	alive := p.State != "closed" || p.Merged || p.MergedAt != nil
	number := max(p.Number, p.IID)
	return number, alive && number > 0
}

// say makes the comment on a pull request, or edits the one that is there. A
// comment that may have been made although its answer was lost is looked for
// before another is made.
func (c *client) say(ctx context.Context, number int64, marker, text string) error {
	for attempt := 0; ; attempt++ {
		mine, err := c.mine(ctx, number, marker)
		if err != nil {
			return err
		}
		err = c.write(ctx, number, mine, text)
		if err == nil || attempt == 2 {
			return err
		}
		var refused *Error
		again := errors.As(err, &refused) && refused.Temporary && refused.Until.IsZero()
		gone := mine != nil && answers(err, http.StatusNotFound) // somebody deleted it just now
		if !again && !gone {
			return err
		}
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

func (c *client) write(ctx context.Context, number int64, mine *comment, text string) error {
	body := map[string]string{"body": text}
	if mine == nil {
		_, err := c.do(ctx, call{act: "comment", method: http.MethodPost, path: c.path(c.shape.comments, "", number, 0), body: body, once: true})
		return err
	}
	if sameText(mine.Body, text) {
		return nil
	}
	_, err := c.do(ctx, call{act: "edit a comment", method: c.shape.editing, path: c.path(c.shape.edit, "", number, mine.ID), body: body})
	return err
}

// sameText compares what we wrote with what a forge kept of it.
func sameText(a, b string) bool {
	plain := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return plain(a) == plain(b)
}

// mine returns our oldest comment with the marker, or nil.
func (c *client) mine(ctx context.Context, number int64, marker string) (*comment, error) {
	var oldest *comment
	query, err := url.ParseQuery(c.shape.oldest)
	if err != nil {
		return nil, err
	}
	err = pages(ctx, c, "list comments", c.path(c.shape.comments, "", number, 0), query, mostPages, func(one *comment) bool {
		if strings.HasPrefix(one.Body, marker) && c.isMine(one) {
			oldest = one
		}
		return oldest == nil
	})
	return oldest, err
}

func (c *client) isMine(one *comment) bool {
	switch {
	case one.System || one.ID <= 0:
		return false
	case c.self != 0:
		return cmp.Or(one.User.ID, one.Author.ID) == c.self // below zero: Gitea's actions
	case c.shape.bots:
		return one.User.Type == "Bot"
	}
	return true
}

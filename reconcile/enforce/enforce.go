// Package enforce ends what a mail server began before access was taken away.
// Rows in the store bind the next sign-in and the next message; a session that
// is open already, and an answer that Dovecot's auth cache holds, are not asked
// for again. Enforce watches the store, asks it about the users whose sessions
// are open, and ends the sessions that a sign-in would not begin now.
// Imports: reconcile, schema and the standard library.
package enforce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// A MailServer is where sessions are open.
type MailServer interface {
	// Sessions lists the open ones: one of each user, service and set of
	// addresses.
	Sessions(ctx context.Context) ([]Session, error)

	// Kick ends every session of a user. That there is none is no error.
	Kick(ctx context.Context, user schema.Address) error

	// Flush forgets the cached answers about users; none: about everybody.
	Flush(ctx context.Context, users []schema.Address) error
}

// A Session is open at a mail server.
type Session struct {
	User    schema.Address
	Service string   // as the mail server names it: imap, pop3, sieve
	IPs     []string // where the client is, as far as the server knows
}

// Options says how to enforce. The zero value is for a Dovecot without an auth
// cache.
type Options struct {
	Cache bool         // flush the auth cache for those who are touched
	Log   *slog.Logger // what was ended and why, and what did not work; nil is silent
}

// The times of the loop.
const (
	// again is how long after a change one looks once more: a sign-in that was
	// on its way is a session by then.
	again = time.Second
	// pace is the shortest time between two looks, however many changes there are.
	pace = 100 * time.Millisecond
	// firstRetry and lastRetry bound how long one waits to try once more.
	firstRetry, lastRetry = 250 * time.Millisecond, 30 * time.Second
)

// Run enforces until ctx ends, whose error it returns. It looks when the store
// changes, shortly after that once more, and at each full minute, when access
// hours begin and end. What a mail server did not take is tried again.
func Run(ctx context.Context, gate reconcile.Gate, server MailServer, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	notices := make(chan reconcile.Notice)
	go func() {
		defer close(notices)
		for notice := range gate.Watch(ctx) {
			select {
			case notices <- notice:
			case <-ctx.Done():
				return
			}
		}
	}()
	e := &enforcer{gate: gate, server: server, Options: o, flushAll: o.Cache, changed: true}
	return e.loop(ctx, notices)
}

// An enforcer is the loop with what it remembers.
type enforcer struct {
	Options
	gate   reconcile.Gate
	server MailServer

	known   map[schema.Address]reconcile.Access // of the users with open sessions, when one last looked
	changed bool                                // something may have changed since: sessions that began meanwhile may be older than the change

	// The queue: what is still to be done.
	flushAll bool
	flush    []schema.Address
	kick     map[schema.Address]string // with the reason
}

func (e *enforcer) loop(ctx context.Context, notices <-chan reconcile.Notice) error {
	retry := firstRetry
	var looked, more time.Time // when one last looked, and when once more
	next := time.Now()         // the first look is at once
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case notice, open := <-notices:
			timer.Stop()
			if !open {
				return ctx.Err()
			}
			e.note(notice)
			e.changed = true
			more = time.Now().Add(again)
			next = earlier(next, looked.Add(pace))
			continue
		case <-timer.C:
		}
		looked = time.Now()
		next = looked.Truncate(time.Minute).Add(time.Minute)
		e.changed = e.changed || !more.IsZero()
		if more.After(looked) {
			next = earlier(next, more)
		} else {
			more = time.Time{}
		}
		switch err := e.look(ctx); {
		case err == nil:
			retry = firstRetry
		case ctx.Err() == nil:
			e.Log.Warn("enforce: will try again", "error", err, "after", retry)
			next = earlier(next, time.Now().Add(retry))
			retry = min(2*retry, lastRetry)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// note queues whose cached answers are out of date.
func (e *enforcer) note(n reconcile.Notice) {
	switch {
	case !e.Cache:
	case len(n.Users) == 0:
		e.flushAll = true
	default:
		e.flush = append(e.flush, n.Users...)
	}
}

// look flushes what is queued, compares the open sessions with what the store
// says now, and ends those that it would not let in.
func (e *enforcer) look(ctx context.Context) error {
	flushed := e.flushCache(ctx)
	sessions, err := e.server.Sessions(ctx)
	if err != nil {
		return errors.Join(flushed, fmt.Errorf("list sessions: %w", err))
	}
	byUser := make(map[schema.Address][]Session)
	for _, s := range sessions {
		byUser[s.User] = append(byUser[s.User], s)
	}
	users := make([]schema.Address, 0, len(byUser))
	for user := range byUser {
		users = append(users, user)
	}
	slices.Sort(users)
	access, err := e.gate.Access(ctx, users)
	if err != nil {
		return errors.Join(flushed, err)
	}
	e.queue(byUser, users, access)
	e.known, e.changed = access, false
	return errors.Join(flushed, e.kickQueued(ctx))
}

func (e *enforcer) flushCache(ctx context.Context) error {
	if !e.flushAll && len(e.flush) == 0 {
		return nil
	}
	users := e.flush
	if e.flushAll {
		users = nil
	}
	if err := e.server.Flush(ctx, users); err != nil {
		return fmt.Errorf("flush the auth cache: %w", err)
	}
	e.flush, e.flushAll = nil, false
	return nil
}

// queue decides whose sessions end. Who has none any more needs no kick.
func (e *enforcer) queue(sessions map[schema.Address][]Session, users []schema.Address, access map[schema.Address]reconcile.Access) {
	queued := make(map[schema.Address]string)
	for _, user := range users {
		now, exists := access[user]
		was, knew := e.known[user]
		reason := e.kick[user]
		switch {
		case !exists:
			reason = "the account is gone"
		case reason == "":
			reason = verdict(sessions[user], was, knew, e.changed, now)
		}
		if reason != "" {
			queued[user] = reason
		}
	}
	e.kick = queued
}

func (e *enforcer) kickQueued(ctx context.Context) error {
	var all []error
	for user, reason := range e.kick {
		if err := e.server.Kick(ctx, user); err != nil {
			all = append(all, fmt.Errorf("end the sessions of %s: %w", user, err))
			continue
		}
		e.Log.Info("sessions ended", "user", user, "reason", reason)
		delete(e.kick, user)
	}
	return errors.Join(all...)
}

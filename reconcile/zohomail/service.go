package zohomail

import (
	"context"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// A Service is an organization as a store of declarations needs it: a
// [piecemeal.Service]. Requests for tokens are in none of its counts: they are no
// part of the budget.
type Service struct{ *Client }

// Shown implements [piecemeal.Service].
func (s Service) Shown(r schema.Resource) schema.Resource { return s.Settings.shown(r) }

// Newcomer implements [piecemeal.Service]: a new user is active, and a group has
// its members from the beginning.
func (s Service) Newcomer(want schema.Resource) schema.Resource {
	if u, ok := want.(*schema.User); ok {
		return newcomer(u)
	}
	return want
}

// Operations implements [piecemeal.Service].
func (s Service) Operations(before, after schema.Resource, handles piecemeal.Handles) ([]piecemeal.Operation, error) {
	return s.API.operations(before, after, handles)
}

// Password implements [piecemeal.Service].
func (s Service) Password(live *schema.User, secret string, once bool, handles piecemeal.Handles) (hosted.Call, error) {
	id, err := idOf(live.Address, handles)
	return s.API.ResetPassword(id, secret, once), err
}

// Do implements [piecemeal.Service]. Nobody has to know the password of a new
// mailbox: it is good for one sign-in, and who gets the mailbox is given another. An
// error without words can be that it was so already (§1.2).
func (s Service) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	answer := s.Client.Do(ctx, call, secrets.WithPasswords(call, passwordOf))
	if answer.Outcome == hosted.Refused && answer.Text == "" {
		answer.Outcome = hosted.Unknown
	}
	return answer
}

// Handle implements [piecemeal.Service]. Aliases are named by their address.
func (s Service) Handle(key schema.Key, answer hosted.Answer) string {
	switch key.Kind {
	case schema.KindUser:
		if id, ok := NewID(answer.Data); ok {
			return id.handle()
		}
	case schema.KindList:
		if g, err := ParseGroup(answer.Data); err == nil {
			return g.ZGID
		}
	default:
		return key.Name
	}
	return ""
}

// Cost implements [piecemeal.Service]: a request for each call.
func (s Service) Cost(calls []hosted.Call) int { return len(calls) }

// Lacks implements [piecemeal.Service].
func (s Service) Lacks() []reconcile.Lack { return s.Settings.lacks() }

// Together implements [piecemeal.Service]: a status is told by whether mail is let
// in (§1.6), and a kept copy by its forward (§1.4).
func (s Service) Together() [][]string {
	return [][]string{{"status", "mailboxActions.incoming"}, {"forwarding.to", "forwarding.keepCopy"}}
}

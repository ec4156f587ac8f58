package emailarray

import (
	"context"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// A Service is an account as a store of declarations needs it: a
// [piecemeal.Service]. How often an administrator signs in, once in the life of a
// token, is in none of its counts.
type Service struct{ *Client }

// Shown implements [piecemeal.Service].
func (s Service) Shown(r schema.Resource) schema.Resource { return s.options.shown(r) }

// Newcomer implements [piecemeal.Service].
func (s Service) Newcomer(want schema.Resource) schema.Resource { return s.options.newcomer(want) }

// Operations implements [piecemeal.Service]. There are no handles: everything is
// named by its address.
func (s Service) Operations(before, after schema.Resource, _ piecemeal.Handles) ([]piecemeal.Operation, error) {
	return s.options.operations(before, after)
}

// Handle implements [piecemeal.Service]: what was created is named as it was asked
// for, so that it does not have to be looked up.
func (s Service) Handle(key schema.Key, _ hosted.Answer) string { return key.Name }

// Password implements [piecemeal.Service]. Nothing documented demands of a user to
// choose another one.
func (s Service) Password(live *schema.User, secret string, once bool, _ piecemeal.Handles) (hosted.Call, error) {
	if once {
		return hosted.Call{}, reconcile.ErrNotOnce
	}
	user := s.options.shownUser(live)
	return SetPassword(user, secret), s.options.unfit(user)
}

// Do implements [piecemeal.Service]. Nobody has to know the password of a new
// mailbox: who gets it is given one of their own.
func (s Service) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	return s.Client.Do(ctx, call, secrets.WithPasswords(call, userPassword))
}

// Cost implements [piecemeal.Service]: a request for each call, and two for the
// token of each user whose own some of them are.
func (s Service) Cost(calls []hosted.Call) int {
	users := make(map[schema.Address]bool)
	for _, c := range calls {
		if user := userOf(c); user != "" {
			users[user] = true
		}
	}
	return len(calls) + 2*len(users)
}

// Lacks implements [piecemeal.Service].
func (s Service) Lacks() []reconcile.Lack { return s.options.lacks() }

// Together implements [piecemeal.Service]: each field is told apart by itself.
func (s Service) Together() [][]string { return nil }

// Licences are the limits of the subscription, as the rule licence-limit takes
// them. It is one request.
func (s Service) Licences(ctx context.Context) (schema.Licences, error) {
	f, err := s.Figures(ctx)
	return f.Licences(), err
}

package piecemeal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// newPassword names the secret that the journal has instead of a password.
const newPassword = "new password"

// SetPassword implements [reconcile.Passwords].
func (s *Store) SetPassword(ctx context.Context, p reconcile.NewPassword) (once bool, err error) {
	err = s.alone(ctx, func() error { return s.setPassword(ctx, &p) })
	if err != nil {
		return false, fmt.Errorf("set the password of %s: %w", p.User, err)
	}
	return p.Once, nil
}

// setPassword leaves in p whether the password holds for one sign-in.
func (s *Store) setPassword(ctx context.Context, p *reconcile.NewPassword) error {
	key := schema.Key{Kind: schema.KindUser, Name: string(p.User)}
	v, err := s.look(ctx, []schema.Key{key})
	if err != nil {
		return err
	}
	user, ok := v.state.Find(key).(*schema.User)
	if !ok {
		return reconcile.ErrNoUser
	}
	call, err := s.service.Password(user, newPassword, p.Once, v.handles)
	if errors.Is(err, reconcile.ErrNotOnce) && !p.Must {
		p.Once = false
		call, err = s.service.Password(user, newPassword, false, v.handles)
	}
	if err != nil {
		return err
	}
	id, err := s.mirror.Enter(ctx, reconcile.Run{Actor: p.Actor}, s.now())
	if err != nil {
		return err
	}
	answer, err := s.ask(ctx, id, key, call, hosted.Secrets{newPassword: p.Text})
	if err != nil {
		return err
	}
	if answer.Outcome.Stops() {
		return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, answer.Err(call.Name))
	}
	return answer.Err(call.Name)
}

// ask sends the one call of an entry of the journal, and writes there what became of
// it. Nothing reads a password back.
func (s *Store) ask(ctx context.Context, id int64, key schema.Key, call hosted.Call, secrets hosted.Secrets) (hosted.Answer, error) {
	book, err := s.mirror.Journal(ctx, id)
	if err != nil {
		return hosted.Answer{}, err
	}
	defer book.Close()
	text, err := json.Marshal(call)
	if err != nil {
		return hosted.Answer{}, err
	}
	line := sqlstore.Operation{Key: key, Call: text, State: sqlstore.Sent, At: s.now()}
	if err := book.Write(ctx, line); err != nil {
		return hosted.Answer{}, err
	}
	answer := s.service.Do(ctx, call, secrets)
	return answer, book.Mark(ctx, []sqlstore.Operation{marked(line, answer, s.now())})
}

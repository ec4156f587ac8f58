package mem

import (
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// secrets checks that the hash of every password that the batch sets is at hand.
func (s *Store) secrets(b reconcile.Batch) error {
	touched := make(map[schema.Secret]bool)
	for _, c := range b.Changes {
		if u, ok := s.rows[c.Key].(*schema.User); ok {
			touched[u.Password] = true
		}
	}
	for _, c := range b.Changes {
		f := c.Field("password")
		if f == nil || f.After == "" || c.Op == reconcile.OpDelete {
			continue
		}
		secret, err := fingerprint(f.After)
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Op, c.Key, err)
		}
		if hash, given := b.Secrets[secret]; given && schema.Fingerprint(hash) == secret || !given && (touched[secret] || s.replaced[secret]) {
			continue
		}
		return fmt.Errorf("%s %s: %w", c.Op, c.Key, reconcile.ErrNoSecret)
	}
	return nil
}

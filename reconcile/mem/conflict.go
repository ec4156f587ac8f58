package mem

import (
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// conflicts compares the rows with what the changes saw; next are the rows that
// the changes would leave.
func (s *Store) conflicts(changes []reconcile.Change, next map[schema.Key]schema.Resource) []reconcile.Conflict {
	var out []reconcile.Conflict
	used := make(map[string]bool) // domains that have addresses in next
	for key := range next {
		if key.Kind != schema.KindDomain {
			used[key.Domain()] = true
		}
	}
	for _, c := range changes {
		if reason := s.conflict(c, next, used); reason != "" {
			out = append(out, reconcile.Conflict{Key: c.Key, Reason: reason})
		}
	}
	return append(out, missingDomains(changes, next, s.rows)...)
}

func (s *Store) conflict(c reconcile.Change, next map[schema.Key]schema.Resource, used map[string]bool) string {
	before := s.rows[c.Key]
	switch {
	case c.Op == reconcile.OpCreate && before != nil:
		return reconcile.ReasonExists
	case c.Op == reconcile.OpCreate && taken(c.Key, next):
		return reconcile.ReasonTaken
	case c.Op == reconcile.OpCreate:
		return ""
	case before == nil:
		return reconcile.ReasonGone
	case schema.Version(before) != c.Version:
		return reconcile.ReasonChanged
	case c.Op == reconcile.OpDelete && c.Kind == schema.KindDomain && used[c.Name]:
		return reconcile.ReasonInUse
	}
	return ""
}

// taken reports whether another kind has the address in the end.
func taken(key schema.Key, next map[schema.Key]schema.Resource) bool {
	for _, kind := range schema.LiveKinds[1:] {
		if kind != key.Kind && key.Kind != schema.KindDomain && next[schema.Key{Kind: kind, Name: key.Name}] != nil {
			return true
		}
	}
	return false
}

// missingDomains names the domains that created addresses need: they must be
// there, and may not be on their way out.
func missingDomains(changes []reconcile.Change, next, rows map[schema.Key]schema.Resource) []reconcile.Conflict {
	var out []reconcile.Conflict
	named := make(map[string]bool)
	for _, c := range changes {
		key := schema.Key{Kind: schema.KindDomain, Name: c.Domain()}
		if c.Op != reconcile.OpCreate || c.Kind == schema.KindDomain || named[key.Name] {
			continue
		}
		named[key.Name] = true
		if next[key] == nil && rows[key] == nil {
			out = append(out, reconcile.Conflict{Key: key, Reason: reconcile.ReasonGone})
		}
	}
	return out
}

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

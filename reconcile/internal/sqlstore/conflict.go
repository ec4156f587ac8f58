package sqlstore

import (
	"mailops/reconcile"
	"mailops/schema"
)

// conflicts compares every touched row with what its change saw.
func (a *apply) conflicts() error {
	left, err := a.left()
	if err != nil {
		return err
	}
	var found []reconcile.Conflict
	for i := range a.steps {
		s := &a.steps[i]
		if reason := a.conflict(s, left); reason != "" {
			found = append(found, reconcile.Conflict{Key: s.change.Key, Reason: reason})
		}
	}
	if found = append(found, a.missingDomains()...); len(found) > 0 {
		return &reconcile.ConflictError{Conflicts: found}
	}
	return nil
}

func (a *apply) conflict(s *step, left map[string]int64) string {
	switch {
	case s.change.Op == reconcile.OpCreate && s.before != nil:
		return reconcile.ReasonExists
	case s.change.Op == reconcile.OpCreate && a.taken(s.change.Key):
		return reconcile.ReasonTaken
	case s.change.Op == reconcile.OpCreate:
		return ""
	case s.before == nil:
		return reconcile.ReasonGone
	case schema.Version(s.before.resource()) != s.change.Version:
		return reconcile.ReasonChanged
	case s.change.Op == reconcile.OpDelete && s.change.Kind == schema.KindDomain && left[s.change.Name] > 0:
		return reconcile.ReasonInUse
	}
	return ""
}

// taken looks for a resource of another kind that has the address now and when
// the batch is done, or that the batch creates as well.
func (a *apply) taken(key schema.Key) bool {
	if key.Kind == schema.KindDomain {
		return false
	}
	for _, kind := range schema.LiveKinds[1:] {
		other := schema.Key{Kind: kind, Name: key.Name}
		switch {
		case kind == key.Kind:
		case a.step(other, reconcile.OpCreate) != nil:
			return true
		case a.rows[other] != nil && a.step(other, reconcile.OpDelete) == nil:
			return true
		}
	}
	return false
}

// addressesOf counts the addresses of the domains that go, by kind.
var addressesOf = "SELECT domain, count(*) FROM mailuser WHERE domain IN (" + words(stagedDropped) + ") GROUP BY domain" +
	" UNION ALL SELECT domain, count(*) FROM address WHERE kind = 'alias' AND domain IN (" + words(stagedDropped) + ") GROUP BY domain" +
	" UNION ALL SELECT domain, count(*) FROM listprop WHERE domain IN (" + words(stagedDropped) + ") GROUP BY domain"

// left counts the addresses that the domains that go have when the batch is
// done.
func (a *apply) left() (map[string]int64, error) {
	if a.staged.count[stagedDropped] == 0 {
		return nil, nil
	}
	left := make(map[string]int64)
	rows := a.Query(addressesOf)
	defer rows.Close()
	for rows.Next() {
		v := rows.Values()
		left[text(v[0])] += v[1].(int64)
	}
	for i := range a.steps {
		switch s := &a.steps[i]; {
		case s.change.Kind == schema.KindDomain:
		case s.change.Op == reconcile.OpCreate:
			left[s.change.Domain()]++
		case s.change.Op == reconcile.OpDelete && s.before != nil:
			left[s.change.Domain()]--
		}
	}
	return left, rows.Err()
}

// missingDomains names the domains that created addresses need and nobody has.
func (a *apply) missingDomains() []reconcile.Conflict {
	var out []reconcile.Conflict
	known := make(map[string]bool)
	for i := range a.steps {
		c := a.steps[i].change
		if c.Op != reconcile.OpCreate || c.Kind == schema.KindDomain || known[c.Domain()] {
			continue
		}
		known[c.Domain()] = true
		key := schema.Key{Kind: schema.KindDomain, Name: c.Domain()}
		if a.rows[key] == nil && a.step(key, reconcile.OpCreate) == nil {
			out = append(out, reconcile.Conflict{Key: key, Reason: reconcile.ReasonGone})
		}
	}
	return out
}

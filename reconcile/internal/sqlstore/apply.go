package sqlstore

import (
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// Apply carries out a batch in the transaction of c, which must be the only one
// that writes, and records it. On an error the caller rolls back: Apply reads
// every touched row before it writes the first, so a conflict wrote nothing,
// and a fault may have.
func Apply(c Conn, b reconcile.Batch) (int64, error) {
	b.Changes = reconcile.Order(slices.Clone(b.Changes))
	a := apply{Conn: c, batch: &b, steps: make([]step, len(b.Changes)), at: make(map[schema.Key]int, len(b.Changes)), replaced: make(schema.Secrets)}
	if err := a.read(); err != nil {
		return 0, err
	}
	if err := a.conflicts(); err != nil {
		return 0, err
	}
	if err := a.compute(); err != nil {
		return 0, err
	}
	for i := range a.steps {
		if err := a.write(&a.steps[i]); err != nil {
			return 0, fmt.Errorf("%s %s: %w", a.steps[i].change.Op, a.steps[i].change.Key, err)
		}
	}
	return a.record()
}

// An apply is a batch on its way.
type apply struct {
	Conn
	batch    *reconcile.Batch
	steps    []step
	at       map[schema.Key]int // where in steps a key is
	replaced schema.Secrets     // the hashes of the touched rows
}

// A step is one change with the row that it meets and the row that it leaves.
type step struct {
	change *reconcile.Change
	before *stored
	after  schema.Resource
	heir   *stored // whose mailbox the new user takes over
}

// read fetches the touched rows.
func (a *apply) read() error {
	for i := range a.steps {
		s := &a.steps[i]
		s.change = &a.batch.Changes[i]
		if err := Check(s.change.Key); err != nil {
			return err
		}
		if _, twice := a.at[s.change.Key]; twice {
			return fmt.Errorf("the batch changes %s twice", s.change.Key)
		}
		a.at[s.change.Key] = i
		var err error
		if s.before, err = find(a, s.change.Key); err != nil {
			return err
		}
		if s.before != nil {
			a.replaced.Add(s.before.hash)
		}
	}
	return nil
}

// step returns what the batch does to a key; nil is nothing of that kind.
func (a *apply) step(key schema.Key, op reconcile.Op) *step {
	i, ok := a.at[key]
	if !ok || a.steps[i].change.Op != op {
		return nil
	}
	return &a.steps[i]
}

// conflicts compares every touched row with what its change saw.
func (a *apply) conflicts() error {
	var found []reconcile.Conflict
	for i := range a.steps {
		reason, err := a.conflict(&a.steps[i])
		if err != nil {
			return err
		}
		if reason != "" {
			found = append(found, reconcile.Conflict{Key: a.steps[i].change.Key, Reason: reason})
		}
	}
	missing, err := a.missingDomains()
	if err != nil {
		return err
	}
	if found = append(found, missing...); len(found) > 0 {
		return &reconcile.ConflictError{Conflicts: found}
	}
	return nil
}

func (a *apply) conflict(s *step) (string, error) {
	switch {
	case s.change.Op == reconcile.OpCreate && s.before != nil:
		return reconcile.ReasonExists, nil
	case s.change.Op == reconcile.OpCreate:
		return a.taken(s.change.Key)
	case s.before == nil:
		return reconcile.ReasonGone, nil
	case schema.Version(s.before.resource()) != s.change.Version:
		return reconcile.ReasonChanged, nil
	case s.change.Op == reconcile.OpDelete && s.change.Kind == schema.KindDomain:
		return a.inUse(s.change.Name)
	}
	return "", nil
}

// taken looks for a resource of another kind that has the address now and when
// the batch is done, or that the batch creates as well.
func (a *apply) taken(key schema.Key) (string, error) {
	if key.Kind == schema.KindDomain {
		return "", nil
	}
	domain, local := place(key.Address())
	holder, err := one(a, "SELECT kind FROM address WHERE domain = $1 AND local = $2", domain, local)
	if err != nil {
		return "", err
	}
	for _, kind := range schema.LiveKinds[1:] {
		other := schema.Key{Kind: kind, Name: key.Name}
		switch {
		case kind == key.Kind:
		case a.step(other, reconcile.OpCreate) != nil:
			return reconcile.ReasonTaken, nil
		case holder != nil && holder[0] == kindNames[kind] && a.step(other, reconcile.OpDelete) == nil:
			if found, err := find(a, other); err != nil || found != nil {
				return reconcile.ReasonTaken, err
			}
		}
	}
	return "", nil
}

// kindNames are the kinds as the table address writes them.
var kindNames = map[schema.Kind]string{schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}

// inUse reports a domain that has addresses when the batch is done.
func (a *apply) inUse(domain string) (string, error) {
	left, err := number(a, "SELECT (SELECT count(*) FROM mailuser WHERE domain = $1)"+
		" + (SELECT count(*) FROM address WHERE domain = $1 AND kind = 'alias')"+
		" + (SELECT count(*) FROM listprop WHERE domain = $1)", domain)
	if err != nil {
		return "", err
	}
	for i := range a.steps {
		switch c := a.steps[i].change; {
		case c.Kind == schema.KindDomain || c.Domain() != domain:
		case c.Op == reconcile.OpCreate:
			left++
		case c.Op == reconcile.OpDelete && a.steps[i].before != nil:
			left--
		}
	}
	if left > 0 {
		return reconcile.ReasonInUse, nil
	}
	return "", nil
}

// missingDomains names the domains that created addresses need and nobody has.
func (a *apply) missingDomains() ([]reconcile.Conflict, error) {
	var out []reconcile.Conflict
	known := make(map[string]bool)
	for i := range a.steps {
		c := a.steps[i].change
		if c.Op != reconcile.OpCreate || c.Kind == schema.KindDomain || known[c.Domain()] {
			continue
		}
		known[c.Domain()] = true
		key := schema.Key{Kind: schema.KindDomain, Name: c.Domain()}
		found, err := find(a, key)
		if err != nil {
			return nil, err
		}
		if found == nil && a.step(key, reconcile.OpCreate) == nil {
			out = append(out, reconcile.Conflict{Key: key, Reason: reconcile.ReasonGone})
		}
	}
	return out, nil
}

// compute works out the rows that the batch leaves, and who inherits from whom:
// of several that name one user, the first.
func (a *apply) compute() error {
	inherited := make(map[*step]bool)
	for i := range a.steps {
		s := &a.steps[i]
		var err error
		if s.after, err = s.change.Apply(s.before.resource()); err != nil {
			return err
		}
		if s.after == nil {
			continue
		}
		schema.Normalize(s.after)
		from := a.step(schema.Key{Kind: schema.KindUser, Name: string(s.change.From)}, reconcile.OpDelete)
		if s.change.Kind == schema.KindUser && s.change.Op == reconcile.OpCreate && from != nil && !inherited[from] {
			inherited[from] = true
			s.heir = from.before
		}
	}
	return nil
}

// hash finds the hash that a change sets: given with the batch, of a row that
// the batch touches, or remembered.
func (a *apply) hash(f schema.Secret) (string, error) {
	if f == "" {
		return "", nil
	}
	hash, ok := a.batch.Secrets[f]
	if !ok {
		hash, ok = a.replaced[f]
	}
	if !ok {
		values, err := one(a, "SELECT hash FROM mailops_secret WHERE fingerprint = $1", string(f))
		if err != nil {
			return "", err
		}
		if values != nil {
			hash = text(values[0])
		}
	}
	if schema.Fingerprint(hash) != f {
		return "", reconcile.ErrNoSecret
	}
	return hash, nil
}

package sqlstore

import (
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// Apply carries out a batch in the transaction of c, which must be the only one
// that writes, and records it as a run with this token. On an error the caller
// rolls back: nothing but the staging table is written before every touched row
// was read, so a conflict changed nothing, and a fault may have.
//
// The number of statements does not depend on the number of changes but by one
// for every few thousand: keys are staged, rows read and written in sets.
func Apply(c Conn, d Dialect, b reconcile.Batch, token string) (int64, error) {
	if err := fence(c, d, b.Epoch); err != nil {
		return 0, err
	}
	a, err := carry(c, d, b)
	if err != nil {
		return 0, err
	}
	a.inserts, a.updates, a.early = nil, nil, nil // written: the first apply holds everybody in them
	return a.record(token)
}

// Take carries out changes as Apply does, and records no run: so a store that
// mirrors another one follows it.
func Take(c Conn, d Dialect, changes []reconcile.Change) error {
	_, err := carry(c, d, reconcile.Batch{Run: reconcile.Run{Changes: changes}})
	return err
}

// carry writes what a batch changes.
func carry(c Conn, d Dialect, b reconcile.Batch) (*apply, error) {
	b.Changes = reconcile.Order(slices.Clone(b.Changes))
	a := &apply{Conn: c, dialect: d, batch: &b, steps: make([]step, len(b.Changes)), at: make(map[schema.Key]int, len(b.Changes))}
	if err := a.read(); err != nil {
		return nil, err
	}
	if err := a.conflicts(); err != nil {
		return nil, err
	}
	if err := a.compute(); err != nil {
		return nil, err
	}
	return a, a.write()
}

// An apply is a batch on its way.
type apply struct {
	Conn
	dialect Dialect
	batch   *reconcile.Batch
	steps   []step
	at      map[schema.Key]int     // where in steps a key is
	rows    map[schema.Key]*stored // what is there, of every kind at the touched addresses
	staged  stage

	replaced   schema.Secrets  // the hashes of the touched rows
	remembered schema.Secrets  // of the staged fingerprints, those that the ledger has
	used       map[string]bool // of the staged names, those that are taken

	early   pile // domains, and users who take over a mailbox
	asides  [][]any
	inserts pile
	updates pile
}

// A step is one change with the row that it meets and the row that it leaves.
type step struct {
	change *reconcile.Change
	before *stored
	after  schema.Resource
	name   string // that a new user wants for its mailbox
	from   *step  // whose mailbox the new user takes over
	to     *step  // who takes over the mailbox of the user that goes
}

// read fetches the touched rows.
func (a *apply) read() error {
	for i := range a.steps {
		c := &a.batch.Changes[i]
		if err := Check(c.Key); err != nil {
			return err
		}
		if _, twice := a.at[c.Key]; twice {
			return fmt.Errorf("the batch changes %s twice", c.Key)
		}
		a.steps[i].change, a.at[c.Key] = c, i
	}
	touched := make(map[schema.Kind]bool)
	for i := range a.batch.Changes {
		a.touch(&a.batch.Changes[i], touched)
	}
	if err := a.stage(); err != nil {
		return err
	}
	if err := a.scan(touched); err != nil {
		return err
	}
	a.replaced = make(schema.Secrets)
	for i := range a.steps {
		s := &a.steps[i]
		if s.before = a.rows[s.change.Key]; s.before != nil {
			a.replaced.Add(s.before.hash)
		}
	}
	return nil
}

// touch stages the keys that tell whether a change fits, and marks the kinds
// that have to be read.
func (a *apply) touch(c *reconcile.Change, kinds map[schema.Kind]bool) {
	a.staged.word(stagedTouched, c.Domain())
	kinds[c.Kind] = true
	switch {
	case c.Kind != schema.KindDomain:
		a.staged.touch(c.Address(), a.comes(c.Name))
	case c.Op == reconcile.OpDelete:
		a.staged.word(stagedDropped, c.Name)
	}
	if c.Op == reconcile.OpCreate { // any kind may have the address, and nobody the domain
		for _, kind := range schema.LiveKinds {
			kinds[kind] = true
		}
	}
}

// comes reports an address that the batch creates, unless it deletes the user
// who had it: what is there then goes with the user, or stays with the mailbox.
func (a *apply) comes(name string) bool {
	if a.step(schema.Key{Kind: schema.KindUser, Name: name}, reconcile.OpDelete) != nil {
		return false
	}
	for _, kind := range schema.LiveKinds[1:] {
		if a.step(schema.Key{Kind: kind, Name: name}, reconcile.OpCreate) != nil {
			return true
		}
	}
	return false
}

func (a *apply) scan(kinds map[schema.Kind]bool) error {
	a.rows = make(map[schema.Key]*stored, len(a.steps))
	for _, kind := range schema.LiveKinds {
		if !kinds[kind] {
			continue
		}
		for s, err := range scan(a, kind, touched) {
			if err != nil {
				return err
			}
			a.rows[s.Key()] = &s
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

// compute works out the rows that the batch leaves, and who inherits from whom:
// of several that name one user, the first.
func (a *apply) compute() error {
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
		if s.change.Kind == schema.KindUser && s.change.Op == reconcile.OpCreate && from != nil && from.to == nil {
			s.from, from.to = from, s
		}
	}
	return nil
}

// creates reports whether the batch creates a resource of a kind.
func (a *apply) creates(kind schema.Kind) bool {
	return slices.ContainsFunc(a.steps, func(s step) bool { return s.change.Op == reconcile.OpCreate && s.change.Kind == kind })
}

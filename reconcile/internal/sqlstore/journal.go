package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// The journal of a store without transactions. It lies beside the ledger: see
// migrations/0007_journal.sql of reconcile/sqlite.

// A Begun is an apply in the journal that has not ended.
type Begun struct {
	ID         int64
	At         time.Time
	Run        reconcile.Run // that it was to be
	Operations []Operation   // in the order in which they were sent
}

// An Operation is one call of an apply in the journal.
type Operation struct {
	N     int64
	Key   schema.Key
	Call  json.RawMessage
	State string
	Text  string
	At    time.Time // of the state
}

// The states of an operation.
const (
	Sent     = "sent"     // it may have arrived
	Answered = "answered" // and the service has said something
	Verified = "verified" // what it asks for was read back
	Failed   = "failed"   // it was refused, or not seen for as long as is waited
)

// mostApplies is how many applies keep their operations.
const mostApplies = 100

// Begin writes down what an apply is to do, before it does anything. While another
// one has not ended the error wraps [reconcile.ErrCutOff].
func Begin(c Conn, run reconcile.Run, at time.Time) (int64, error) {
	if open, err := number(c, "SELECT count(*) FROM mailops_apply WHERE ended = ''"); err != nil || open > 0 {
		return 0, errors.Join(err, reconcile.ErrCutOff)
	}
	return enter(c, run, at, "")
}

// Enter writes down something that is no apply, such as a new password: with its
// operation it has ended, whatever became of that, and nothing is left to go on with.
func Enter(c Conn, run reconcile.Run, at time.Time) (int64, error) {
	return enter(c, run, at, stamp(at))
}

func enter(c Conn, run reconcile.Run, at time.Time, ended string) (int64, error) {
	batch, err := json.Marshal(run)
	if err != nil {
		return 0, err
	}
	if _, err := c.Exec("INSERT INTO mailops_apply (begun, batch, ended) VALUES ($1, $2, $3)", stamp(at), string(batch), ended); err != nil {
		return 0, err
	}
	id, err := number(c, "SELECT max(id) FROM mailops_apply")
	if err != nil {
		return 0, err
	}
	_, err = c.Exec("DELETE FROM mailops_apply WHERE id <= $1 AND ended <> ''", id-mostApplies)
	return id, err
}

// Write puts an operation into the journal, before it is sent.
func Write(c Conn, apply int64, o Operation) error {
	_, err := c.Exec("INSERT INTO mailops_operation (apply, n, kind, name, call, state, text, at) VALUES ("+parameters(1, 8)+")",
		apply, o.N, string(o.Key.Kind), o.Key.Name, string(o.Call), o.State, o.Text, stamp(o.At))
	return err
}

// Mark says how far operations have come.
func Mark(c Conn, apply int64, operations []Operation) error {
	for _, o := range operations {
		touched, err := c.Exec("UPDATE mailops_operation SET state = $1, text = $2, at = $3 WHERE apply = $4 AND n = $5",
			o.State, o.Text, stamp(o.At), apply, o.N)
		if err == nil && touched != 1 {
			err = fmt.Errorf("the journal has lost operation %d of apply %d", o.N, apply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// End says that what became of every operation is known.
func End(c Conn, apply int64, at time.Time) error {
	_, err := c.Exec("UPDATE mailops_apply SET ended = $1 WHERE id = $2", stamp(at), apply)
	return err
}

// Carried says which run has what an apply did.
func Carried(c Conn, apply, run int64) error {
	_, err := c.Exec("UPDATE mailops_apply SET run = $1 WHERE id = $2", run, apply)
	return err
}

// Lately are the runs of the applies that ended since a time, oldest first.
func Lately(c Conn, since time.Time) (runs []int64, err error) {
	for v, err := range each(c, "SELECT run FROM mailops_apply WHERE ended >= $1 AND run > 0 ORDER BY id", stamp(since)) {
		if err != nil {
			return nil, err
		}
		runs = append(runs, v[0].(int64))
	}
	return runs, nil
}

// stamp is a time of the journal: of one length, so that later is greater.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// Unfinished is the apply that has not ended; nil is none.
func Unfinished(c Conn) (*Begun, error) {
	v, err := one(c, "SELECT id, begun, batch FROM mailops_apply WHERE ended = '' ORDER BY id LIMIT 1")
	if err != nil || v == nil {
		return nil, err
	}
	b := &Begun{ID: v[0].(int64)}
	if b.At, err = time.Parse(time.RFC3339Nano, text(v[1])); err == nil {
		err = json.Unmarshal([]byte(text(v[2])), &b.Run)
	}
	if err != nil {
		return nil, fmt.Errorf("the journal cannot be read: %w", err)
	}
	b.Operations, err = operations(c, b.ID)
	return b, err
}

func operations(c Conn, apply int64) (out []Operation, err error) {
	for v, err := range each(c, "SELECT n, kind, name, call, state, text, at FROM mailops_operation WHERE apply = $1 ORDER BY n", apply) {
		if err != nil {
			return nil, err
		}
		o := Operation{
			N: v[0].(int64), Key: schema.Key{Kind: schema.Kind(text(v[1])), Name: text(v[2])},
			Call: json.RawMessage(text(v[3])), State: text(v[4]), Text: text(v[5]),
		}
		if o.At, err = time.Parse(time.RFC3339Nano, text(v[6])); err != nil {
			return nil, fmt.Errorf("the journal cannot be read: %w", err)
		}
		out = append(out, o)
	}
	return out, nil
}

package sqlstore

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// record writes the run, and the hashes that it has replaced.
func (a *apply) record(token string) (int64, error) {
	users, err := number(a, "SELECT count(*) FROM mailuser")
	if err != nil {
		return 0, err
	}
	run := a.batch.Run
	run.LiveUsers = int(users)
	return a.writeRun(&run, token)
}

// Record writes a run whose rows are kept elsewhere; after are those that its changes
// left.
func Record(c Conn, run reconcile.Run, after map[schema.Key]schema.Resource) (int64, error) {
	a := apply{Conn: c, steps: make([]step, len(run.Changes))}
	for i := range run.Changes {
		a.steps[i] = step{change: &run.Changes[i], after: after[run.Changes[i].Key]}
	}
	return a.writeRun(&run, "")
}

// writeRun writes a run with its steps.
func (a *apply) writeRun(run *reconcile.Run, token string) (int64, error) {
	last, err := number(a, "SELECT COALESCE(MAX(id), 0) FROM mailops_run")
	if err != nil {
		return 0, err
	}
	id, sum, ledger := last+1, reconcile.Summarize(run.Changes), make(pile)
	err = ledger.add("mailops_run", run.At.UTC().Format(time.RFC3339Nano), run.Actor, run.Revision, run.Plan, run.Undoes, int64(run.LiveUsers),
		int64(sum.Create), int64(sum.Update), int64(sum.Delete), token,
		int64(run.Counts.Deletes), int64(run.Counts.Lockouts), int64(run.Counts.Updates), int64(run.Counts.Drift), run.Whole, id)
	if err != nil {
		return 0, fmt.Errorf("record the run: %w", err)
	}
	const some = 5_000 // before-images in memory: the first apply has one of everybody
	for i := range a.steps {
		if err := a.recordStep(ledger, id, int64(i), &a.steps[i]); err != nil {
			return 0, fmt.Errorf("record the change of %s: %w", a.steps[i].change.Key, err)
		}
		if i%some == some-1 {
			if err := ledger.write(a, false); err != nil {
				return 0, err
			}
			clear(ledger)
		}
	}
	return id, ledger.write(a, false)
}

func (a *apply) recordStep(ledger pile, run, n int64, s *step) error {
	fields, err := packFields(s.change.Fields)
	if err != nil {
		return err
	}
	password, mailbox := schema.Secret(""), ""
	if hash := s.replaces(); hash != "" {
		password = schema.Fingerprint(hash)
		if _, known := a.remembered[password]; !known {
			a.remembered[password] = hash
			if err := ledger.add("mailops_secret", hash, string(password)); err != nil {
				return err
			}
		}
	}
	if s.before != nil && s.change.Op == reconcile.OpDelete {
		mailbox = s.before.mailbox
	}
	return ledger.add("mailops_before_image", string(s.change.Kind), s.change.Name, string(s.change.Op),
		s.change.Version, schema.Version(s.after), string(s.change.From), fields, nullable(string(password)), mailbox, run, n)
}

// Committed returns the run with this token: that of an apply whose answer was
// lost. 0 is no run.
func Committed(c Conn, token string) (int64, error) {
	return number(c, "SELECT COALESCE(MAX(id), 0) FROM mailops_run WHERE token = $1", token)
}

// counted are the columns of what the guards counted.
const counted = "guard_deletes, guard_lockouts, guard_updates, guard_drift, whole"

const selectRun = "SELECT id, at, actor, revision, plan, undoes, live_users, creates, updates, deletes, " + counted + " FROM mailops_run"

// Runs returns the past runs, newest first, as [reconcile.Ledger] says.
func Runs(c Conn, limit int) ([]reconcile.Run, error) {
	most := int64(limit)
	if limit <= 0 {
		most = math.MaxInt64
	}
	return loadRuns(c.Query(selectRun+" ORDER BY id DESC LIMIT $1", most))
}

// Since returns the runs since a time and the newest, as [reconcile.Ledger]
// says. A clock that was set back or forth may have put times out of order.
func Since(c Conn, since time.Time) ([]reconcile.Run, error) {
	const second = "2006-01-02T15:04:05"
	runs, err := loadRuns(c.Query(selectRun+" WHERE substr(at, 1, 19) >= $1 OR id = (SELECT MAX(id) FROM mailops_run) ORDER BY id DESC", since.UTC().Format(second)))
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	older := slices.DeleteFunc(runs[1:], func(r reconcile.Run) bool { return r.At.Before(since) })
	return runs[:1+len(older)], nil
}

// History returns the runs that changed a name, as [reconcile.Ledger] says.
func History(c Conn, name string, limit int) ([]reconcile.Run, error) {
	runs, err := loadRuns(c.Query(selectRun+" WHERE id IN (SELECT run FROM mailops_before_image WHERE name = $1) ORDER BY id DESC LIMIT $2", name, int64(limit)))
	for i := range runs {
		if err == nil {
			runs[i].Changes, err = loadChanges(c.Query(selectChanges+" WHERE run = $1 AND name = $2 ORDER BY n", runs[i].ID, name))
		}
	}
	return runs, err
}

func loadRuns(rows Rows) ([]reconcile.Run, error) {
	defer rows.Close()
	var out []reconcile.Run
	for rows.Next() {
		r, err := loadRun(rows.Values())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Run returns one run with its changes, as [reconcile.Ledger] says.
func Run(c Conn, id int64) (reconcile.Run, error) {
	values, err := one(c, selectRun+" WHERE id = $1", id)
	if err != nil {
		return reconcile.Run{}, err
	}
	if values == nil {
		return reconcile.Run{}, fmt.Errorf("run %d: %w", id, reconcile.ErrNoRun)
	}
	r, err := loadRun(values)
	if err != nil {
		return reconcile.Run{}, err
	}
	if r.Changes, err = loadChanges(c.Query(selectChanges+" WHERE run = $1 ORDER BY n", id)); err != nil {
		return reconcile.Run{}, fmt.Errorf("run %d: %w", id, err)
	}
	return r, nil
}

const selectChanges = "SELECT kind, name, op, version, renamed_from, fields FROM mailops_before_image"

func loadChanges(rows Rows) ([]reconcile.Change, error) {
	defer rows.Close()
	var out []reconcile.Change
	for rows.Next() {
		change, err := loadChange(rows.Values())
		if err != nil {
			return nil, err
		}
		out = append(out, change)
	}
	return out, rows.Err()
}

func loadRun(v []any) (reconcile.Run, error) {
	r := reconcile.Run{Actor: text(v[2]), Revision: text(v[3]), Plan: text(v[4])}
	r.ID, _ = v[0].(int64)
	r.Undoes, _ = v[5].(int64)
	for i, count := range []*int{&r.LiveUsers, &r.Summary.Create, &r.Summary.Update, &r.Summary.Delete,
		&r.Counts.Deletes, &r.Counts.Lockouts, &r.Counts.Updates, &r.Counts.Drift} {
		n, _ := v[6+i].(int64)
		*count = int(n)
	}
	whole, _ := v[14].(int64)
	r.Whole = whole == 1
	var err error
	if r.At, err = time.Parse(time.RFC3339Nano, text(v[1])); err != nil {
		return reconcile.Run{}, fmt.Errorf("run %d: %w", r.ID, err)
	}
	return r, nil
}

func loadChange(v []any) (reconcile.Change, error) {
	c := reconcile.Change{
		Key:     schema.Key{Kind: schema.Kind(text(v[0])), Name: text(v[1])},
		Op:      reconcile.Op(text(v[2])),
		Version: text(v[3]),
		From:    schema.Address(text(v[4])),
	}
	var err error
	if c.Fields, err = unpackFields(text(v[5])); err != nil {
		return c, fmt.Errorf("the change of %s: %w", c.Key, err)
	}
	return c, nil
}

// Forget drops the runs that are older than before, but never the newest, and
// the hashes that no before-image names any more. What is forgotten cannot be
// taken back. It returns how many runs it dropped.
func Forget(c Conn, before time.Time) (int64, error) {
	// Runs are dropped up to the first that is young enough: ids rise with time,
	// and text does not order times with and without fractions.
	runs, err := Runs(c, 0)
	if err != nil {
		return 0, err
	}
	var upTo int64
	for _, r := range runs[min(1, len(runs)):] {
		if r.At.Before(before) {
			upTo = r.ID
			break
		}
	}
	if _, err := c.Exec("DELETE FROM mailops_before_image WHERE run <= $1", upTo); err != nil {
		return 0, err
	}
	dropped, err := c.Exec("DELETE FROM mailops_run WHERE id <= $1", upTo)
	if err != nil {
		return 0, err
	}
	_, err = c.Exec("DELETE FROM mailops_secret WHERE NOT EXISTS" +
		" (SELECT 1 FROM mailops_before_image b WHERE b.password = mailops_secret.fingerprint)")
	return dropped, err
}

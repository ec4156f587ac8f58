package sqlstore

import (
	"strconv"

	"mailops/reconcile"
	"mailops/schema"
)

// aside is the name of the storage of a user who goes, when another one takes
// it over: it is never the storage of two.
func aside(s *step) string { return "moved from " + s.change.Name }

// stageNames chooses the names that new users want for their storage: when the
// batch takes back a delete, the one that the user had; else the address, which
// is staged already.
func (a *apply) stageNames() error {
	restored, err := a.restored()
	if err != nil {
		return err
	}
	for i := range a.steps {
		s := &a.steps[i]
		switch {
		case s.change.Kind != schema.KindUser || s.change.Op != reconcile.OpCreate:
		case s.from != nil:
			a.staged.word(stagedName, aside(s.from))
		default:
			if s.name = restored[s.change.Name]; s.name != "" {
				a.staged.word(stagedName, s.name)
			} else {
				s.name = s.change.Name
			}
		}
	}
	return nil
}

// restored are the mailboxes of the users whose delete is taken back.
func (a *apply) restored() (map[string]string, error) {
	if a.batch.Undoes == 0 {
		return nil, nil
	}
	rows := a.Query("SELECT name, mailbox FROM mailops_before_image WHERE run = $1 AND kind = $2 AND op = $3 ORDER BY n",
		a.batch.Undoes, string(schema.KindUser), string(reconcile.OpDelete))
	defer rows.Close()
	out := make(map[string]string)
	for rows.Next() {
		v := rows.Values()
		out[text(v[0])] = text(v[1])
	}
	return out, rows.Err()
}

// takenNames are the mailboxes with a name that somebody wants.
var takenNames = "SELECT mailbox FROM staged CROSS JOIN mailuser WHERE " + vacant + " AND mailbox = at_local || '@' || at_domain" +
	" UNION ALL SELECT mailbox FROM staged CROSS JOIN mailuser WHERE " + is(stagedName) + " AND mailbox = at_domain"

// usedNames asks which of the names are in use.
func (a *apply) usedNames() error {
	a.used = make(map[string]bool)
	if !a.creates(schema.KindUser) {
		return nil
	}
	rows := a.Query(takenNames)
	defer rows.Close()
	for rows.Next() {
		a.used[text(rows.Values()[0])] = true
	}
	return rows.Err()
}

// mailbox chooses the name of a new user's storage: that of the user whose
// mailbox it takes over, or the staged one. A name that is in use, if only by a
// user who goes with this batch, gets a number.
func (a *apply) mailbox(s *step) (string, error) {
	if s.from == nil {
		return a.free(s.name)
	}
	name, err := a.free(aside(s.from))
	if err != nil {
		return "", err
	}
	domain, local := place(s.from.change.Address())
	a.asides = append(a.asides, []any{name, domain, local})
	return s.from.before.mailbox, nil
}

// free returns a staged name, with a number after it when another user has it.
func (a *apply) free(name string) (string, error) {
	try, used := name, a.used[name]
	for n := 2; used; n++ {
		try = name + "." + strconv.Itoa(n)
		holders, err := number(a, "SELECT count(*) FROM mailuser WHERE mailbox = $1", try)
		if err != nil {
			return "", err
		}
		used = holders > 0 || a.used[try]
	}
	a.used[try] = true
	return try, nil
}

// owned are the tables that users write themselves. Their rows stay with the
// mailbox: they are moved by their key, which no trigger watches, because a
// lock or a feature that is off refuses anything else.
var owned = []string{"observed", "autoresponder", "own_forwarding", "own_filter", "sender_rule"}

// move writes the domains and the users that others depend on, moves what
// belongs to a mailbox, and drops the users who gave theirs away and the
// domains that go.
func (a *apply) move() error {
	asides := Bulk{Table: "mailuser", Columns: "mailbox", Keys: "domain, local", Update: true, Rows: a.asides}
	if len(a.asides) > 0 {
		if err := a.Bulk(asides); err != nil {
			return err
		}
	}
	if err := a.early.write(a, false); err != nil {
		return err
	}
	script := ""
	if len(a.asides) > 0 {
		for _, table := range owned {
			script += "UPDATE " + table + " SET domain = to_domain, local = to_local FROM staged" +
				" WHERE " + is(stagedMoved) + " AND domain = at_domain AND local = at_local; "
		}
		script += clearing(is(stagedMoved))
	}
	if a.staged.count[stagedDropped] > 0 { // with addresses that are left and have no resource
		script += "DELETE FROM address WHERE domain IN (" + words(stagedDropped) + ");" +
			" DELETE FROM domain WHERE name IN (" + words(stagedDropped) + ")"
	}
	if script == "" {
		return nil
	}
	return a.Script(script)
}

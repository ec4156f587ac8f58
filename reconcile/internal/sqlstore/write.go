package sqlstore

import (
	"errors"
	"strconv"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// columns of mailuser that are written, in the order of saveUser.
const written = derived + ", " + plain

var (
	writtenCount = strings.Count(written, ",") + 1
	insertUser   = "INSERT INTO mailuser (" + written + ", domain, local) VALUES (" + parameters(1, writtenCount+2) + ")"
	updateUser   = "UPDATE mailuser SET " + assignments(written) +
		" WHERE domain = $" + strconv.Itoa(writtenCount+1) + " AND local = $" + strconv.Itoa(writtenCount+2)
)

// write carries out one step.
func (a *apply) write(s *step) error {
	switch s.change.Op {
	case reconcile.OpCreate:
		return a.create(s)
	case reconcile.OpUpdate:
		return a.update(s)
	}
	return a.remove(s)
}

func (a *apply) create(s *step) error {
	if d, ok := s.after.(*schema.Domain); ok {
		return a.exec("INSERT INTO domain (catch_all, timezone, name) VALUES ($1, $2, $3)", string(d.CatchAll), d.Timezone, d.Name)
	}
	at := s.change.Address()
	if err := a.vacate(at); err != nil {
		return err
	}
	domain, local := place(at)
	if err := a.exec("INSERT INTO address (domain, local, kind) VALUES ($1, $2, $3)", domain, local, kindNames[s.change.Kind]); err != nil {
		return err
	}
	switch r := s.after.(type) {
	case *schema.User:
		return a.createUser(r, s)
	case *schema.List:
		if err := a.exec("INSERT INTO listprop (posting, domain, local) VALUES ($1, $2, $3)", r.Posting, domain, local); err != nil {
			return err
		}
		return a.insertEach("forwarding", "dest", at, r.Members)
	case *schema.Alias:
		return a.insertEach("forwarding", "dest", at, r.To)
	}
	return nil
}

// holders are the tables that hold something of an address. Parents go first:
// what a user owns may be locked as long as there is the user.
var holders = []string{"address", "mailuser", "listprop", "forwarding", "send_as", "trusted_network", "access_window", "observed"}

// here is the condition for the rows of one address.
const here = " WHERE domain = $1 AND local = $2"

var anythingLeft = "SELECT EXISTS (SELECT 1 FROM " + strings.Join(holders, here+") OR EXISTS (SELECT 1 FROM ") + here + ")"

// vacate makes sure that a new resource inherits nothing. There can be
// something, such as a stranger's delegates: a writer who has foreign keys off
// leaves children without parents.
func (a *apply) vacate(at schema.Address) error {
	domain, local := place(at)
	left, err := number(a, anythingLeft, domain, local)
	if err != nil || left == 0 {
		return err
	}
	return a.clear(at)
}

// clear drops an address with all that hangs on it.
func (a *apply) clear(at schema.Address) error {
	domain, local := place(at)
	for _, table := range holders {
		if err := a.exec("DELETE FROM "+table+here, domain, local); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) createUser(u *schema.User, s *step) error {
	hash, err := a.hash(u.Password)
	if err != nil {
		return err
	}
	mailbox, err := a.mailbox(s)
	if err != nil {
		return err
	}
	domain, local := place(u.Address)
	if err := a.exec(insertUser, append(saveUser(u, mailbox, hash), domain, local)...); err != nil {
		return err
	}
	if err := a.inherit(u, s.heir); err != nil {
		return err
	}
	return a.children(u, s.change)
}

func (a *apply) update(s *step) error {
	at := s.change.Address()
	domain, local := place(at)
	switch r := s.after.(type) {
	case *schema.Domain:
		return a.exec("UPDATE domain SET catch_all = $1, timezone = $2 WHERE name = $3", string(r.CatchAll), r.Timezone, r.Name)
	case *schema.User:
		return a.updateUser(r, s)
	case *schema.List:
		if err := a.exec("UPDATE listprop SET posting = $1 WHERE domain = $2 AND local = $3", r.Posting, domain, local); err != nil {
			return err
		}
		return a.replace(s.change, "members", "forwarding", "dest", r.Members)
	case *schema.Alias:
		return a.replace(s.change, "to", "forwarding", "dest", r.To)
	}
	return nil
}

func (a *apply) updateUser(u *schema.User, s *step) error {
	hash := s.before.hash
	if s.change.Field("password") != nil {
		var err error
		if hash, err = a.hash(u.Password); err != nil {
			return err
		}
	}
	domain, local := place(u.Address)
	if err := a.exec(updateUser, append(saveUser(u, s.before.mailbox, hash), domain, local)...); err != nil {
		return err
	}
	if reactivated(s.before, u) {
		if err := a.unsave(u.Address); err != nil {
			return err
		}
	}
	return a.children(u, s.change)
}

// reactivated reports whether a user leaves deactivation behind.
func reactivated(before *stored, after *schema.User) bool {
	return before.Resource.(*schema.User).Status == schema.StatusDeactivated && after.Status == schema.StatusActive
}

// unsave forgets that the add-on was configured: saved means saved since the
// last reactivation.
func (a *apply) unsave(at schema.Address) error {
	domain, local := place(at)
	return a.exec("UPDATE observed SET addon_saved = 0 WHERE domain = $1 AND local = $2", domain, local)
}

// children writes the lists of a user that the change touches.
func (a *apply) children(u *schema.User, c *reconcile.Change) error {
	if err := a.replace(c, "forwarding.to", "forwarding", "dest", u.Forwarding.To); err != nil {
		return err
	}
	if err := a.replace(c, "permissions.sendAs", "send_as", "delegate", u.Permissions.SendAs); err != nil {
		return err
	}
	networks := make([]schema.Address, len(u.Permissions.TrustedNetworks))
	for i, n := range u.Permissions.TrustedNetworks {
		networks[i] = schema.Address(n)
	}
	if err := a.replace(c, "permissions.trustedNetworks", "trusted_network", "network", networks); err != nil {
		return err
	}
	if c.Field("permissions.accessHours") == nil {
		return nil
	}
	return a.windows(u, c.Op)
}

// replace rewrites one list of an address, when the change touches it.
func (a *apply) replace(c *reconcile.Change, path, table, column string, values []schema.Address) error {
	if c.Field(path) == nil {
		return nil
	}
	domain, local := place(c.Address())
	if c.Op == reconcile.OpUpdate {
		if err := a.exec("DELETE FROM "+table+here, domain, local); err != nil {
			return err
		}
	}
	return a.insertEach(table, column, c.Address(), values)
}

func (a *apply) insertEach(table, column string, at schema.Address, values []schema.Address) error {
	domain, local := place(at)
	for _, v := range values {
		if err := a.exec("INSERT INTO "+table+" (domain, local, "+column+") VALUES ($1, $2, $3)", domain, local, string(v)); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) windows(u *schema.User, op reconcile.Op) error {
	domain, local := place(u.Address)
	if op == reconcile.OpUpdate {
		if err := a.exec("DELETE FROM access_window"+here, domain, local); err != nil {
			return err
		}
	}
	if u.Permissions.AccessHours == nil {
		return nil
	}
	for day, hours := range u.Permissions.AccessHours.Days() {
		for n, h := range *hours {
			err := a.exec("INSERT INTO access_window (domain, local, dow, n, start_min, end_min) VALUES ($1, $2, $3, $4, $5, $6)",
				domain, local, int64(day+1), int64(n), int64(h.Start), int64(h.End))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes a resource.
func (a *apply) remove(s *step) error {
	if s.change.Kind == schema.KindDomain {
		// Addresses that are left have no resource: see clear.
		if err := a.exec("DELETE FROM address WHERE domain = $1", s.change.Name); err != nil {
			return err
		}
		return a.exec("DELETE FROM domain WHERE name = $1", s.change.Name)
	}
	return a.clear(s.change.Address())
}

func (a *apply) exec(sql string, args ...any) error {
	for _, arg := range args {
		if s, ok := arg.(string); ok && strings.IndexByte(s, 0) >= 0 {
			return errors.New("a text holds a NUL character")
		}
	}
	_, err := a.Exec(sql, args...)
	return err
}

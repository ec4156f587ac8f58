package sqlstore

import (
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// write collects what the batch writes, by table, and writes it: what goes
// first, then parents before their children.
func (a *apply) write() error {
	if err := a.lookUp(); err != nil {
		return err
	}
	a.early, a.inserts, a.updates = make(pile), make(pile), make(pile)
	for i := range a.steps {
		if err := a.collect(&a.steps[i]); err != nil {
			return stepError(&a.steps[i], err)
		}
	}
	if err := a.stage(); err != nil {
		return err
	}
	if err := a.remove(); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	if err := a.move(); err != nil {
		return fmt.Errorf("hand over mailboxes: %w", err)
	}
	if err := a.inserts.write(a, false); err != nil {
		return err
	}
	if err := a.updates.write(a, true); err != nil {
		return err
	}
	return a.unsave()
}

func stepError(s *step, err error) error {
	return fmt.Errorf("%s %s: %w", s.change.Op, s.change.Key, err)
}

// holders are the tables that hold something of an address. Parents go first:
// what a user owns may be locked as long as there is the user.
var holders = append([]string{"address", "mailuser", "listprop", "forwarding", "send_as", "trusted_network", "access_window"}, owned...)

// lists are the tables that hold a list of values for each address.
var lists = []string{"forwarding", "send_as", "trusted_network", "access_window"}

// clearing drops staged addresses with all that hangs on them.
func clearing(condition string) string {
	return "DELETE FROM " + strings.Join(holders, " WHERE "+here(condition)+"; DELETE FROM ") + " WHERE " + here(condition) + "; "
}

// anythingLeft asks whether a new resource would inherit something. There can
// be something, such as a stranger's delegates: a writer who has foreign keys
// off leaves children without parents.
var anythingLeft = func() string {
	exists := make([]string, len(holders))
	for i, table := range holders {
		exists[i] = "EXISTS (" + beside("1", table, vacant) + ")"
	}
	return "SELECT CASE WHEN " + strings.Join(exists, " OR ") + " THEN 1 ELSE 0 END"
}()

// remove drops what goes before anything comes.
func (a *apply) remove() error {
	script := ""
	if a.staged.count[stagedCleared] > 0 {
		script = clearing(is(stagedCleared))
	}
	for _, table := range lists {
		if a.staged.count[table] > 0 {
			script += "DELETE FROM " + table + " WHERE " + here(is(table)) + "; "
		}
	}
	if script != "" {
		if err := a.Script(script); err != nil {
			return err
		}
	}
	if len(a.inserts["address"])+len(a.early["address"]) == 0 {
		return nil
	}
	if left, err := number(a, anythingLeft); err != nil || left == 0 {
		return err
	}
	return a.Script(clearing(vacant))
}

// unsave forgets that add-ons were configured: saved means saved since the last
// reactivation.
func (a *apply) unsave() error {
	if a.staged.count[stagedUnsaved] == 0 {
		return nil
	}
	_, err := a.Exec("UPDATE observed SET addon_saved = 0 WHERE " + here(is(stagedUnsaved)))
	return err
}

// collect adds one step to the piles and to the stage.
func (a *apply) collect(s *step) error {
	switch s.change.Op {
	case reconcile.OpCreate:
		return a.create(s)
	case reconcile.OpUpdate:
		return a.update(s)
	}
	if s.change.Kind == schema.KindDomain { // was staged to count its addresses
		return nil
	}
	if s.to == nil {
		a.staged.address(stagedCleared, s.change.Address())
		return nil
	}
	a.staged.move(s.change.Address(), s.to.change.Address())
	return nil
}

// kindNames are the kinds as the table address writes them.
var kindNames = map[schema.Kind]string{schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}

func (a *apply) create(s *step) error {
	if d, ok := s.after.(*schema.Domain); ok {
		return a.early.add("domain", string(d.CatchAll), d.Timezone, d.Name)
	}
	into := a.inserts
	if s.from != nil {
		into = a.early
	}
	domain, local := place(s.change.Address())
	if err := into.add("address", kindNames[s.change.Kind], domain, local); err != nil {
		return err
	}
	switch r := s.after.(type) {
	case *schema.User:
		return a.createUser(r, s, into)
	case *schema.List:
		if err := a.inserts.add("listprop", r.Posting, domain, local); err != nil {
			return err
		}
		return a.insertEach("forwarding", s, r.Members)
	case *schema.Alias:
		return a.insertEach("forwarding", s, r.To)
	}
	return nil
}

func (a *apply) createUser(u *schema.User, s *step, into pile) error {
	hash, err := a.hash(u.Password)
	if err != nil {
		return err
	}
	mailbox, err := a.mailbox(s)
	if err != nil {
		return err
	}
	domain, local := place(u.Address)
	if err := into.add("mailuser", append(saveUser(u, mailbox, hash), domain, local)...); err != nil {
		return err
	}
	if s.from != nil && reactivated(s.from.before, u) {
		a.staged.address(stagedUnsaved, u.Address)
	}
	return a.children(u, s)
}

func (a *apply) update(s *step) error {
	domain, local := place(s.change.Address())
	switch r := s.after.(type) {
	case *schema.Domain:
		return a.updates.add("domain", string(r.CatchAll), r.Timezone, r.Name)
	case *schema.User:
		return a.updateUser(r, s)
	case *schema.List:
		if err := a.updates.add("listprop", r.Posting, domain, local); err != nil {
			return err
		}
		return a.replace(s, "members", "forwarding", r.Members)
	case *schema.Alias:
		return a.replace(s, "to", "forwarding", r.To)
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
	if err := a.updates.add("mailuser", append(saveUser(u, s.before.mailbox, hash), domain, local)...); err != nil {
		return err
	}
	if reactivated(s.before, u) {
		a.staged.address(stagedUnsaved, u.Address)
	}
	return a.children(u, s)
}

// reactivated reports whether a user leaves deactivation behind.
func reactivated(before *stored, after *schema.User) bool {
	return before.Resource.(*schema.User).Status == schema.StatusDeactivated && after.Status == schema.StatusActive
}

// children collects the lists of a user that the change touches.
func (a *apply) children(u *schema.User, s *step) error {
	if err := a.replace(s, "forwarding.to", "forwarding", u.Forwarding.To); err != nil {
		return err
	}
	if err := a.replace(s, "permissions.sendAs", "send_as", u.Permissions.SendAs); err != nil {
		return err
	}
	networks := make([]schema.Address, len(u.Permissions.TrustedNetworks))
	for i, n := range u.Permissions.TrustedNetworks {
		networks[i] = schema.Address(n)
	}
	if err := a.replace(s, "permissions.trustedNetworks", "trusted_network", networks); err != nil {
		return err
	}
	return a.windows(u, s)
}

// replace rewrites one list of an address, when the change touches it.
func (a *apply) replace(s *step, path, table string, values []schema.Address) error {
	if s.change.Field(path) == nil {
		return nil
	}
	if s.change.Op == reconcile.OpUpdate {
		a.staged.address(table, s.change.Address())
	}
	return a.insertEach(table, s, values)
}

func (a *apply) insertEach(table string, s *step, values []schema.Address) error {
	domain, local := place(s.change.Address())
	for _, v := range values {
		if err := a.inserts.add(table, string(v), domain, local); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) windows(u *schema.User, s *step) error {
	if s.change.Field("permissions.accessHours") == nil {
		return nil
	}
	if s.change.Op == reconcile.OpUpdate {
		a.staged.address("access_window", u.Address)
	}
	if u.Permissions.AccessHours == nil {
		return nil
	}
	domain, local := place(u.Address)
	for day, hours := range u.Permissions.AccessHours.Days() {
		for n, h := range *hours {
			if err := a.inserts.add("access_window", int64(day+1), int64(n), int64(h.Start), int64(h.End), domain, local); err != nil {
				return err
			}
		}
	}
	return nil
}

package sqlstore

import (
	"strconv"

	"mailops/reconcile"
	"mailops/schema"
)

// mailbox chooses the name of a new user's storage: that of the user whose
// mailbox it takes over; else, when the batch takes back a delete, the one that
// the user had; else the address. A name that is in use gets a number.
func (a *apply) mailbox(s *step) (string, error) {
	if s.heir != nil {
		return s.heir.mailbox, a.setAside(s.heir)
	}
	name := s.change.Name
	if a.batch.Undoes != 0 {
		values, err := one(a, "SELECT mailbox FROM mailops_before_image WHERE run = $1 AND kind = $2 AND name = $3 AND op = $4",
			a.batch.Undoes, string(s.change.Kind), name, string(reconcile.OpDelete))
		if err != nil {
			return "", err
		}
		if values != nil {
			name = text(values[0])
		}
	}
	return a.free(name)
}

// setAside takes the storage from a user that is about to be deleted, so that
// it is never the storage of two.
func (a *apply) setAside(s *stored) error {
	domain, local := place(s.Key().Address())
	name, err := a.free("moved from " + s.Key().Name)
	if err != nil {
		return err
	}
	return a.exec("UPDATE mailuser SET mailbox = $1 WHERE domain = $2 AND local = $3", name, domain, local)
}

// free returns name, with a number after it when another user has it.
func (a *apply) free(name string) (string, error) {
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try += "." + strconv.Itoa(n)
		}
		used, err := number(a, "SELECT count(*) FROM mailuser WHERE mailbox = $1", try)
		if err != nil || used == 0 {
			return try, err
		}
	}
}

// inherit moves what was observed of a user to the one that takes over.
func (a *apply) inherit(u *schema.User, from *stored) error {
	if from == nil {
		return nil
	}
	domain, local := place(u.Address)
	oldDomain, oldLocal := place(from.Key().Address())
	err := a.exec("UPDATE observed SET domain = $1, local = $2 WHERE domain = $3 AND local = $4", domain, local, oldDomain, oldLocal)
	if err != nil || !reactivated(from, u) {
		return err
	}
	return a.unsave(u.Address)
}

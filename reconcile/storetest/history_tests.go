package storetest

import (
	"fmt"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

// testHistory: of one address the ledger tells its runs, newest first, with the
// changes of it alone, of whatever kind it was; and of a run, whether all that
// its revision asks for was carried out.
func testHistory(h *harness) {
	if h.ledger == nil {
		return
	}
	domain := &schema.Domain{Name: "acme.example"}
	ana := func(name string) *schema.User { return plainUser("ana@acme.example", name) }
	h.become(schema.State{domain, ana("Ana")}, nil)
	h.become(schema.State{domain, ana("Ana Silva"), plainUser("bruno@acme.example", "Bruno")}, nil)
	h.become(schema.State{domain, ana("Ana Silva"), plainUser("bruno@acme.example", "B.")}, nil)
	last := batch(h.diff(h.live(), schema.State{domain, plainUser("bruno@acme.example", "B."), &schema.Alias{Address: "ana@acme.example", To: []schema.Address{"bruno@acme.example"}}}), nil)
	last.Whole = true
	if _, err := h.s.Apply(h.Context(), last); err != nil {
		h.Fatal(err)
	}
	told := func(limit int) []string {
		runs, err := h.ledger.History(h.Context(), "ana@acme.example", limit)
		if err != nil {
			h.Fatal(err)
		}
		var out []string
		for _, r := range runs {
			line := fmt.Sprintf("run %d", r.ID)
			for _, c := range r.Changes {
				line += " " + string(c.Op) + " " + c.Key.String()
			}
			out = append(out, line)
		}
		return out
	}
	want := []string{"run 4 delete User/ana@acme.example create Alias/ana@acme.example", "run 2 update User/ana@acme.example", "run 1 create User/ana@acme.example"}
	if diff := cmp.Diff(want, told(10)); diff != "" {
		h.Errorf("history (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], told(1)); diff != "" {
		h.Errorf("the newest of it (-want +got)\n%s", diff)
	}
	for i, r := range h.runs() {
		if r.Whole != (i == 0) {
			h.Errorf("run %d is whole: %v", r.ID, r.Whole)
		}
	}
}

// plainUser is an active user with a name.
func plainUser(address schema.Address, name string) *schema.User {
	u := &schema.User{Address: address, Name: name}
	u.Role, u.Status, u.AccountType = schema.RoleMember, schema.StatusActive, schema.AccountBasic
	u.MailAddOn.Backup, u.Lock.MailAddOn = schema.BackupOff, schema.Unlocked
	return u
}

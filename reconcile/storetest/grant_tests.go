package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
)

// grantHash is one of a strong scheme.
const grantHash = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// testGrants: grants are kept as they were made, one in force of each name,
// target and purpose, and stay to be seen when they have ended.
func testGrants(h *harness) {
	if h.grantor == nil {
		return // nobody can sign in as somebody else
	}
	h.become(small(), nil)
	now := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	grant := reconcile.Grant{Name: "support", Target: string(ana), Hash: grantHash, Until: now.Add(time.Hour), Reason: "ticket 7", By: "bruno", At: now}
	everybody, backup := grant, grant
	everybody.Target, everybody.Until = "@"+domain, now.Add(2*time.Hour)
	backup.Backup, backup.Name = true, "machine"
	for _, g := range []reconcile.Grant{grant, everybody, backup, grant} {
		if err := h.grantor.Grant(h.Context(), g); err != nil {
			h.Fatal(err)
		}
	}
	without := func(g reconcile.Grant) reconcile.Grant { g.Hash = ""; return g }
	h.grants(without(backup), without(everybody), without(grant))
	for _, wrong := range []func(*reconcile.Grant){
		func(g *reconcile.Grant) { g.Name = "no name" },
		func(g *reconcile.Grant) { g.Reason = "" },
		func(g *reconcile.Grant) { g.Hash = "{PLAIN}secret" },
		func(g *reconcile.Grant) { g.Until = now },
		func(g *reconcile.Grant) { g.Until = now.Add(25 * time.Hour) },
	} {
		g := grant
		wrong(&g)
		if err := h.grantor.Grant(h.Context(), g); err == nil {
			h.Errorf("the store took %+v", g)
		}
	}
	h.grants(without(backup), without(everybody), without(grant))
	// One that is given anew ends the one before, and both can be seen.
	later := now.Add(10 * time.Minute)
	again, ended := grant, without(grant)
	again.At, again.Reason, ended.Until = later, "ticket 8", later
	if err := h.grantor.Grant(h.Context(), again); err != nil {
		h.Fatal(err)
	}
	h.grants(without(backup), without(everybody), ended, without(again))
	h.revokes("nobody", "", later, 0)
	h.revokes("support", "@"+domain, later, 1)
	h.revokes("support", "@"+domain, later, 0)
	everybody.Until = later
	h.grants(without(backup), without(everybody), ended, without(again))
	h.revokes("nobody", "", now.Add(91*24*time.Hour), 0) // what ended long ago goes with it
	h.grants()
	h.apply(nil, nil) // an apply has nothing to do with them
}

func (h *harness) grants(want ...reconcile.Grant) {
	h.Helper()
	got, err := h.grantor.Grants(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("grants (-want +got)\n%s", diff)
	}
}

func (h *harness) revokes(name, target string, now time.Time, want int64) {
	h.Helper()
	if got, err := h.grantor.Revoke(h.Context(), name, target, now); err != nil || got != want {
		h.Errorf("revoke %s: %d, %v; want %d", name, got, err, want)
	}
}

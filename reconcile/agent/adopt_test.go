package agent_test

import (
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// TestAdopt: what others change becomes a proposal: edits of the YAML in place,
// a new file for what they made, and none for what they removed; once, and in
// the words of who and when.
func TestAdopt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: adopt}\n"),
			"bruno.yaml", "# a desk\nkind: User\naddress: bruno@acme.example # since 1998\nname: Bruno\n")
		w.start()
		w.by("bruno", "name", `"Bruno S."`)
		w.store.Remove(user("carla"))
		made := schema.Clone(&schema.User{Address: "dora@acme.example", Name: "Dora"}).(*schema.User)
		made.Role, made.Status, made.AccountType, made.Timezone = "member", "active", "basic", "Europe/Lisbon"
		made.MailAddOn.Backup, made.Lock.MailAddOn = "off", "unlocked"
		w.store.Put(made)
		w.pass(time.Minute)
		if len(w.repo.proposals) == 0 {
			t.Fatal("nothing was proposed")
		}
		p := w.repo.proposals[len(w.repo.proposals)-1]
		if got, want := string(p.Files["bruno.yaml"]), "# a desk\nkind: User\naddress: bruno@acme.example # since 1998\nname: Bruno S.\n"; got != want {
			t.Errorf("bruno.yaml is\n%s\nwant\n%s", got, want)
		}
		if text, listed := p.Files["carla.yaml"]; !listed || text != nil {
			t.Errorf("carla.yaml is %q, want it removed", text)
		}
		if text := string(p.Files["users/acme.example/dora.yaml"]); !strings.Contains(text, "address: dora@acme.example") {
			t.Errorf("dora's file is %q; files %v", text, p.Files)
		}
		if !strings.Contains(p.Message, "User/bruno@acme.example was changed by somebody on 2000-01-01T00:00:0") || !strings.Contains(p.Message, "name: Bruno S., was Bruno") {
			t.Errorf("message\n%s", p.Message)
		}
		n := len(w.repo.proposals)
		w.pass(24 * time.Hour)
		if len(w.repo.proposals) != n {
			t.Errorf("it was proposed %d times more", len(w.repo.proposals)-n)
		}
		// The proposal is merged: nothing changes in the store, and there is no drift.
		var files []string
		for name, text := range p.Files {
			files = append(files, name, string(text))
		}
		merged := w.repo.commit(files...)
		w.pass(time.Second)
		w.inForce(merged, "")
		if s := w.agent.Status(); len(s.Drift) > 0 || len(s.Waiting) > 0 {
			t.Errorf("drift %+v, waiting %+v", s.Drift, s.Waiting)
		}
		w.is("carla", "status", "")
		w.is("dora", "name", "Dora")
	})
}

// TestAdoptRefused: what a stronger declaration or a rule would not let stand is
// left out, and said.
func TestAdoptRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: adopt}\ndefaults: {profiles: [floor]}\n"),
			"profiles.yaml", "kind: Profile\nname: floor\nenforced: true\nmailboxActions: {imap: false}\n")
		w.start()
		w.by("bruno", "mailboxActions.imap", "true")
		w.by("carla", "password", `"sha256:00"`)
		w.by("carla", "name", `"Carla"`)
		w.pass(time.Minute)
		left := w.agent.Status().Proposal.Left
		if len(left) != 1 || left[user("bruno")] == "" {
			t.Errorf("left %v", left)
		}
		w.is("bruno", "mailboxActions.imap", "on")
	})
}

// TestStandby: of two agents one leads; the other takes over when it ends, and
// one whose store was taken over does not write.
func TestStandby(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		second := &world{T: w.T, repo: &repo{moved: make(chan struct{}, 1)}, store: w.store, wrap: w.wrap}
		second.repo.revisions = w.repo.revisions
		second.start(func(o *agent.Options) { o.Holder = "two" })
		defer func() { second.stop() }()
		if s := second.agent.Status(); s.Result != agent.ResultStandby || s.Epoch != 0 {
			t.Errorf("the second one is %q with epoch %d", s.Result, s.Epoch)
		}
		w.stop()
		w.pass(time.Minute)
		if s := second.agent.Status(); s.Epoch == 0 || s.InForce == nil {
			t.Errorf("the second one has not taken over: %+v", s)
		}
		w.store.Steal("three")
		second.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Second)
		w.is("bruno", "name", "none")
		if s := second.agent.Status(); s.Epoch != 0 {
			t.Errorf("the fenced one believes that it leads: %+v", s)
		}
	})
}

// TestAsk: of one name the agent tells what is wanted and live, why, and what
// became of it.
func TestAsk(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.start()
		w.by("bruno", "mailboxActions.imap", "true")
		w.pass(time.Second)
		found, err := w.agent.Find(w.Context(), "BRU", 10)
		if err != nil || len(found) != 1 || found[0] != user("bruno") {
			t.Fatalf("found %v, %v", found, err)
		}
		p, err := w.agent.Person(w.Context(), "bruno@acme.example")
		if err != nil || p.Title != "Bruno" || len(p.History) != 1 || len(p.Held) != 1 || p.Held[0].Why != reconcile.HeldReport {
			t.Fatalf("person %+v, %v", p, err)
		}
		for _, f := range p.Fields {
			if f.Path == "name" && (len(f.Chain) != 1 || f.Chain[0].Origin.String() != "bruno.yaml:3:7" || f.Want != `"Bruno"`) {
				t.Errorf("name is %+v", f)
			}
			if f.Path == "mailboxActions.imap" && (f.Want != "false" || f.Live != "true") {
				t.Errorf("imap is %+v", f)
			}
		}
	})
}

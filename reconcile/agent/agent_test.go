package agent_test

import (
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// TestCommit: a commit is live within a second of being seen, a hundred triggers
// are one run, and nothing happens while nothing changes.
func TestCommit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		w.is("bruno", "mailboxActions.imap", "off")
		second := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nmailboxActions: {imap: true}\n")
		w.pass(time.Second)
		w.is("bruno", "mailboxActions.imap", "on")
		w.inForce(second, "")
		if n := w.runs(); n != 2 {
			t.Errorf("%d runs, want 2", n)
		}
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\n")
		before := len(w.told())
		for range 100 {
			w.agent.Trigger(agent.CauseHook)
		}
		w.pass(time.Second)
		if n := len(w.told()) - before; n > 2 {
			t.Errorf("a burst of triggers was %d looks", n)
		}
		w.is("bruno", "mailboxActions.imap", "off")
		w.pass(24 * time.Hour)
		if n := w.runs(); n != 3 {
			t.Errorf("%d runs after an idle day, want 3", n)
		}
	})
}

// TestInvalid: a wrong commit between two good ones changes nothing, what others
// change meanwhile is taken back from the commit in force, and the next good one
// is applied.
func TestInvalid(t *testing.T) {
	inWorld(t, func(w *world) {
		good := w.repo.commit("mailops.yaml", organization("drift: {default: heal}\n"))
		w.start()
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nmailboxActions: {impa: true}\n")
		w.pass(time.Second)
		w.inForce(good, agent.StateInvalid)
		if p := w.agent.Status().Verdict.Problems; len(p) != 1 || p[0].Pos.String() != "bruno.yaml:3:18" {
			t.Errorf("problems %v", p)
		}
		w.by("carla", "mailboxActions.pop", "true")
		w.pass(time.Second)
		w.is("carla", "mailboxActions.pop", "off")
		before := len(w.told())
		w.pass(time.Hour)
		for _, r := range w.told()[before:] {
			if r.Verdict != nil {
				t.Fatal("the wrong commit was judged again")
			}
		}
		third := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nmailboxActions: {imap: true}\n")
		w.pass(time.Second)
		w.inForce(third, "")
		w.is("bruno", "mailboxActions.imap", "on")
	})
}

// TestRefused: a commit that a guard refuses stays refused, the one in force is
// kept, and drift from it is still taken back.
func TestRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		good := w.repo.commit("mailops.yaml", organization("drift: {default: heal}\nguards: {deletes: {max: 10%, atLeast: 0}}\n"))
		w.start()
		w.repo.commit("bruno.yaml", "")
		w.pass(time.Second)
		w.inForce(good, agent.StateRefused)
		if f := w.agent.Status().Verdict.Findings; len(f) != 1 || f[0].Rule != "deletes" {
			t.Errorf("findings %v", f)
		}
		w.is("bruno", "status", "active")
		w.by("carla", "mailboxActions.pop", "true")
		w.pass(time.Second)
		w.is("carla", "mailboxActions.pop", "off")
		told := 0
		w.pass(time.Hour)
		for _, r := range w.told() {
			if r.Verdict != nil && r.Verdict.State == agent.StateRefused {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the refusal was told %d times", told)
		}
		last := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Second)
		w.inForce(last, "")
	})
}

// TestAlone: what a rule refuses of one address holds nothing else back.
func TestAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		second := w.repo.commit("ana.yaml", "kind: User\naddress: ana@acme.example\nrole: admin\nstatus: suspended\n",
			"dora.yaml", "kind: User\naddress: dora@acme.example\nrole: admin\n")
		w.pass(time.Second)
		w.is("dora", "status", "active")
		w.is("ana", "status", "active")
		s := w.agent.Status()
		if s.InForce.ID != second || s.InForce.Whole || s.Verdict == nil || s.Verdict.State != agent.StateWaiting || len(s.Waiting) != 1 || s.Waiting[0].Why != reconcile.HeldRefused {
			t.Errorf("status %+v", s)
		}
	})
}

// TestSchedule: what a declaration schedules happens at its time, with no
// commit, and what it ends ends; also when the agent was away meanwhile.
func TestSchedule(t *testing.T) {
	const leave = "kind: User\naddress: bruno@acme.example\nschedule: [{from: 2000-01-03T18:00, until: 2000-01-05T08:00, reason: leave, set: {mailboxActions: {outgoing: false}}}]\n"
	inWorld(t, func(w *world) {
		w.repo.commit("bruno.yaml", leave)
		w.start()
		if c := w.agent.Status().Coming; len(c) != 2 || c[0].Text != `schedule "leave" begins` || c[1].Text != `schedule "leave" ends` || c[0].User != "bruno@acme.example" {
			t.Errorf("coming %+v", c)
		}
		w.pass(66*time.Hour - time.Second)
		w.is("bruno", "mailboxActions.outgoing", "on")
		w.pass(time.Second)
		w.is("bruno", "mailboxActions.outgoing", "off")
		w.stop()
		w.pass(7 * 24 * time.Hour)
		w.is("bruno", "mailboxActions.outgoing", "off")
		w.start()
		w.is("bruno", "mailboxActions.outgoing", "on")
		if d := w.agent.Status().Drift; len(d) > 0 {
			t.Errorf("what time changed is called drift: %+v", d)
		}
	})
}

// TestDrift: by default what others change is told, with the words of the change,
// who did it and when; what the organization says heals is taken back.
func TestDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {fields: [{kind: User, field: mailboxActions, do: heal}]}\n"))
		w.start()
		w.by("carla", "mailboxActions.pop", "true")
		w.by("carla", "name", `"Carla S."`)
		w.pass(time.Second)
		w.is("carla", "mailboxActions.pop", "off")
		w.is("carla", "name", "Carla S.")
		d := w.agent.Status().Drift
		if len(d) != 1 || d[0].Key != user("carla") || d[0].Why != reconcile.HeldReport || len(d[0].Fields) != 1 || d[0].Fields[0].Path != "name" {
			t.Fatalf("drift %+v", d)
		}
		w.stop()
		w.start() // a restart takes it for nothing else
		w.is("carla", "name", "Carla S.")
		if again := w.agent.Status().Drift; len(again) != 1 {
			t.Errorf("after a restart, drift is %+v", again)
		}
		w.repo.commit("carla.yaml", "kind: User\naddress: carla@acme.example\nname: Carla Seixas\n")
		w.pass(time.Second)
		w.is("carla", "name", "Carla Seixas")
		if left := w.agent.Status().Drift; len(left) != 0 {
			t.Errorf("drift is left: %+v", left)
		}
	})
}

// TestFight: a field that somebody changes back again and again is left alone,
// by name, for an hour; other fields are not.
func TestFight(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: heal, fights: 3}\n"))
		w.start()
		for range 5 {
			w.by("carla", "mailboxActions.pop", "true")
			w.pass(time.Second)
		}
		w.is("carla", "mailboxActions.pop", "on")
		d := w.agent.Status().Drift
		if len(d) != 1 || d[0].Why != reconcile.HeldFight || d[0].Fields[0].Path != "mailboxActions.pop" {
			t.Fatalf("drift %+v", d)
		}
		w.by("carla", "mailboxActions.imap", "true")
		w.pass(time.Second)
		w.is("carla", "mailboxActions.imap", "off")
		w.stop()
		w.start() // the ledger remembers
		w.is("carla", "mailboxActions.pop", "on")
		w.pass(2 * time.Hour)
		w.is("carla", "mailboxActions.pop", "off")
	})
}

// TestPause: what is paused is left alone, by a commit and by healing, until the
// pause ends; and a restart does not take what waits for drift.
func TestPause(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		err := w.store.Pause(t.Context(), reconcile.Pause{Scope: "bruno@acme.example", Until: time.Now().Add(time.Hour), Reason: "moves offices", By: "ana", At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		second := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n", "carla.yaml", "kind: User\naddress: carla@acme.example\nname: Carla\n")
		w.pass(time.Second)
		w.is("bruno", "name", "none")
		w.is("carla", "name", "Carla")
		w.inForce(second, agent.StateWaiting)
		w.pass(5 * time.Minute)
		w.inForce(second, agent.StateWaiting)
		w.stop()
		w.start()
		w.is("bruno", "name", "none")
		if s := w.agent.Status(); len(s.Waiting) != 1 || s.Waiting[0].Why != reconcile.HeldPaused || s.Waiting[0].Reason != "moves offices" {
			t.Errorf("waiting %+v, drift %+v", s.Waiting, s.Drift)
		}
		w.pass(time.Hour)
		w.is("bruno", "name", "Bruno")
		w.inForce(second, "")
		last := w.told()[len(w.told())-1]
		for _, r := range w.told() {
			if r.Verdict != nil {
				last = r
			}
		}
		if last.Verdict == nil || last.Verdict.State != agent.StateApplied || last.Run == 0 {
			t.Errorf("that the rest was carried out is not told: %+v", last.Verdict)
		}
	})
}

// TestWindow: outside of the change windows plans wait, but who is to be locked
// out is locked out; when a window opens, the rest follows.
func TestWindow(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("changes: {windows: [{kind: allow, schedule: \"0 8 * * mon-fri\", duration: 10h}]}\n"))
		w.start() // on a Saturday
		w.is("bruno", "status", "")
		if s := w.agent.Status().Window; s.Open || !s.Until.Equal(time.Date(2000, 1, 3, 8, 0, 0, 0, time.UTC)) {
			t.Errorf("window %+v", s)
		}
		w.pass(56 * time.Hour)
		w.is("bruno", "status", "active")
		w.pass(10 * time.Hour)
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\nstatus: suspended\n")
		w.pass(time.Second)
		w.is("bruno", "status", "suspended")
		w.is("bruno", "name", "none")
		w.pass(14 * time.Hour)
		w.is("bruno", "name", "Bruno")
	})
}

// TestBudget: many small plans are counted together.
func TestBudget(t *testing.T) {
	inWorld(t, func(w *world) {
		files := []string{"mailops.yaml", organization("guards: {deletes: {max: 0%, atLeast: 1}, window: {per: 24h, deletes: 0%}}\n")}
		for _, name := range []string{"u1", "u2", "u3", "u4"} {
			files = append(files, name+".yaml", "kind: User\naddress: "+name+"@acme.example\n")
		}
		w.repo.commit(files...)
		w.start()
		w.repo.commit("u1.yaml", "")
		w.pass(time.Minute)
		second := w.repo.commit("u2.yaml", "")
		w.pass(time.Minute)
		w.repo.commit("u3.yaml", "")
		w.pass(time.Minute)
		w.inForce(second, agent.StateRefused)
		w.is("u3", "status", "active")
		if b := w.agent.Status().Budget; b.Deletes.Spent != 2 || b.Deletes.Left() != 0 {
			t.Errorf("budget %+v", b)
		}
		w.pass(25 * time.Hour)
		w.is("u3", "status", "")
	})
}

// TestShrunk: a store that suddenly lacks many users is not believed.
func TestShrunk(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: heal}\n"))
		w.start()
		w.store.Remove(user("bruno"))
		w.store.Remove(user("carla"))
		w.pass(time.Second)
		if s := w.agent.Status(); len(s.Findings) != 1 || s.Findings[0].Rule != "live-shrunk" {
			t.Errorf("findings %+v", s.Findings)
		}
		w.is("bruno", "status", "")
		w.store.Put(&schema.User{Address: "bruno@acme.example"})
		w.store.Put(&schema.User{Address: "carla@acme.example"})
		w.pass(time.Hour)
		w.is("bruno", "status", "active")
		if s := w.agent.Status(); len(s.Findings) != 0 {
			t.Errorf("findings %+v", s.Findings)
		}
	})
}

// TestRewritten: a branch that was rewritten is told and not followed, unless
// that is allowed.
func TestRewritten(t *testing.T) {
	inWorld(t, func(w *world) {
		good := w.repo.commit()
		w.start()
		w.repo.rewritten = "git:1 is no longer part of main"
		second := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Second)
		w.inForce(good, agent.StateRewritten)
		w.is("bruno", "name", "none")
		w.stop()
		w.start(func(o *agent.Options) { o.AllowRewind = true })
		w.inForce(second, "")
		w.is("bruno", "name", "Bruno")
	})
}

// TestGone: a commit in force that the repository has no more is a rewritten
// branch too, also for an agent that begins anew; one that somebody applied from
// files is not.
func TestGone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		w.stop()
		w.repo.revisions = nil
		w.repo.commit("mailops.yaml", base["mailops.yaml"]+"---\nkind: Domain\nname: other.example\n")
		w.repo.revisions[0].ID = "git:" + strings.Repeat("f", 40)
		w.start()
		if s := w.agent.Status(); s.InForce != nil || s.Verdict == nil || s.Verdict.State != agent.StateRewritten {
			t.Errorf("status %+v", s)
		}
		w.stop()
		w.start(func(o *agent.Options) { o.AllowRewind = true })
		w.inForce("git:"+strings.Repeat("f", 40), "")
	})
}

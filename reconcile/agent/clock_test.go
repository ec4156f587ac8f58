package agent_test

import (
	"testing"
	"time"

	"mailops/reconcile/agent"
)

// TestClockBack: after the clock was set back by hours, with runs, pauses and
// notes of what is now the future, commits are applied, drift is taken back and
// schedules begin and end by the clock as it is.
func TestClockBack(t *testing.T) {
	before := &world{}
	inWorld(t, func(w *world) {
		w.pass(9 * time.Hour)
		w.repo.commit("mailops.yaml", organization("drift: {default: heal}\n"),
			"carla.yaml", "kind: User\naddress: carla@acme.example\nschedule: [{from: 2000-01-01T08:00, until: 2000-01-01T10:00, set: {mailboxActions: {pop: true}}}]\n")
		w.start()
		w.is("carla", "mailboxActions.pop", "on")
		w.by("bruno", "mailboxActions.pop", "true")
		w.pass(time.Minute)
		w.is("bruno", "mailboxActions.pop", "off")
		w.stop()
		before.store, before.repo = w.store, w.repo
	})
	inWorld(t, func(w *world) { // begins at midnight again
		w.store = before.store
		w.repo.revisions = before.repo.revisions
		w.start()
		w.is("carla", "mailboxActions.pop", "off")
		id := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Minute)
		w.inForce(id, "")
		w.is("bruno", "name", "Bruno")
		w.by("bruno", "mailboxActions.pop", "true")
		w.pass(time.Minute)
		w.is("bruno", "mailboxActions.pop", "off")
		w.pass(7*time.Hour + 59*time.Minute)
		w.is("carla", "mailboxActions.pop", "on")
		w.pass(2 * time.Hour)
		w.is("carla", "mailboxActions.pop", "off")
		if s := w.agent.Status(); s.Error != "" || s.Result != agent.ResultIdle && s.Result != agent.ResultApplied {
			t.Errorf("status %q %q", s.Result, s.Error)
		}
	})
}

// TestClockForth: a clock that jumps ahead is time that has passed: what was to
// begin has begun, what was to end has ended, and nothing is done twice.
func TestClockForth(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("carla.yaml", "kind: User\naddress: carla@acme.example\nschedule: [{from: 2000-01-01T00:30, until: 2000-01-01T00:50, set: {status: suspended}}]\n",
			"bruno.yaml", "kind: User\naddress: bruno@acme.example\nschedule: [{from: 2000-01-01T00:30, until: 2000-01-02, set: {status: suspended}}]\n")
		w.start()
		w.stop()
		time.Sleep(time.Hour) // nobody looks
		w.start()
		w.is("carla", "status", "active")
		w.is("bruno", "status", "suspended")
		runs := w.runs()
		w.pass(3 * time.Hour)
		if w.runs() != runs {
			t.Errorf("%d more runs", w.runs()-runs)
		}
	})
}

// TestTwins: two agents of one name do not take the store from each other for
// ever: who was fenced once stands by.
func TestTwins(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit()
		w.start()
		twin := &world{T: w.T, repo: &repo{moved: make(chan struct{}, 1)}, store: w.store, wrap: w.wrap}
		twin.repo.revisions = w.repo.revisions
		twin.start()
		defer func() { twin.stop() }()
		w.pass(time.Hour)
		if one, two := w.agent.Status(), twin.agent.Status(); one.Result != agent.ResultStandby || two.Epoch != 2 {
			t.Errorf("the first is %q, and the second has epoch %d", one.Result, two.Epoch)
		}
		twin.stop()
		w.pass(time.Minute)
		if one := w.agent.Status(); one.Epoch != 3 {
			t.Errorf("the first does not take over: %q, epoch %d", one.Result, one.Epoch)
		}
		twin.start()
		w.pass(time.Minute)
	})
}

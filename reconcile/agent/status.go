package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/window"
)

// StatusFormat names the JSON form of a Status.
const StatusFormat = "mailops.status/v1"

// A Status is all that an agent knows about itself. It holds no secrets.
type Status struct {
	Format  string    `json:"format"`
	At      time.Time `json:"at"`
	Version string    `json:"version,omitempty"`
	Result  Result    `json:"result"`
	Failed  int       `json:"failed,omitempty"` // looks in a row that did not do everything
	Error   string    `json:"error,omitempty"`
	Next    time.Time `json:"next"` // when it looks again, if nothing else happens

	// What Error says of the repository, and of the live store.
	SourceError string `json:"sourceError,omitempty"`
	StoreError  string `json:"storeError,omitempty"`

	Organization string `json:"organization,omitempty"`
	Timezone     string `json:"timezone,omitempty"`
	Store        string `json:"store"`
	Epoch        int64  `json:"epoch,omitempty"` // of the lease; 0: it does not lead the store

	InForce *InForce `json:"inForce,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"` // on the newest revision, where it is not in force or waits in part
	Want    Counted  `json:"want"`
	Live    Counted  `json:"live"`

	Problems schema.Problems      `json:"problems,omitempty"` // that keep time from going on
	Findings []reconcile.Finding  `json:"findings,omitempty"` // that refuse to keep the commit in force
	Waiting  []reconcile.Held     `json:"waiting,omitempty"`  // changes that are asked for and wait
	Drift    []Drifted            `json:"drift,omitempty"`
	Plan     *reconcile.Plan      `json:"plan,omitempty"` // the last one that had changes or was refused
	Pauses   reconcile.Pauses     `json:"pauses,omitempty"`
	Window   window.State         `json:"window"`
	Budget   reconcile.BudgetLeft `json:"budget"`
	Coming   []Coming             `json:"coming,omitempty"` // what will change by itself
	Proposal Proposed             `json:"proposal,omitzero"`
	Unset    []string             `json:"unset,omitempty"` // variables of passwords that are not set

	Publication *Publication `json:"publication,omitempty"` // of snapshots; nil where this agent publishes none
}

// InForce is the commit that the store is kept to.
type InForce struct {
	Revision
	Since time.Time `json:"since"`
	Run   int64     `json:"run"`
	Whole bool      `json:"whole"` // all of it was carried out
}

// Counted is how many resources there are.
type Counted struct {
	Users   int `json:"users"`
	Aliases int `json:"aliases"`
	Lists   int `json:"lists"`
	Domains int `json:"domains"`
}

// Drifted is what somebody else changed, and what is done about it.
type Drifted struct {
	reconcile.Held
	By   string    `json:"by,omitempty"`   // who, where the store can tell
	Left string    `json:"left,omitempty"` // why it is not proposed, where it is to be adopted
	On   time.Time `json:"on,omitzero"`    // when
}

// Coming is a change that needs no commit.
type Coming struct {
	At   time.Time      `json:"at"`
	User schema.Address `json:"user"`
	Text string         `json:"text"`
}

// Proposed is drift that was written as a change of the declarations.
type Proposed struct {
	Where string                `json:"where,omitempty"` // a branch, or a folder
	Took  int                   `json:"took"`
	Left  map[schema.Key]string `json:"-"` // what could not be adopted, and why
}

// statusBoard is where the loop leaves its status for whoever asks.
type statusBoard struct {
	sync.Mutex
	now Status
}

func (b *statusBoard) get() Status {
	b.Lock()
	defer b.Unlock()
	return b.now
}

func (b *statusBoard) set(s Status) {
	b.Lock()
	defer b.Unlock()
	b.now = s
}

// said is the text of an error; "" is none.
func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// snapshot is what is known at the end of a look.
func (p *pass) snapshot() Status {
	h, r := &p.hand, &p.report
	s := Status{Format: StatusFormat, At: r.At, Version: p.Version, Result: r.Result, Failed: p.failed, Next: p.pollAt.UTC(),
		Store: p.Name, Problems: r.Problems, Findings: r.Findings, Plan: h.plan, Window: h.window}
	s.Error, s.SourceError, s.StoreError = said(r.Err), said(r.Source), said(r.Store)
	if p.lease != nil {
		s.Epoch = p.lease.Epoch()
	}
	if h.verdict.State != "" && h.verdict.State != StateApplied {
		v := h.verdict
		s.Verdict = &v
	}
	s.Live = count(h.live.State)
	s.Pauses = h.pauses.InForce(r.At)
	if h.force != nil {
		w := h.force.want
		s.InForce = &InForce{h.force.Revision, h.since, h.run, h.whole}
		s.Organization, s.Timezone, s.Want = w.Organization.Name, w.Organization.Timezone, count(w.State)
		s.Budget = reconcile.Left(h.live.State, h.runs, w.Organization.Guards, r.At)
		for _, u := range w.Unset {
			s.Unset = append(s.Unset, u.Variable)
		}
		s.Coming = slices.DeleteFunc(slices.Clone(h.coming), func(c Coming) bool { return !c.At.After(r.At) })
	}
	s.Waiting, s.Drift = h.apart()
	s.Proposal = h.proposal
	s.Publication = p.publication()
	return s
}

// apart tells what waits from what drifts.
func (h *hand) apart() (waiting []reconcile.Held, drift []Drifted) {
	for _, held := range h.heldNow {
		own, others := held, held
		own.Fields = slices.DeleteFunc(slices.Clone(held.Fields), func(f reconcile.FieldChange) bool { return f.Drift })
		others.Fields = slices.DeleteFunc(slices.Clone(held.Fields), func(f reconcile.FieldChange) bool { return !f.Drift })
		if len(own.Fields) > 0 {
			waiting = append(waiting, own)
		}
		if len(others.Fields) > 0 {
			note := h.notes[held.Name]
			d := Drifted{Held: others, By: note.By, On: note.At}
			if held.Why == reconcile.HeldAdopt {
				d.Left = h.proposal.Left[held.Key]
			}
			drift = append(drift, d)
		}
	}
	return waiting, drift
}

func count(s schema.State) Counted {
	var c Counted
	for _, r := range s {
		switch r.(type) {
		case *schema.User:
			c.Users++
		case *schema.Alias:
			c.Aliases++
		case *schema.List:
			c.Lists++
		case *schema.Domain:
			c.Domains++
		}
	}
	return c
}

// foresee works out what will change by itself in the next two weeks, when that
// may be something else than it was.
func (p *pass) foresee(ctx context.Context) error {
	const ahead, most, again = 14 * 24 * time.Hour, 200, time.Hour
	h := &p.hand
	if h.force == nil || h.force.want.At.Sub(h.foreseen) < again && h.foreseenFor == h.force.ID && len(h.force.want.Timed) == h.foreseenTimed {
		return nil
	}
	coming, err := h.tracker.Upcoming(ctx, h.force.want, h.force.fs, h.force.want.At.Add(ahead), most)
	if err != nil {
		return fmt.Errorf("look ahead: %w", err)
	}
	h.coming = nil
	for _, t := range coming {
		h.coming = append(h.coming, Coming{t.At, t.User, t.Reason})
	}
	h.foreseen, h.foreseenFor, h.foreseenTimed = h.force.want.At, h.force.ID, len(h.force.want.Timed)
	return nil
}

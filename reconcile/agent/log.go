package agent

import (
	"fmt"

	"mailops/reconcile"
)

// log writes one line for a look that did or found something, one for each change,
// and one for each problem, refusal, drift and change that waits, when it is new.
func (p *pass) log(s *Status) {
	p.logLook()
	p.logVerdict()
	p.logNew(s)
	if p.report.Proposed != "" {
		p.Log.Info("agent: proposed what others changed as a change of the declarations", "where", p.report.Proposed)
	}
	if p.report.Run == 0 {
		return
	}
	for i := range p.report.Plan.Changes {
		c := &p.report.Plan.Changes[i]
		drift := false
		for _, f := range c.Fields {
			drift = drift || f.Drift
		}
		p.Log.Info("agent: change", "run", p.report.Run, "op", c.Op, "kind", c.Kind, "name", c.Name, "fields", paths(c), "drift", drift)
	}
}

func paths(c *reconcile.Change) []string {
	out := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		out[i] = f.Path
	}
	return out
}

// logLook sums a look up. That it stands by is said once.
func (p *pass) logLook() {
	r := &p.report
	attrs := []any{"result", r.Result, "causes", r.Causes, "seconds", r.Duration.Seconds()}
	switch {
	case r.Result == ResultFailed:
		p.Log.Error("agent: look", append(attrs, "error", r.Err.Error(), "retry", p.pollAt)...)
	case r.Result == ResultStandby && p.stoodBy == r.Err.Error():
		p.Log.Debug("agent: stands by", attrs...)
	case r.Result == ResultStandby:
		p.Log.Info("agent: stands by", append(attrs, "error", r.Err.Error())...)
	case r.Run != 0:
		p.Log.Info("agent: look", append(attrs, "run", r.Run, "revision", r.Revision.ID, "created", r.Plan.Summary.Create, "updated", r.Plan.Summary.Update, "deleted", r.Plan.Summary.Delete)...)
	case r.Verdict != nil:
		p.Log.Warn("agent: look", append(attrs, "revision", r.Verdict.Revision.ID, "state", r.Verdict.State)...)
	default:
		p.Log.Debug("agent: look", attrs...)
	}
	if p.stoodBy = ""; r.Result == ResultStandby {
		p.stoodBy = r.Err.Error()
	}
}

// How many problems of a commit, and changes that wait, the log has; the status has
// all.
const (
	mostLogged  = 20
	mostWaiting = 200
)

// logVerdict writes what is wrong with the newest commit, when that is news.
func (p *pass) logVerdict() {
	v := p.report.Verdict
	if v == nil {
		return
	}
	if v.Text != "" {
		p.Log.Warn("agent: commit", "revision", v.Revision.ID, "state", v.State, "text", v.Text)
	}
	for _, problem := range v.Problems[:min(mostLogged, len(v.Problems))] {
		p.Log.Warn("agent: problem", "revision", v.Revision.ID, "at", problem.Pos.String(), "rule", problem.Rule, "name", problem.Name, "text", problem.Message)
	}
	for _, f := range v.Findings {
		p.Log.Warn("agent: refusal", "revision", v.Revision.ID, "rule", f.Rule, "text", f.Text, "allow", f.Allow)
	}
}

// logNew writes what was not there at the last look: what drifts, what waits, and
// what refuses to keep the commit in force.
func (p *pass) logNew(s *Status) {
	now := make(map[string]bool)
	fresh := func(key ...any) bool {
		k := fmt.Sprint(key...)
		now[k] = true
		return !p.hand.logged[k]
	}
	for i := range s.Drift {
		if d := &s.Drift[i]; fresh("drift", d.Key, d.Op, paths(&d.Change), d.Why, d.Left) {
			p.Log.Warn("agent: drift", "kind", d.Kind, "name", d.Name, "takes", d.Op, "fields", paths(&d.Change), "why", d.Why, "by", d.By, "left", d.Left)
		}
	}
	if n := len(s.Waiting) - mostWaiting; n > 0 && fresh("more wait", n) {
		p.Log.Info("agent: waits", "more", n)
	}
	for i := range s.Waiting[:min(mostWaiting, len(s.Waiting))] {
		if h := &s.Waiting[i]; fresh("waits", h.Key, h.Op, paths(&h.Change), h.Why) {
			p.Log.Info("agent: waits", "kind", h.Kind, "name", h.Name, "op", h.Op, "fields", paths(&h.Change), "why", h.Why, "until", h.Until, "reason", h.Reason)
		}
	}
	for _, f := range s.Findings {
		if fresh("finding", f.Rule, f.Text) {
			p.Log.Warn("agent: refusal", "rule", f.Rule, "text", f.Text, "allow", f.Allow)
		}
	}
	p.hand.logged = now
}

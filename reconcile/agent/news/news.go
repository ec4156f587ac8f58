// Package news turns what an agent reports into what people are told: events for
// notify, and the status and comment of a commit for forge. Imports: reconcile,
// reconcile/agent, reconcile/agent/notify, reconcile/agent/forge, schema.
package news

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/forge"
	"mailops/reconcile/agent/notify"
)

// A Desk hears what an agent reports, and passes it on. It implements
// agent.Observer, and never makes the agent wait.
type Desk struct {
	Notifier *notify.Notifier // nil: nobody is told
	Forge    forge.Forge      // nil: commits have no status
	URL      string           // of the agent's page, for links
	Log      *slog.Logger

	mu    sync.Mutex
	fails bool
	stale bool   // snapshots are not published
	drift string // what was told last
	queue chan verdict
}

// New makes a desk.
func New(n *notify.Notifier, f forge.Forge, url string, log *slog.Logger) *Desk {
	return &Desk{Notifier: n, Forge: f, URL: url, Log: log, queue: make(chan verdict, 100)}
}

// Ran implements agent.Observer.
func (d *Desk) Ran(r agent.Report, s *agent.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Notifier != nil {
		for _, e := range d.events(&r, s) {
			e.Organization, e.Store, e.URL = s.Organization, s.Store, d.URL
			d.Notifier.Tell(e)
		}
	}
	if d.Forge == nil {
		return
	}
	if v, ok := verdictOf(&r, s); ok {
		select {
		case d.queue <- v:
		default:
			d.Log.Warn("news: the forge is too slow: a commit's status is left out", "revision", v.commit)
		}
	}
}

// Published implements agent.Observer. What fails is told while it does, and that
// it is over once.
func (d *Desk) Published(s *agent.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := s.Publication.Failed > 0
	if d.Notifier == nil || !failed && !d.stale {
		return
	}
	d.stale = failed
	e := publishedEvent(s)
	e.Organization, e.Store, e.URL = s.Organization, s.Store, d.URL
	d.Notifier.Tell(e)
}

// Run passes on until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	var all sync.WaitGroup
	if d.Notifier != nil {
		all.Go(func() { d.Notifier.Run(ctx) })
	}
	if d.Forge != nil {
		all.Go(func() { d.post(ctx) })
	}
	all.Wait()
}

// events are the news of a look.
func (d *Desk) events(r *agent.Report, s *agent.Status) []notify.Event {
	var out []notify.Event
	switch {
	case r.Result == agent.ResultFailed && !errors.Is(r.Err, context.Canceled):
		d.fails = true
		out = append(out, notify.Event{Kind: notify.Failed, Key: "agent", Title: "mailops cannot do its work: " + r.Err.Error(),
			Lines: []string{"It tries again by itself. What was applied before stays in force."}})
	case d.fails && r.Result != agent.ResultStandby:
		d.fails = false
		out = append(out, notify.Event{Kind: notify.Recovered, Key: "agent", Title: "mailops works again"})
	}
	if v := r.Verdict; v != nil && isWrong(v.State) {
		out = append(out, about(notify.Event{Kind: notify.Refused, Title: title(v), Lines: reasons(v)}, v.Revision))
	}
	if len(r.Findings) > 0 {
		out = append(out, notify.Event{Kind: notify.Refused, Key: "keeping " + r.Findings[0].Rule, Title: "a guard refuses to keep the live store as declared", Lines: findingLines(kept(s), r.Findings)})
	}
	if r.Run != 0 && r.Newer {
		out = append(out, about(notify.Event{Kind: notify.Applied, Title: appliedTitle(r), Lines: planLines(r.Plan)}, r.Revision))
	}
	return append(out, d.drifted(r, s)...)
}

// drifted tells of drift when it is another than before, and of what was taken
// back.
func (d *Desk) drifted(r *agent.Report, s *agent.Status) []notify.Event {
	var out []notify.Event
	if lines := healedLines(r); len(lines) > 0 {
		out = append(out, notify.Event{Kind: notify.Drift, Key: "healed " + strings.Join(lines, "\n"), Title: "changes by others were taken back", Lines: lines})
	}
	lines := driftLines(s)
	text := strings.Join(lines, "\n")
	if text != d.drift && len(lines) > 0 {
		e := notify.Event{Kind: notify.Drift, Key: text, Title: "the live store has what no commit made", Lines: lines}
		if s.Proposal.Where != "" {
			e.Lines = append(e.Lines, "proposed as a change of the declarations: "+s.Proposal.Where)
		}
		out = append(out, e)
	}
	d.drift = text
	return out
}

// kept is the revision that the store is kept to.
func kept(s *agent.Status) string {
	if s.InForce == nil {
		return ""
	}
	return s.InForce.ID
}

func isWrong(s agent.State) bool {
	return s == agent.StateInvalid || s == agent.StateRefused || s == agent.StateRewritten
}

func about(e notify.Event, r agent.Revision) notify.Event {
	e.Revision, e.Author, e.Subject = r.ID, r.Author, r.Subject
	return e
}

package news

import (
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/notify"
)

// publishedEvent tells how the publishing of snapshots stands.
func publishedEvent(s *agent.Status) notify.Event {
	const key = "snapshot" // and not that of looks, which go on
	p := s.Publication
	if p.Failed == 0 {
		return notify.Event{Kind: notify.Recovered, Key: key, Title: "mailops publishes snapshots of the live store again"}
	}
	e := notify.Event{Kind: notify.Failed, Key: key, Title: "mailops cannot publish a snapshot of the live store: " + p.Error,
		Lines: []string{"It tries again by itself. Commits are applied all the same."}}
	last := "No snapshot was published since the agent began; previews of pull requests may have none."
	if !p.At.IsZero() {
		last = "Previews of pull requests are against what was live at " + p.At.Format("2006-01-02 15:04 UTC") + ", until they refuse that as too old."
	}
	e.Lines = append(e.Lines, last)
	return e
}

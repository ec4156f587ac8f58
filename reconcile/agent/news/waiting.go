package news

import (
	"fmt"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/preview"
)

// whyWords say why a change waits.
var whyWords = map[reconcile.Why]string{
	reconcile.HeldPaused:  "paused",
	reconcile.HeldWindow:  "outside the change window",
	reconcile.HeldRefused: "refused",
	reconcile.HeldWith:    "with another change that waits",
}

// Waiting says what waits and why, until when and for what reason, in the time
// zone of the organization: a line for all that wait for the same.
func Waiting(held []reconcile.Held, timezone string) []string {
	type group struct {
		reason string
		keys   []string
	}
	var groups []group
	index := make(map[string]int)
	for i := range held {
		reason := reasonOf(&held[i], timezone)
		at, known := index[reason]
		if !known {
			at, groups = len(groups), append(groups, group{reason: reason})
			index[reason] = at
		}
		groups[at].keys = append(groups[at].keys, held[i].Key.String())
	}
	var out []string
	for _, g := range groups {
		out = append(out, few(g.keys)+" ("+g.reason+")")
	}
	return out
}

// reasonOf is why a change waits, until when, and for what reason.
func reasonOf(h *reconcile.Held, timezone string) string {
	text, known := whyWords[h.Why]
	if !known {
		text = string(h.Why)
	}
	if !h.Until.IsZero() {
		zone, err := time.LoadLocation(timezone)
		if err != nil {
			zone = time.UTC
		}
		text += " until " + h.Until.In(zone).Format("2006-01-02 15:04 MST")
	}
	if h.Reason != "" {
		text += ": " + preview.Plain(h.Reason)
	}
	return text
}

// few names the first of many, and counts the others.
func few(keys []string) string {
	const most = 3
	if len(keys) <= most+1 {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(keys[:most], ", "), preview.Number(len(keys)-most))
}

package notify

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Kind says what happened.
type Kind string

// What people are told.
const (
	Applied   Kind = "applied"   // a revision is in force
	Refused   Kind = "refused"   // a revision is invalid, or a guard stopped it
	Drift     Kind = "drift"     // the store has what no commit made
	Failed    Kind = "failed"    // the agent could not do its work
	Recovered Kind = "recovered" // it can again
)

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Applied, Refused, Drift, Failed, Recovered} }

// Format is the Format of every Event: what a webhook's body looks like.
const Format = "mailops.event/v1"

// An Event is one thing to tell. All texts are plain: a channel escapes what
// its receiver would read as markup. None may hold a secret.
type Event struct {
	Format       string    `json:"format"` // set by Tell
	ID           string    `json:"id"`     // set by Tell when empty; the same in every attempt to send it
	Kind         Kind      `json:"kind"`
	At           time.Time `json:"at"` // set by Tell when zero
	Organization string    `json:"organization,omitempty"`
	Store        string    `json:"store,omitempty"`
	Revision     string    `json:"revision,omitempty"` // the commit
	Author       string    `json:"author,omitempty"`   // of the commit
	Subject      string    `json:"subject,omitempty"`  // of the commit
	Title        string    `json:"title"`              // one line
	Lines        []string  `json:"lines,omitempty"`    // effects, findings with file:line, drift
	URL          string    `json:"url,omitempty"`      // of the status page

	// Key is what the event is about: equal kinds of one key are told once in a
	// while. Without one it is about its revision.
	Key string `json:"key,omitempty"`

	// Dropped is how many older messages this channel lost; set on the way out.
	Dropped int `json:"dropped,omitempty"`
}

const (
	mostLines = 200  // lines that a message shows
	mostLine  = 1000 // characters of a line
)

// tidy fills in what Tell promises, and makes every text fit to be sent: one
// line each, of bounded length, and not the caller's memory.
func tidy(e Event) Event {
	e.Format, e.Dropped = Format, 0
	if e.ID = oneLine(e.ID); e.ID == "" {
		e.ID = rand.Text()
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = e.At.UTC()
	if e.Key == "" {
		e.Key = e.Revision
	}
	e.Store = withoutPassword(e.Store)
	for _, text := range []*string{&e.Organization, &e.Store, &e.Revision, &e.Author, &e.Subject, &e.Title, &e.URL, &e.Key} {
		*text = oneLine(*text)
	}
	e.Lines = tidyLines(e.Lines)
	return e
}

func tidyLines(lines []string) []string {
	more := len(lines) - mostLines
	out := slices.Clone(lines[:min(len(lines), mostLines)])
	for i := range out {
		out[i] = oneLine(out[i])
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more lines", more))
	}
	return out
}

// oneLine makes a text harmless to whoever shows it: no line ends, which would
// begin a header or a row of their own, and no marks that turn the direction of
// writing, which would let a text pass for another.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return cut(strings.TrimRight(s, " "), mostLine)
}

// cut shortens a text to so many characters, and shows that it did.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// withoutPassword takes the password out of a store's URL. The caller should
// have done so; this is for the day when it did not.
func withoutPassword(store string) string {
	u, err := url.Parse(store)
	if err != nil || u.User == nil {
		return store
	}
	return u.Redacted()
}

// facts are the lines that tell where an event comes from.
func facts(e *Event) []string {
	var out []string
	say := func(name, value string) {
		if value != "" {
			out = append(out, name+": "+value)
		}
	}
	commit := cut(strings.TrimPrefix(e.Revision, "git:"), 41) // a SHA-1 in full, a SHA-256 shortened
	if e.Author != "" {
		commit += " by " + e.Author
	}
	if e.Subject != "" {
		commit += ": " + e.Subject
	}
	say("Commit", strings.TrimSpace(commit))
	say("Store", e.Store)
	say("At", e.At.Format(time.RFC3339))
	return out
}

// headline is an event in one line.
func headline(e *Event) string {
	line := string(e.Kind) + ": " + e.Title
	if e.Organization != "" {
		line = "[" + e.Organization + "] " + line
	}
	return oneLine(line)
}

// loss says what the receiver did not get; "" is nothing.
func loss(e *Event) string {
	switch e.Dropped {
	case 0:
		return ""
	case 1:
		return "1 older message was dropped."
	}
	return fmt.Sprintf("%d older messages were dropped.", e.Dropped)
}

package hosted

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// An Outcome is what an answer means for the call.
type Outcome string

// The outcomes. After Refused and those before it, others can go on.
const (
	Done        Outcome = "done"        // the service says so; reading it back is what counts
	Already     Outcome = "already"     // it was so: a repeat did no harm
	Refused     Outcome = "refused"     // this call alone: nothing of it was done
	Unknown     Outcome = "unknown"     // cut off or unreadable: it may have been done
	Throttled   Outcome = "throttled"   // too many requests: nothing was done, go on at Until
	TokenFailed Outcome = "tokenFailed" // the credentials are not good: stop
	Failed      Outcome = "failed"      // the service cannot be reached or is not what it should be, and nothing was done: stop
)

// Stops reports whether no other call can go better.
func (o Outcome) Stops() bool { return o == Throttled || o == TokenFailed || o == Failed }

// OK reports whether what the call asks for is so, as far as the service says.
func (o Outcome) OK() bool { return o == Done || o == Already }

// An Answer is what became of a call.
type Answer struct {
	Outcome Outcome         `json:"outcome"`
	Status  int             `json:"status,omitempty"` // of HTTP; 0 is no answer
	Text    string          `json:"text,omitempty"`   // the service's words or ours, cleaned
	Until   time.Time       `json:"until,omitzero"`   // Throttled: when to go on
	Data    json.RawMessage `json:"-"`                // what it brought
}

// An Error is a call that did not come out well.
type Error struct {
	Call   string // its name
	Answer Answer
}

// Error says what became of the call.
func (e *Error) Error() string { return e.Call + ": " + e.Answer.words() }

func (a Answer) words() string {
	text := a.Text
	if text == "" && a.Status > 0 {
		text = fmt.Sprintf("it answers %d without words", a.Status)
	}
	switch a.Outcome {
	case Unknown:
		return text + ": whether it was done is not known"
	case Throttled:
		return fmt.Sprintf("%s: go on after %s", text, a.Until.UTC().Format(time.RFC3339))
	}
	return text
}

// Err is nil when the outcome is OK, and an *Error otherwise.
func (a Answer) Err(call string) error {
	if a.Outcome.OK() {
		return nil
	}
	return &Error{Call: call, Answer: a}
}

// mostText is how much of what a service says is worth telling.
const mostText = 300

// Clean makes a text of others fit for an error, a log and a terminal: one line,
// not long, nothing that cannot be printed, and none of the secrets.
func Clean(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 { // what is shorter would tell where it was
			text = strings.ReplaceAll(text, s, "(secret)")
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > mostText {
		text = string(runes[:mostText-1]) + "…"
	}
	return text
}

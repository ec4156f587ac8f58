package arraysim

import (
	"fmt"
	"strings"
	"time"

	"mailops/reconcile/simhttp"
)

// Quirks are what clients warn of and what they leave open. The zero value is a
// service without surprises: what each field does then is said beside it.
type Quirks struct {
	simhttp.Quirks

	Numbers     string        `json:"numbers,omitempty"`     // one of NumberForms
	TokenLife   time.Duration `json:"tokenLife,omitempty"`   // how long a token is good; the vendor's module keeps one for 300 s, the truth is not known; 0 is for ever
	MemberForm  string        `json:"memberForm,omitempty"`  // one of MemberForms: what getListMembers lists was not found
	NullStrings bool          `json:"nullStrings,omitempty"` // what is not known is the string "null"
	DisabledOut bool          `json:"disabledOut,omitempty"` // a disabled user is not signed in, which is not documented; otherwise is
}

// The forms, the first of each being what happens otherwise.
var (
	NumberForms = []string{"mixed", "quoted", "bare"} // quoted in every other row; all; none
	MemberForms = []string{"texts", "objects"}        // addresses; objects with the address as member
)

// Words describes what ParseQuirks understands, for a command's help.
const Words = simhttp.Words + `  the hosts are primary and fallback: fail=502,host=primary

  numbers=quoted          or bare; otherwise quoted in every other row
  token-life=300s         how long a token is good; otherwise for ever
  member-form=objects     getListMembers lists objects; otherwise addresses
  null-strings            what is not known is the string "null"
  disabled-out            a disabled user is not signed in, with a one-time password either
`

// ParseQuirks reads quirks, a word each, as Words has them.
func ParseQuirks(words ...string) (Quirks, error) {
	var q Quirks
	if err := q.SetAll(words, q.set); err != nil {
		return Quirks{}, err
	}
	return q, nil
}

// set adds a quirk of this service.
func (q *Quirks) set(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "numbers":
		q.Numbers, err = simhttp.OneOf(value, NumberForms...)
	case "token-life":
		q.TokenLife, err = time.ParseDuration(value)
	case "member-form":
		q.MemberForm, err = simhttp.OneOf(value, MemberForms...)
	case "null-strings":
		q.NullStrings = true
	case "disabled-out":
		q.DisabledOut = true
	default:
		err = fmt.Errorf("there is no such quirk")
	}
	if err != nil {
		return fmt.Errorf("quirk %s: %w", word, err)
	}
	return nil
}

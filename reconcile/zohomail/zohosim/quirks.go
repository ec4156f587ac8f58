package zohosim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"mailops/reconcile/simhttp"
)

// Quirks are what documentation warns of and what it leaves open. The zero value
// is a service without surprises: what each field does then is said beside it.
type Quirks struct {
	simhttp.Quirks

	Regress       time.Duration `json:"regress,omitempty"`       // for so long after a name was changed, every second look shows the one before (§1.2); 0 never
	RepeatRow     bool          `json:"repeatRow,omitempty"`     // each page of users begins with the last row of the one before (§1.4)
	FirstRow      int           `json:"firstRow,omitempty"`      // the number of the first row, 0 or 1: the documentation says one and shows the other (§1.4)
	MaxLimit      int           `json:"maxLimit,omitempty"`      // a page has no more rows, whatever was asked: a maximum is not documented (§1.4); 0 is none
	OneAsObject   bool          `json:"oneAsObject,omitempty"`   // a list of one row is the row (§1.4)
	GroupsStop    int           `json:"groupsStop,omitempty"`    // the list of groups has no more rows, and no second page; seen at 10 by a public client; 0 is none
	IDs           string        `json:"ids,omitempty"`           // one of IDForms (§1.3)
	Bools         string        `json:"bools,omitempty"`         // one of BoolForms (§1.6)
	ForwardForm   string        `json:"forwardForm,omitempty"`   // one of ForwardForms (§1.6)
	NoForward     bool          `json:"noForward,omitempty"`     // mailForward is absent: forwarding cannot be read (§1.4)
	NullStrings   bool          `json:"nullStrings,omitempty"`   // what is not known is the string "null" (§1.4)
	NoRoleName    bool          `json:"noRoleName,omitempty"`    // roleName is absent (§1.4)
	Created       int           `json:"created,omitempty"`       // the status of a creation, 200 or 201: clients disagree (§1.5); 0 is 200
	Already       string        `json:"already,omitempty"`       // one of AlreadyForms: what is asked for twice is an error (§1.2)
	ErrorsIn      string        `json:"errorsIn,omitempty"`      // one of ErrorForms (§1.2)
	DisabledAs    string        `json:"disabledAs,omitempty"`    // one of DisabledForms: how a record shows that a user is disabled is not documented (§1.4)
	WrongRegion   bool          `json:"wrongRegion,omitempty"`   // the credentials belong to another data centre (§1.1)
	Revoked       bool          `json:"revoked,omitempty"`       // the refresh token and what it gave are worth nothing any more
	TokenThrottle bool          `json:"tokenThrottle,omitempty"` // the token endpoint says that there were too many requests (§1.1)
}

// The forms, the first of each being what happens otherwise.
var (
	IDForms       = []string{"mixed", "bare", "quoted"}                                             // accountId quoted and zuid bare; both one way
	BoolForms     = []string{"both", "strings", "booleans"}                                         // what is accepted as true and false
	ForwardForms  = []string{"both", "list", "string"}                                              // what is accepted as mailForward
	AlreadyForms  = []string{"", "spaces", "underscores"}                                           // success; ALREADY ENABLED, NOT ENABLED; ALREADY_ENABLED, ALREADY DISABLED
	ErrorForms    = []string{"moreInfo", "error", "errorCode", "errorData", "message", "empty"}     // where an error's text is; empty has no body
	DisabledForms = []string{"enabled and status", "enabled", "status", "mailboxStatus", "nothing"} // which fields say so
)

// Words describes what ParseQuirks understands, for a command's help.
const Words = simhttp.Words + `
  regress=30s             a changed name shows as the one before at every second look, for so long
  repeat-row              each page of users begins with the last row of the one before
  first-row=1             rows are counted from 1
  max-limit=20            a page of users has no more rows
  one-as-object           a list of one row is the row
  groups-stop=10          the list of groups ends there
  ids=bare                or quoted; otherwise accountId is quoted and zuid is not
  bools=strings           or booleans; otherwise both are accepted
  forward-form=list       or string; otherwise both are accepted
  no-forward              mailForward is absent
  null-strings            what is not known is the string "null"
  no-role-name            roleName is absent
  created=201             the status of a creation; otherwise 200
  already=spaces          or underscores: what is asked for twice is an error
  errors-in=error         or errorCode, errorData, message, empty; otherwise moreInfo
  disabled-as=status      or enabled, mailboxStatus, nothing; otherwise enabled and status
  wrong-region            the credentials belong to another data centre
  revoked                 the refresh token is revoked
  token-throttle          the token endpoint says that there were too many requests
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
	if flag := q.flag(name); flag != nil && value == "" {
		*flag = true
		return nil
	}
	switch name {
	case "regress":
		q.Regress, err = time.ParseDuration(value)
	case "first-row":
		q.FirstRow, err = oneNumber(value, 0, 1)
	case "max-limit":
		q.MaxLimit, err = strconv.Atoi(value)
	case "groups-stop":
		q.GroupsStop, err = strconv.Atoi(value)
	case "created":
		q.Created, err = oneNumber(value, 200, 201)
	case "ids":
		q.IDs, err = simhttp.OneOf(value, IDForms...)
	case "bools":
		q.Bools, err = simhttp.OneOf(value, BoolForms...)
	case "forward-form":
		q.ForwardForm, err = simhttp.OneOf(value, ForwardForms...)
	case "already":
		q.Already, err = simhttp.OneOf(value, AlreadyForms...)
	case "errors-in":
		q.ErrorsIn, err = simhttp.OneOf(value, ErrorForms...)
	case "disabled-as":
		q.DisabledAs, err = simhttp.OneOf(value, DisabledForms...)
	default:
		err = fmt.Errorf("there is no such quirk")
	}
	if err != nil {
		return fmt.Errorf("quirk %s: %w", word, err)
	}
	return nil
}

// flag is the quirk of this name that is on or off, or nil.
func (q *Quirks) flag(name string) *bool {
	return map[string]*bool{
		"repeat-row": &q.RepeatRow, "one-as-object": &q.OneAsObject, "no-forward": &q.NoForward,
		"null-strings": &q.NullStrings, "no-role-name": &q.NoRoleName, "wrong-region": &q.WrongRegion,
		"revoked": &q.Revoked, "token-throttle": &q.TokenThrottle,
	}[name]
}

// oneNumber is a number that must be one of two.
func oneNumber(value string, a, b int) (int, error) {
	if _, err := simhttp.OneOf(value, strconv.Itoa(a), strconv.Itoa(b)); err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

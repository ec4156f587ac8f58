// Package emailarray speaks the API of EmailArray, which PolarisMail operates:
// forms that are posted, JSON that comes back, and a returncode that says under
// HTTP 200 whether anything was done. It rests on what the vendor's own module
// for a billing system and a public client send and read, as the fact sheet
// collects it (§4), and was never run against the service. What no client does,
// it does not do; what they leave open is one of [Settings], or cannot be observed.
//
// Reading and changing are functions of values: an answer becomes a record, a
// change becomes operations. Only [Client] sends, and [Service] is what makes a
// store of it. Imports: schema, reconcile, reconcile/internal/hosted, its package
// piecemeal and the standard library.
package emailarray

import (
	"fmt"
	"slices"
	"time"

	"mailops/schema"
)

// Settings are what nobody documents, and a setting therefore decides. The
// zero value is what the fact sheet makes likely.
type Settings struct {
	// QuotaStep is the smallest part of a quota that the service keeps; 0 is
	// 1 MB. Quotas are written with decimals, and how many of them count is not
	// said.
	QuotaStep schema.Bytes

	// Disabled is the status that disableUser brings about, suspended or
	// deactivated: whether a disabled mailbox still takes mail is not said. "" is
	// suspended, which promises less.
	Disabled string

	// Late is how long reads may show what was before a write; 0 is not at all. So
	// long is waited after a refusal, too, until it is taken for one.
	Late time.Duration

	// PageSize is how many users are asked for at a time; 0 is 1000, and AllAtOnce
	// is all of a domain. The most is not documented, and fewer in an answer are
	// understood.
	PageSize int
}

// AllAtOnce is the PageSize of a list in one answer.
const AllAtOnce = -1

// check says what no service can do.
func (s Settings) check() error {
	switch {
	case s.QuotaStep < 0 || s.QuotaStep%megabyte != 0:
		return fmt.Errorf("the step of a quota is %s: want whole MB", s.QuotaStep)
	case !slices.Contains([]string{"", schema.StatusSuspended, schema.StatusDeactivated}, s.Disabled):
		return fmt.Errorf("a disabled user is %q: want %s or %s", s.Disabled, schema.StatusSuspended, schema.StatusDeactivated)
	case s.Late < 0:
		return fmt.Errorf("reads are late by %s: want no less than 0", s.Late)
	case s.PageSize < AllAtOnce:
		return fmt.Errorf("a page has %d users: want no less than 0", s.PageSize)
	}
	return nil
}

// disabled is the status of a disabled user.
func (s Settings) disabled() string {
	if s.Disabled == "" {
		return schema.StatusSuspended
	}
	return s.Disabled
}

// limit is how many users are asked for at a time, as the service takes it: 0 is
// all.
func (s Settings) limit() int {
	switch s.PageSize {
	case 0:
		return 1000
	case AllAtOnce:
		return 0
	}
	return s.PageSize
}

// Package emailarray speaks the API of EmailArray, which PolarisMail operates:
// forms that are posted, JSON that comes back, and a returncode that says under
// HTTP 200 whether anything was done. It rests on what the vendor's own module
// for a billing system and a public client send and read, as the fact sheet
// collects it (§4), and was never run against the service. What no client does,
// it does not do; what they leave open is an [Assumptions] or cannot be observed.
//
// Reading and changing are functions of values: an answer becomes a record, a
// change becomes calls. Only [Client] sends. Imports: schema, reconcile,
// reconcile/internal/hosted and the standard library.
package emailarray

import (
	"fmt"
	"slices"
	"time"

	"mailops/schema"
)

// Assumptions are what nobody documents, and a setting therefore decides. The
// zero value is what the fact sheet makes likely.
type Assumptions struct {
	// QuotaStep is the smallest part of a quota that the service keeps; 0 is
	// 1 MB. Quotas are written with decimals, and how many of them count is not
	// said.
	QuotaStep schema.Bytes

	// Disabled is the status that disableUser brings about, suspended or
	// deactivated: whether a disabled mailbox still takes mail is not said. "" is
	// suspended, which promises less.
	Disabled string

	// Late is how long reads may show what was before a write; 0 is not at all.
	Late time.Duration
}

// check says what no service can do.
func (a Assumptions) check() error {
	switch {
	case a.QuotaStep < 0 || a.QuotaStep%megabyte != 0:
		return fmt.Errorf("the step of a quota is %s: want whole MB", a.QuotaStep)
	case !slices.Contains([]string{"", schema.StatusSuspended, schema.StatusDeactivated}, a.Disabled):
		return fmt.Errorf("a disabled user is %q: want %s or %s", a.Disabled, schema.StatusSuspended, schema.StatusDeactivated)
	case a.Late < 0:
		return fmt.Errorf("reads are late by %s: want no less than 0", a.Late)
	}
	return nil
}

// disabled is the status of a disabled user.
func (a Assumptions) disabled() string {
	if a.Disabled == "" {
		return schema.StatusSuspended
	}
	return a.Disabled
}

// Package snapshot keeps what a plan needs of a live store in a file, so that a
// pull request can be previewed without the credentials of the store.
//
// A snapshot holds no password hash and no fingerprint of one: a fingerprint
// tells whoever has it whether a guessed or an old hash is the one in force.
// Without a key it says only that there is a password; with one it has a keyed
// hash of the fingerprint, and of names, of addresses and networks that are not
// the organization's. Who has the key can tell whether these equal what is
// wanted, and nobody can tell what they are: see [Snapshot.Against].
//
// Imports: schema, reconcile, reconcile/sign and the standard library.
package snapshot

import (
	"errors"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sign"
	"mailops/schema"
)

// Format names the form of the file: gzip, with this name as its comment, of one
// JSON document a line: the head, the runs, the rows in key order, the end. A
// signed one goes on with a new line and the signature of all the bytes before
// it. It is of the compressed bytes, so that nothing is unpacked or read that
// somebody else may have made, and at the end, so that rows are written as they
// come. `sed '/^-----BEGIN SSH/,$d'` leaves what ssh-keygen verifies.
const Format = family + "1"

const family = "mailops.snapshot/v"

// The errors that callers tell apart. Others are of reading the file.
var (
	// ErrFormat: it is no snapshot, or a damaged one, or larger than the limits.
	ErrFormat = errors.New("not a snapshot of this program")
	// ErrNewer: a newer mailops wrote it.
	ErrNewer = errors.New("the snapshot was written by a newer mailops")
	// ErrForged: its signature is missing, or does not hold.
	ErrForged = errors.New("the snapshot cannot be trusted")
	// ErrForeign: it is of another organization.
	ErrForeign = errors.New("the snapshot is of another organization")
	// ErrExpired: it is older than was asked for, or from the future.
	ErrExpired = errors.New("the snapshot is of another time")
	// ErrKey: it was made with a key, and that is not the one given.
	ErrKey = errors.New("the snapshot was made with another key")
)

// A Head is what a snapshot says of itself.
type Head struct {
	At           time.Time        `json:"at"`
	Store        string           `json:"store"` // without credentials
	Organization string           `json:"organization"`
	Revision     string           `json:"revision,omitempty"` // of the newest run that left nothing out; "" when there is none
	Recorded     []string         `json:"recorded,omitempty"` // see [reconcile.Recorder]
	Lacks        []reconcile.Lack `json:"lacks,omitempty"`    // see [reconcile.Limited]
	Since        time.Time        `json:"since"`              // the runs from then on are in it
	Key          string           `json:"key,omitempty"`      // a name of the key that it was made with; "" is none
}

// A Snapshot is what was read of one.
type Snapshot struct {
	Head
	Runs   []reconcile.Run // as [reconcile.Ledger]'s Since has them, without who made them
	Live   reconcile.Live  // redacted; plans take that of Against
	Signer *sign.Signer    // who signed it; nil where nobody asked
}

// Label names the store as a plan made against the snapshot does: not as the
// store itself, whose plans can be applied.
func (s *Snapshot) Label() string { return s.Store + " as of " + s.At.Format("2006-01-02 15:04 UTC") }

// Age is how old the snapshot is.
func (s *Snapshot) Age(now time.Time) time.Duration { return now.Sub(s.At) }

// A line is one document of the file: a head, a run, a row or the end.
type line struct {
	Head     *Head            `json:"snapshot,omitempty"`
	Run      *reconcile.Run   `json:"run,omitempty"`
	Domain   *schema.Domain   `json:"domain,omitempty"`
	User     *schema.User     `json:"user,omitempty"`
	Alias    *schema.Alias    `json:"alias,omitempty"`
	List     *schema.List     `json:"list,omitempty"`
	Observed *schema.Observed `json:"observed,omitempty"`
	End      *end             `json:"end,omitempty"`
}

// An end says how much there was.
type end struct {
	Runs int `json:"runs"`
	Rows int `json:"rows"`
}

// resource returns the row's resource, nil for any other line, and how many
// things the line says at once.
func (l *line) resource() (r schema.Resource, n int) {
	for _, is := range []bool{l.Head != nil, l.Run != nil, l.End != nil, l.Observed != nil && l.User == nil} {
		if is {
			n++
		}
	}
	if l.Domain != nil {
		r, n = l.Domain, n+1
	}
	if l.User != nil {
		r, n = l.User, n+1
	}
	if l.Alias != nil {
		r, n = l.Alias, n+1
	}
	if l.List != nil {
		r, n = l.List, n+1
	}
	return r, n
}

// lineOf makes the line of a row.
func lineOf(r schema.Resource, o schema.Observed) line {
	var l line
	switch r := r.(type) {
	case *schema.Domain:
		l.Domain = r
	case *schema.User:
		l.User = r
	case *schema.Alias:
		l.Alias = r
	case *schema.List:
		l.List = r
	}
	if o != (schema.Observed{}) {
		l.Observed = &o
	}
	return l
}

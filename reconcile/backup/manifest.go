package backup

import (
	"time"

	"mailops/schema"
)

// Format is the format of manifest.json.
const Format = "mailops.backup/v1"

// The states of a backup, in the manifest and as live state of a user.
const (
	StateQueued    = "queued" // live state only: nothing was fetched yet
	StateRunning   = "running"
	StateCompleted = schema.BackupCompleted
	StateFailed    = "failed"
)

// A Manifest says what an archive holds.
type Manifest struct {
	Format   string         `json:"format"`
	Address  schema.Address `json:"address"`
	Storage  string         `json:"storage"` // maildir | mbox | archive
	State    string         `json:"state"`   // of the last run; failed too when a message is damaged
	Messages []*Message     `json:"messages"`
	Runs     []Run          `json:"runs"` // the newest last
}

// A Message is one message of an archive.
type Message struct {
	ID        int       `json:"id"`
	Folder    string    `json:"folder"`        // INBOX over POP3
	UID       string    `json:"uid,omitempty"` // the server's name for it: UIDL, or UIDVALIDITY/UID
	Listed    int64     `json:"listed"`        // its size as the server listed it
	Size      int64     `json:"size"`          // in bytes, as fetched
	SHA256    string    `json:"sha256"`        // of exactly those bytes
	File      string    `json:"file"`          // under the archive
	Offset    int64     `json:"offset,omitempty"`
	Length    int64     `json:"length,omitempty"` // in the file, with what the storage adds
	FetchedAt time.Time `json:"fetchedAt"`
	Damaged   bool      `json:"damaged,omitempty"` // no longer the bytes that were fetched; fetched again where possible
}

// A Run is one Take.
type Run struct {
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Server    string    `json:"server"`
	Protocol  string    `json:"protocol"` // pop | imap
	State     string    `json:"state"`
	Listed    int       `json:"listed"`  // messages that the server had
	Known     int       `json:"known"`   // of them in the archive already, and not fetched
	Fetched   int       `json:"fetched"` // messages that were fetched, also those that turned out to be known
	Stored    int       `json:"stored"`  // of those, messages that the archive lacked
	Bytes     int64     `json:"bytes"`   // of the messages that were fetched
	Odd       []string  `json:"odd,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// state is what the messages and the last run come to.
func (m *Manifest) state() string {
	for _, message := range m.Messages {
		if message.Damaged {
			return StateFailed
		}
	}
	if len(m.Runs) == 0 {
		return StateFailed
	}
	return m.Runs[len(m.Runs)-1].State
}

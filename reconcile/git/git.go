// Package git is where revisions come from: a local clone or bare repository,
// read in place, or a remote, of which a bare mirror is kept in a folder.
//
// Nothing is ever checked out, and nothing of a repository is believed. Objects
// are read by this package, with sizes known before contents, under limits, and
// their contents must hash to their names. go-git speaks the protocols; what a
// remote sends is taken in by a child process under the kernel's limits.
//
// Imports: the standard library, go-git, fsnotify, x/crypto/ssh and x/text.
// Nothing of this module.
package git

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What callers branch on. All errors of the package that have one of these
// causes wrap it.
var (
	ErrUnreachable = errors.New("the repository cannot be reached")
	ErrAuth        = errors.New("the repository refuses the credentials")
	ErrDamaged     = errors.New("the repository is damaged")
	ErrNoBranch    = errors.New("there is no such branch")
	ErrNoRevision  = errors.New("there is no such revision")
	ErrLimit       = errors.New("over a limit")      // the repository is too large, or made to hurt
	ErrHostile     = errors.New("a name is refused") // a tree holds a name that no honest one has
	ErrMoved       = errors.New("the branch has moved")
	ErrDenied      = errors.New("the repository refuses the push") // a protected branch, or a hook
	ErrShallow     = errors.New("the history is cut off")          // the question cannot be answered from a shallow clone
	ErrUnrelated   = errors.New("the histories have nothing in common")
)

// Options say which repository is opened, and how.
type Options struct {
	// URL is a path, file://, https://, ssh:// or user@host:path. http:// is for
	// loopback addresses only. Credentials do not belong in it.
	URL    string
	Branch string // "" is the repository's HEAD
	Dir    string // where mirrors of remotes lie, one for each URL; made with mode 0700. Not used for a local repository
	All    bool   // every branch and tag of a remote, not Branch alone
	Auth   Auth
	CAFile string // certificates that are trusted beside the system's
	Fetch  Limits
	Read   Budget
	Child  []string // starts a process that runs [FetchChild], see [ChildCommand]; nil: this process fetches
}

// Limits bound what is taken in from a remote. A field of zero is its default.
type Limits struct {
	Memory  int64         // of the child, in bytes; 512 MiB
	CPU     time.Duration // processor time of the child, in whole seconds; 2 min
	Wall    time.Duration // how long a fetch may take; 10 min
	Bytes   int64         // on the wire, in one fetch; 2 GiB
	Object  int64         // of one object; 64 MiB
	Objects int64         // in one fetch; 4 million
}

// Budget bounds one [FS]. A field of zero is its default.
type Budget struct {
	Entries int64 // of all folders listed; 500,000
	Bytes   int64 // of all files read; 1 GiB
	Depth   int   // folders in folders; 64
}

// A Revision is a commit.
type Revision struct {
	Commit    string // its full name, 40 hexadecimal digits
	Tree      string
	Author    string
	Email     string
	When      time.Time // it was written, in its author's zone
	Committed time.Time
	Subject   string // the first line of its message
}

// A BlobID names the content of a file: files of equal content have equal ones.
// It is what Sys of a file's FileInfo is.
type BlobID [20]byte

// A TreeID names everything below a folder, and is what Sys of its FileInfo is.
type TreeID [20]byte

// String is how git writes it.
func (b BlobID) String() string { return hex.EncodeToString(b[:]) }

// String is how git writes it.
func (t TreeID) String() string { return hex.EncodeToString(t[:]) }

// An id names an object by its content.
type id [20]byte

func (i id) String() string { return hex.EncodeToString(i[:]) }

// parseID reads a full name.
func parseID(s string) (id, bool) {
	var i id
	if len(s) != 2*len(i) {
		return id{}, false
	}
	_, err := hex.Decode(i[:], []byte(s))
	return i, err == nil && i != id{}
}

// A Repository is an opened one. It may be used by many goroutines at once.
type Repository struct {
	options Options
	source  source
	dirs    dirs
	objects *store
	trees   *lru[id, []node] // folders with honest names
	writing sync.Mutex       // one goroutine at a time changes a mirror
}

// Open opens a repository. A remote is not spoken to: its first Fetch does, and
// until then it has no branch.
func Open(ctx context.Context, o Options) (*Repository, error) {
	r, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return r, nil
}

func open(ctx context.Context, o Options) (*Repository, error) {
	src, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Branch != "" && !validBranch(o.Branch) {
		return nil, fmt.Errorf("%q is not the name of a branch", o.Branch)
	}
	o.Fetch, o.Read = o.Fetch.orDefaults(), o.Read.orDefaults()
	var d dirs
	if src.local() {
		d, err = findDirs(src.path)
	} else {
		d, err = openMirror(o.Dir, src)
	}
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return nil, err
	}
	return newRepository(o, src, d), ctx.Err()
}

// treeRoom is how many entries of folders are kept, so that a folder that did not
// change is not read again. The largest folder that a budget allows has room.
const treeRoom = 1 << 19

func newRepository(o Options, src source, d dirs) *Repository {
	return &Repository{options: o, source: src, dirs: d,
		objects: newStore(d.objects(), o.Fetch.Object), trees: newLRU[id, []node](treeRoom)}
}

// Close lets go of open files. Nothing may be read after it.
func (r *Repository) Close() error { return r.objects.close() }

// Forget lets go of what is in memory to be fast. It is read again when it is
// needed.
func (r *Repository) Forget() {
	r.trees.clear()
	r.objects.forget()
}

// Objects is how many objects were read so far, whole or their sizes.
func (r *Repository) Objects() int64 { return r.objects.reads.Load() }

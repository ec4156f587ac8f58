package git

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	githash "github.com/go-git/go-git/v5/plumbing/hash"
)

// What stays in memory: little, for an idle process.
const (
	cacheBytes = 8 << 20 // of commits
	baseBytes  = 8 << 20 // of what changes in packs build on
	cacheSizes = 400_000 // sizes of files, 28 bytes each
)

// A store is the objects of a repository. Others may add to it, and put them
// into other packs, at any time.
type store struct {
	dir     string
	max     int64 // bytes of an object
	reads   atomic.Int64
	damaged atomic.Bool // something was found broken
	cache   *lru[id, object]
	bases   *lru[place, object]
	mu      sync.RWMutex // held for writing while the list of packs changes
	listed  bool
	closed  bool
	dirs    []string // dir, and where it borrows objects from
	packs   []*pack

	sizeMu sync.Mutex
	sizes  map[id]int64
}

func newStore(dir string, max int64) *store {
	return &store{dir: dir, max: max, dirs: []string{dir}, sizes: make(map[id]int64),
		cache: newLRU[id, object](cacheBytes), bases: newLRU[place, object](baseBytes)}
}

// read returns the content of an object of a kind. It must not be changed: it is
// kept for whoever asks next.
func (s *store) read(i id, kind byte) ([]byte, error) {
	if o, ok := s.cache.get(i); ok {
		return s.of(i, o, kind)
	}
	s.reads.Add(1)
	var o object
	err := s.twice(func() (err error) {
		o, err = s.load(i)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", i, s.blame(err))
	}
	if o.kind == kindCommit {
		s.cache.put(i, o, int64(len(o.data))+200)
	}
	return s.of(i, o, kind)
}

func (s *store) of(i id, o object, kind byte) ([]byte, error) {
	if o.kind != kind {
		return nil, fmt.Errorf("read object %s: %w: it is of kind %d, not %d", i, ErrDamaged, o.kind, kind)
	}
	return o.data, nil
}

// blame says whose fault it is that an object cannot be read.
func (s *store) blame(err error) error {
	var sys *fs.PathError
	if errors.Is(err, ErrLimit) || errors.Is(err, os.ErrClosed) || errors.As(err, &sys) {
		return err
	}
	s.damaged.Store(true)
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// kindOf returns the kind of an object that may not exist.
func (s *store) kindOf(i id) (byte, error) {
	if o, ok := s.cache.get(i); ok {
		return o.kind, nil
	}
	s.reads.Add(1)
	var o object
	err := s.twice(func() (err error) {
		o, err = s.load(i)
		return err
	})
	return o.kind, err
}

// twice does something again after the list of packs was renewed: somebody may
// have put the object elsewhere while we looked.
func (s *store) twice(do func() error) error {
	once := func() (error, bool) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return do(), s.listed
	}
	err, listed := once()
	if err == nil || errors.Is(err, ErrLimit) && listed {
		return err
	}
	if err := s.renew(); err != nil {
		return err
	}
	err, _ = once()
	return err
}

// load tries every place where an object lies until one has it whole.
func (s *store) load(i id) (object, error) {
	err := errMissing
	for _, p := range s.packs {
		at, found := p.find(i)
		if errors.Is(found, errMissing) {
			continue
		}
		o, bad := object{}, found
		if bad == nil {
			o, bad = p.read(at, s.max, s.bases)
		}
		if bad == nil {
			bad = verify(i, o)
		}
		if bad == nil {
			return o, nil
		}
		s.bases.clear() // one of them may be what is wrong
		err = bad
	}
	for _, dir := range s.dirs {
		o, bad := readLoose(dir, i, s.max)
		switch {
		case errors.Is(bad, fs.ErrNotExist):
			continue
		case bad == nil:
			bad = verify(i, o)
		}
		if bad == nil {
			return o, nil
		}
		err = bad
	}
	return object{}, err
}

// holds reports whether there is an object, without reading it and without
// looking twice.
func (s *store) holds(i id) (bool, error) {
	at, err := s.whereIs(i)
	return at != "", err
}

// whereIs returns the file that an object lies in, or "".
func (s *store) whereIs(i id) (string, error) {
	s.mu.RLock()
	listed := s.listed
	s.mu.RUnlock()
	if !listed {
		if err := s.renew(); err != nil {
			return "", err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.packs {
		if _, err := p.find(i); err == nil {
			return p.path + ".pack", nil
		}
	}
	for _, dir := range s.dirs {
		path := loosePath(dir, i)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", nil
}

// size returns the size of an object, reading only its head.
func (s *store) size(i id) (int64, error) {
	s.sizeMu.Lock()
	n, ok := s.sizes[i]
	s.sizeMu.Unlock()
	if ok {
		return n, nil
	}
	s.reads.Add(1)
	err := s.twice(func() (err error) {
		n, err = s.loadSize(i)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read size of object %s: %w", i, s.blame(err))
	}
	s.sizeMu.Lock()
	defer s.sizeMu.Unlock()
	if len(s.sizes) >= cacheSizes {
		clear(s.sizes)
	}
	s.sizes[i] = n
	return n, nil
}

func (s *store) loadSize(i id) (int64, error) {
	err := errMissing
	for _, p := range s.packs {
		at, found := p.find(i)
		if errors.Is(found, errMissing) {
			continue
		}
		n, bad := int64(0), found
		if bad == nil {
			n, bad = p.size(at)
		}
		if bad == nil {
			return n, nil
		}
		err = bad
	}
	for _, dir := range s.dirs {
		_, n, f, bad := openLoose(dir, i)
		if errors.Is(bad, fs.ErrNotExist) {
			continue
		}
		if err = bad; err == nil {
			f.close()
			return n, nil
		}
	}
	return 0, err
}

// verify makes sure that an object is what its name says.
func verify(i id, o object) error {
	if hashObject(o.kind, o.data) != i {
		return errors.New("its content is not what its name says")
	}
	return nil
}

var kinds = [...]string{kindCommit: "commit", kindTree: "tree", kindBlob: "blob", kindTag: "tag"}

// hashObject names a content. The hash is SHA-1 as git uses it: contents made
// to collide get other names.
func hashObject(kind byte, data []byte) (i id) {
	h := githash.New(crypto.SHA1)
	h.Write(looseHead(kind, int64(len(data))))
	h.Write(data)
	h.Sum(i[:0])
	return i
}

func looseHead(kind byte, size int64) []byte {
	return []byte(kinds[kind] + " " + strconv.FormatInt(size, 10) + "\x00")
}

package git

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// renew lists the packs again. Those that are still there stay open.
func (s *store) renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	dirs := append([]string{s.dir}, alternates(s.dir, 5)...)
	old := make(map[string]*pack)
	for _, p := range s.packs {
		old[p.path] = p
	}
	var packs []*pack
	for _, dir := range dirs {
		names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "pack", "pack-*.idx"))
		if err != nil {
			return err
		}
		for _, name := range names {
			path := strings.TrimSuffix(name, ".idx")
			p, ok := old[path]
			if !ok {
				if p, err = openPack(path); err != nil {
					continue // what it should hold is missed when it is looked for
				}
			}
			delete(old, path)
			packs = append(packs, p)
		}
	}
	for _, p := range old {
		p.close()
	}
	if len(old) > 0 {
		s.bases.clear()
	}
	s.dirs, s.packs, s.listed = dirs, packs, true
	return nil
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// alternates are the folders that a folder of objects borrows from, and those
// that these borrow from.
func alternates(dir string, depth int) []string {
	text, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if err != nil || depth == 0 {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		out = append(append(out, line), alternates(line, depth-1)...)
	}
	return out
}

func (s *store) close() error {
	err := s.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs, s.closed = nil, true
	return err
}

// reset forgets everything that was read, as when the folder is another.
func (s *store) reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, p := range s.packs {
		errs = append(errs, p.close())
	}
	s.packs, s.dirs, s.listed = nil, []string{s.dir}, false
	s.forget()
	s.damaged.Store(false)
	return errors.Join(errs...)
}

// forget lets go of objects that were read.
func (s *store) forget() {
	s.cache.clear()
	s.bases.clear()
	s.sizeMu.Lock()
	defer s.sizeMu.Unlock()
	s.sizes = make(map[id]int64)
}

// prefixed returns the names of objects that begin with some digits: none, one,
// or some of several.
func (s *store) prefixed(digits string) ([]id, error) {
	if err := s.renew(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	from, _ := parseID(digits + strings.Repeat("0", 40-len(digits)))
	found := make(map[id]bool)
	for _, p := range s.packs {
		if err := p.prefixed(digits, from, 64, found); err != nil {
			return nil, err
		}
	}
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, digits[:2]))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if i, ok := parseID(digits[:2] + e.Name()); ok && strings.HasPrefix(i.String(), digits) {
				found[i] = true
			}
		}
	}
	out := make([]id, 0, len(found))
	for i := range found {
		out = append(out, i)
	}
	return out, nil
}

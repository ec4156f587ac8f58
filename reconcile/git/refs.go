package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// errNoRef says that there is nothing of that name.
var errNoRef = errors.New("no such ref")

// ref returns what a ref points at, following those that name another.
func (d dirs) ref(name string) (id, error) {
	for range 6 {
		i, next, err := d.refOnce(name)
		if err != nil || next == "" {
			return i, err
		}
		name = next
	}
	return id{}, fmt.Errorf("%w: %s leads in a circle", ErrDamaged, name)
}

// refOnce reads one ref. Those in files of their own win: packed-refs is
// written before they are removed.
func (d dirs) refOnce(name string) (i id, next string, err error) {
	if name != "HEAD" && !validRef(name) {
		return id{}, "", errNoRef
	}
	text, err := readSmall(d.refPath(name))
	switch {
	case err == nil:
		text = strings.TrimRight(text, " \t\r\n")
		if to, ok := strings.CutPrefix(text, "ref:"); ok {
			return id{}, strings.TrimLeft(to, " \t"), nil
		}
		if i, ok := parseID(text); ok {
			return i, "", nil
		}
		return id{}, "", fmt.Errorf("%w: %s does not name a commit", ErrDamaged, name)
	case !absent(err):
		return id{}, "", err
	}
	i, err = d.packedRef(name)
	return i, "", err
}

// packedRef looks for one of the refs that share a file. There may be 100,000.
func (d dirs) packedRef(name string) (id, error) {
	text, err := os.ReadFile(filepath.Join(d.common, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return id{}, errNoRef
	}
	if err != nil {
		return id{}, err
	}
	ending := []byte(" " + name)
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if !bytes.HasSuffix(line, ending) || line[0] == '#' {
			continue
		}
		if i, ok := parseID(string(line[:len(line)-len(ending)])); ok {
			return i, nil
		}
		return id{}, fmt.Errorf("%w: packed-refs does not name a commit for %s", ErrDamaged, name)
	}
	return id{}, errNoRef
}

// absent reports that there is no such file: nothing, or a folder of refs.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "is a directory") || strings.Contains(err.Error(), "not a directory")
}

func (d dirs) refPath(name string) string {
	if name == "HEAD" {
		return filepath.Join(d.git, name)
	}
	return filepath.Join(d.common, filepath.FromSlash(name))
}

// packedRefs reads the refs that share a file.
func (d dirs) packedRefs() (map[string]id, error) {
	text, err := os.ReadFile(filepath.Join(d.common, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make(map[string]id)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		name, ref, _ := strings.Cut(line, " ")
		i, ok := parseID(name)
		if !ok || !validRef(ref) {
			return nil, fmt.Errorf("%w: packed-refs holds a line that names no ref", ErrDamaged)
		}
		out[ref] = i
	}
	return out, nil
}

func validBranch(name string) bool {
	return name != "HEAD" && !strings.HasPrefix(name, "-") && validRef("refs/heads/"+name)
}

// validRef holds the rules of git-check-ref-format(1), and one more: names are
// text, since they become paths.
func validRef(name string) bool {
	if !strings.HasPrefix(name, "refs/") || len(name) > 512 || strings.ContainsAny(name, " ~^:?*[\\\x7f") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") ||
		!printable(name) {
		return false
	}
	for step := range strings.SplitSeq(name, "/") {
		if step == "" || step[0] == '.' || strings.HasSuffix(step, ".lock") {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	return strings.ToValidUTF8(s, "") == s && strings.IndexFunc(s, unicode.IsControl) < 0
}

// lockPatience is how long somebody else's change of a ref is waited for.
const lockPatience = 2 * time.Second

// setRef moves a ref from old to new, unless it is not at old any more; the zero
// old is a ref that does not exist. It takes the same lock as git.
func (d dirs) setRef(name string, old, new id) error {
	path := d.refPath(name)
	lock, err := takeLock(path + ".lock")
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	defer os.Remove(path + ".lock") // after the rename it is gone
	now, err := d.ref(name)
	if err != nil && !errors.Is(err, errNoRef) {
		return errors.Join(err, lock.Close())
	}
	if now != old {
		return errors.Join(fmt.Errorf("%w: %s is at %s", ErrMoved, name, now), lock.Close())
	}
	if err := writeSync(lock, []byte(new.String()+"\n")); err != nil {
		return err
	}
	return os.Rename(path+".lock", path)
}

// takeLock makes a lock file, as git does. One that was left behind stays: only
// people know whose it was.
func takeLock(path string) (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(20 * time.Millisecond) {
		f, err := createIn(filepath.Dir(path), func(string) (*os.File, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		})
		if errors.Is(err, fs.ErrExist) && time.Now().Before(deadline) {
			continue
		}
		return f, err
	}
}

// writeSync writes a whole file and closes it.
func writeSync(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

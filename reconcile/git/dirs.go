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
)

// dirs are the folders of a repository: those of a worktree are two.
type dirs struct {
	git    string // HEAD lies here
	common string // everything else does
	mirror bool   // ours, of a remote
}

func (d dirs) objects() string { return filepath.Join(d.common, "objects") }

// findDirs finds the repository that a folder is or holds.
func findDirs(folder string) (dirs, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return dirs{}, err
	}
	if d, err := dirsOf(filepath.Join(folder, ".git")); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	d, err := dirsOf(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return dirs{}, fmt.Errorf("%w: %s is not a git repository", ErrUnreachable, folder)
	}
	return d, err
}

// Discover returns the top folder of the clone that a folder lies in, and the
// folder's path inside it, "." at the top.
func Discover(folder string) (top, inside string, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return "", "", err
	}
	for top = folder; ; top = filepath.Dir(top) {
		_, err := dirsOf(filepath.Join(top, ".git"))
		if errors.Is(err, fs.ErrNotExist) && top == folder {
			_, err = dirsOf(top) // a bare repository
		}
		if err == nil {
			inside, err := filepath.Rel(top, folder)
			return top, filepath.ToSlash(inside), err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", err
		}
		if top == filepath.Dir(top) {
			return "", "", fmt.Errorf("%s lies in no git repository: %w", folder, fs.ErrNotExist)
		}
	}
}

// dirsOf reads what a .git is: a folder, or a file that says where it is.
func dirsOf(git string) (dirs, error) {
	info, err := os.Stat(git)
	if err != nil {
		return dirs{}, err
	}
	if !info.IsDir() {
		text, err := readSmall(git)
		if err != nil {
			return dirs{}, err
		}
		to, ok := strings.CutPrefix(strings.TrimRight(text, "\r\n"), "gitdir: ")
		if !ok {
			return dirs{}, fmt.Errorf("%w: %s says nothing of where it leads", ErrDamaged, git)
		}
		git = absolute(filepath.Dir(git), to)
	}
	d := dirs{git: git, common: git}
	if text, err := readSmall(filepath.Join(git, "commondir")); err == nil {
		d.common = absolute(git, strings.TrimRight(text, "\r\n"))
	}
	for _, need := range []string{filepath.Join(d.git, "HEAD"), d.objects(), filepath.Join(d.common, "refs")} {
		if _, err := os.Stat(need); err != nil {
			return dirs{}, err
		}
	}
	return d, nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// readSmall reads a file of a few lines.
func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 1<<16)
	n, err := f.Read(b)
	if n == len(b) {
		return "", fmt.Errorf("%w: %s is too large", ErrDamaged, path)
	}
	if n == 0 && err != nil && err.Error() != "EOF" {
		return "", err
	}
	return string(b[:n]), nil
}

// check refuses repositories of kinds that would be misread.
func (d dirs) check() error {
	text, err := os.ReadFile(filepath.Join(d.common, "config"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(strings.ToLower(lines.Text()), "=")
		switch name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`); {
		case name == "objectformat" && value != "sha1":
			return fmt.Errorf("the repository names objects by %s, which is not supported: convert it to sha1", value)
		case name == "refstorage" && value != "files":
			return fmt.Errorf("the repository keeps its branches in %s, which is not supported: git refs migrate --ref-format=files", value)
		}
	}
	return nil
}

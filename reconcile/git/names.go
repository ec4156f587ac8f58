package git

import (
	"fmt"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// nameProblem says why a tree may not hold a name; "" when it may. Such names
// are not made by git: they are there to hurt whoever writes them to a disk or
// compares them.
func nameProblem(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "is not a name"
	case strings.ContainsAny(name, "/\\"):
		return "holds a slash"
	case !printable(name):
		return "holds characters that cannot be seen, or is not UTF-8"
	case likeGit(name):
		return "is .git, or is taken for it on some systems"
	case len(name) > 255:
		return "is too long"
	}
	return ""
}

// likeGit reports whether some file system takes a name for .git: those that
// fold case, NTFS with its short names, endings and streams, and HFS+, which
// leaves characters out.
func likeGit(name string) bool {
	folded := fold(strings.Map(func(r rune) rune {
		if ignored(r) {
			return -1
		}
		return r
	}, name))
	folded, _, _ = strings.Cut(folded, ":")
	folded = strings.TrimRight(folded, " .")
	return folded == ".git" || folded == "git~1"
}

// ignored are the characters that HFS+ leaves out of names.
func ignored(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

// fold makes names equal that some systems take for equal.
func fold(name string) string {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
		}
	}
	return strings.ToLower(name)
}

// A nameError is a name that a tree may not hold.
type nameError struct {
	path, why string
}

func (e *nameError) Error() string { return fmt.Sprintf("%s: %q %s", ErrHostile, e.path, e.why) }

func (e *nameError) Unwrap() error { return ErrHostile }

package edit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// fileNameLimit is in bytes, the extension included: half of what file systems
// hold (255), so that names stay legible and paths short.
const fileNameLimit = 100

// fileName makes a safe name of any text, another one for each text even on
// disks that ignore letter case or normalize Unicode: what is not a lower-case
// letter, a digit or one of ._+- becomes %xx. A long name ends in a fingerprint
// of the text behind a =, which no other name holds.
func fileName(s, extension string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' && !(i == 0 && reserved(s)), c >= '0' && c <= '9':
			b.WriteByte(c)
		case strings.IndexByte("_+-.", c) >= 0 && i > 0 && (c != '.' || i < len(s)-1 && s[i-1] != '.'):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	name := b.String()
	if name == "" {
		name = "%" // no other name is this
	}
	if len(name)+len(extension) > fileNameLimit {
		sum := sha256.Sum256([]byte(s))
		mark := "=" + hex.EncodeToString(sum[:8])
		name = name[:fileNameLimit-len(extension)-len(mark)] + mark
	}
	return name + extension
}

// reserved reports whether Windows keeps the name for a device, with any
// extension ("Naming Files, Paths, and Namespaces").
func reserved(s string) bool {
	stem, _, _ := strings.Cut(s, ".")
	switch stem {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")) && stem[3] >= '0' && stem[3] <= '9'
}

package track

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"mailops/schema"
)

// Program names what a want follows from beside the declarations and the
// environment: this program, the law in it, and the machine's time zones. Where
// it is the same, so is the want.
func Program() string {
	h := sha256.New()
	fmt.Fprintln(h, formName)
	law(h)
	build(h)
	zones(h)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func law(h hash.Hash) {
	files, _ := fs.Glob(schema.Law, "*.cue") // the pattern is right
	for _, name := range files {
		text, _ := schema.Law.ReadFile(name) // it is embedded
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
}

// build is what the Go toolchain recorded. Of a program that was built from what
// nobody has committed that says too little: its file is looked at as well.
func build(h hash.Hash) {
	info, ok := debug.ReadBuildInfo()
	if ok {
		fmt.Fprintln(h, info)
	}
	if ok && released(info) {
		return
	}
	name, err := os.Executable()
	if err == nil {
		var file fs.FileInfo
		if file, err = os.Stat(name); err == nil {
			fmt.Fprintln(h, name, file.Size(), file.ModTime().UnixNano())
		}
	}
	if err != nil {
		fmt.Fprintln(h, time.Now().UnixNano()) // nobody knows: it is never the same
	}
}

// released reports whether a version or a commit says all that is in a program.
func released(info *debug.BuildInfo) bool {
	if info.Main.Sum != "" {
		return true
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.modified" {
			return s.Value == "false" && !strings.Contains(info.Main.Version, "dirty")
		}
	}
	return false
}

// zones are the tables of time zones that Go looks for before the program's own:
// an update of the system changes their folder.
func zones(h hash.Hash) {
	for _, folder := range []string{os.Getenv("ZONEINFO"), "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"} {
		if info, err := os.Stat(folder); err == nil {
			fmt.Fprintln(h, folder, info.ModTime().UnixNano())
		}
	}
}

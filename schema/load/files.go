package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"mailops/schema"
)

// The limits of what is read. They are far above what people write and far
// below what hurts: without them, 100 MB of YAML takes 10 GB of memory.
const (
	maxFile  = 4 << 20   // bytes of one file
	maxTree  = 512 << 20 // bytes of all files
	maxFiles = 250_000   // files
	maxPath  = 16        // steps of a path
)

// list returns the files to read, in order: every *.yaml and *.yml outside of
// folders whose names begin with a dot, and the policies. Names and links that
// cannot be read are problems: what is left out silently would be deleted.
func list(ctx context.Context, fsys fs.FS) ([]string, schema.Problems, error) {
	var files []string
	var problems schema.Problems
	var size int64
	refuse := func(file, message string) {
		problems = append(problems, fileProblem(file, message))
	}
	err := fs.WalkDir(fsys, ".", func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case file != "." && strings.HasPrefix(e.Name(), "."):
			return skip(e)
		case e.Type()&fs.ModeSymlink != 0:
			if message := linkProblem(fsys, file); message != "" {
				refuse(file, message)
				return nil
			}
		case e.IsDir():
			return nil
		}
		if !isYAML(file) && !isPolicy(file) {
			if ext := strings.ToLower(path.Ext(file)); ext == ".yaml" || ext == ".yml" {
				refuse(file, "has an ending that is not read; name it "+strings.TrimSuffix(file, path.Ext(file))+ext)
			}
			return nil
		}
		info, err := fs.Stat(fsys, file)
		if err != nil {
			return err
		}
		switch size += info.Size(); {
		case strings.Count(file, "/") >= maxPath:
			refuse(file, fmt.Sprintf("lies more than %d folders deep", maxPath))
		case !printable(file):
			refuse(file, "has a name with control characters")
		case !info.Mode().IsRegular():
			refuse(file, "is not a regular file")
		case info.Size() > maxFile:
			refuse(file, fmt.Sprintf("is larger than %d MiB", maxFile>>20))
		default:
			files = append(files, file)
		}
		if len(files) > maxFiles || size > maxTree {
			return fmt.Errorf("more than %d files or %d MiB of declarations", maxFiles, maxTree>>20)
		}
		return nil
	})
	return files, problems, err
}

func skip(e fs.DirEntry) error {
	if e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// linkProblem says what is wrong with a symbolic link; "" for a link to a file
// that fsys lets us read, and for one that nothing would be read from.
func linkProblem(fsys fs.FS, file string) string {
	info, err := fs.Stat(fsys, file)
	switch {
	case err != nil && (isYAML(file) || isPolicy(file) || path.Ext(file) == ""): // it may be a folder of declarations
		return "is a symbolic link that leads out of the repository or nowhere"
	case err == nil && info.IsDir():
		return "is a symbolic link to a folder, and those are not followed"
	}
	return ""
}

func isYAML(file string) bool { ext := path.Ext(file); return ext == ".yaml" || ext == ".yml" }

func isPolicy(file string) bool {
	return strings.HasPrefix(file, "policy/") && path.Ext(file) == ".cue"
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func fileProblem(file, message string) schema.Problem {
	return schema.Problem{Pos: schema.Pos{File: file}, Rule: "yaml-file", Message: message}
}

// readText reads a file under the size limit and makes sure that it is text:
// UTF-8, with or without a byte-order mark.
func readText(fsys fs.FS, file string) ([]byte, *schema.Problem, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(text) > maxFile {
		p := fileProblem(file, fmt.Sprintf("is larger than %d MiB", maxFile>>20))
		return nil, &p, nil
	}
	if i, message, hint := textProblem(text); i >= 0 {
		return nil, &schema.Problem{Pos: posAt(file, text, i), Rule: "yaml-encoding", Message: message, Hint: hint}, nil
	}
	return text, nil, nil
}

// textProblem returns where the text is not what a reader sees: not UTF-8, a
// character that YAML 1.2 §5.1 does not allow, a line break that editors and
// reviews do not show as one (YAML 1.1 §5.4 knew five; a comment would end
// unseen), or one that turns the text around (Unicode TR36 §3.6). The offset is
// -1 when it is fine.
func textProblem(text []byte) (offset int, message, hint string) {
	if binary(text) {
		return 0, "is a binary file, and no text", "take it out of the folder, or give it another ending than .yaml"
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1 && i == 0 && (bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))):
			return i, "is UTF-16, not UTF-8 text", "save the file as UTF-8"
		case r == utf8.RuneError && size == 1:
			return i, "is not UTF-8 text", "save the file as UTF-8"
		case r == '\r' && !bytes.HasPrefix(text[i+1:], []byte("\n")):
			return i, "holds a carriage return without a line feed", "save the file with line ends of one kind, LF or CRLF"
		case r == 0:
			return i, "holds a NUL, as UTF-16 does", "save the file as UTF-8"
		case r < 0x20 && r != '\n' && r != '\r' && r != '\t', r >= 0x7f && hidden(r):
			return i, fmt.Sprintf("holds the character %U, which cannot be seen", r), "take it out"
		}
		i += size
	}
	return -1, "", ""
}

// binary reports whether a file is an image, an archive or the like: as git does,
// by a NUL in its beginning (buffer_is_binary), or by one of the commonest marks.
// UTF-16 has a NUL in every other byte.
func binary(text []byte) bool {
	for _, mark := range []string{"PK\x03\x04", "%PDF-", "\x89PNG", "\xff\xd8\xff", "GIF8", "\x1f\x8b", "\x7fELF"} {
		if bytes.HasPrefix(text, []byte(mark)) {
			return true
		}
	}
	const beginning = 8000
	begins := text[:min(beginning, len(text))]
	n := bytes.Count(begins, []byte{0})
	return n > 0 && n < len(begins)/3
}

func hidden(r rune) bool {
	return r <= 0x9f || r == 0x2028 || r == 0x2029 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == 0xfffe || r == 0xffff
}

// posAt is the place of a byte of a text.
func posAt(file string, text []byte, offset int) schema.Pos {
	before := text[:offset]
	line := bytes.LastIndexByte(before, '\n') + 1
	return schema.Pos{File: file, Line: bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[line:]) + 1}
}

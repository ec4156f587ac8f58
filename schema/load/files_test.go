package load_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/load"
)

// user is a declaration of a user.
func user(local string) string { return "kind: User\naddress: " + local + "@acme.example\n" }

// texts makes a repository of files beside mailops.yaml.
func texts(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{load.Root: {Data: []byte(root)}}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// problemsOf loads and returns the problems, one a line.
func problemsOf(t *testing.T, loader load.Loader, fsys fs.FS) string {
	t.Helper()
	_, problems, err := loader.FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	return problems.Error()
}

func TestNoRepository(t *testing.T) {
	_, _, err := load.FS(t.Context(), fstest.MapFS{"users.yaml": {Data: []byte(user("ana"))}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), load.Root) {
		t.Errorf("got %v", err)
	}
}

// TestLimits: what is too large, too deep or oddly named is a problem and never
// left out silently.
func TestLimits(t *testing.T) {
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	folders := func(n int) string { return strings.Repeat("d/", n) + "u.yaml" }
	loader := newLoader(t)
	for _, c := range []struct {
		name, file, text, want string
	}{
		{"a file at the limit", "u.yaml", user("ana") + "#" + strings.Repeat(" ", 4<<20-len(user("ana"))-1), ""},
		{"a file over the limit", "u.yaml", user("ana") + "#" + strings.Repeat(" ", 4<<20-len(user("ana"))), "u.yaml: is larger than 4 MiB (yaml-file)"},
		{"folders at the limit", folders(15), user("ana"), ""},
		{"folders over the limit", folders(16), user("ana"), folders(16) + ": lies more than 16 folders deep (yaml-file)"},
		{"a line break in a name", "a\nb.yaml", user("ana"), "a\nb.yaml: has a name with control characters (yaml-file)"},
		{"an escape in a name", "a\x1b[2Jb.yaml", user("ana"), "a\x1b[2Jb.yaml: has a name with control characters (yaml-file)"},
		{"depth at the limit", "u.yaml", user("ana") + "name: " + deep(31), `u.yaml:3:1: User/ana@acme.example.name: is a list; it must be a name of 1 to 200 characters (schema)`},
		{"depth over the limit", "u.yaml", user("ana") + "name: " + deep(33), "u.yaml:3:39: is nested more than 32 levels deep (yaml-limit)"},
		{"a value at the limit", "u.yaml", user("ana") + "name: " + strings.Repeat("x", 64<<10), `u.yaml:3:7: User/ana@acme.example.name: "` + strings.Repeat("x", 120) + `…" is not a name of 1 to 200 characters (schema)`},
		{"a value over the limit", "u.yaml", user("ana") + "name: " + strings.Repeat("x", 64<<10+1), "u.yaml:3:7: this value is longer than 64 KiB (yaml-limit)"},
		{"a key over the limit", "u.yaml", user("ana") + "? " + strings.Repeat("x", 64<<10+1) + "\n: 1", "u.yaml:3:3: this key is too long (yaml-limit)"},
		{"a long list", "u.yaml", user("ana") + "profiles: [" + strings.Repeat("p,", 1001) + "]", "u.yaml:3:1: User/ana@acme.example.profiles: holds more than 1000 values (schema)"},
		{"a long schedule", "u.yaml", user("ana") + "schedule: [" + strings.Repeat("{},", 201) + "]", "u.yaml:3:1: User/ana@acme.example.schedule: holds more than 200 values (schema)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, problemsOf(t, loader, texts(map[string]string{c.file: c.text}))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestManyMistakesOfOne: beyond a hundred, mistakes of one declaration are
// counted.
func TestManyMistakesOfOne(t *testing.T) {
	var text strings.Builder
	text.WriteString(user("ana"))
	for i := range 150 {
		fmt.Fprintf(&text, "x%d: 1\n", i)
	}
	_, problems, err := load.FS(t.Context(), texts(map[string]string{"u.yaml": text.String()}))
	if err != nil || len(problems) != 101 || problems[0].Message != "has 50 more mistakes" {
		t.Errorf("%d problems, the first %v, %v", len(problems), problems[0], err)
	}
}

// TestLinks: a symbolic link is followed inside of the repository, and refused
// when it leads out, nowhere, in a circle or to a folder: what lies there would
// be missing, and be deleted.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret.yaml"), "password: canary\n")
	write(filepath.Join(outside, "team", "x.yaml"), user("outside"))
	write(filepath.Join(dir, load.Root), root)
	write(filepath.Join(dir, "users", "ana.txt"), user("ana"))
	write(filepath.Join(dir, "users", "bruno.yaml"), user("bruno"))
	for link, target := range map[string]string{
		"ana.yaml":          "users/ana.txt",
		"users/up.yaml":     "../users/ana.txt/../../ana.yaml",
		"team":              "users",
		"team.yaml":         "users",
		"absolute.yaml":     filepath.Join(outside, "secret.yaml"),
		"relative.yaml":     "../" + filepath.Base(outside) + "/secret.yaml",
		"passwd.yaml":       "/etc/passwd",
		"away":              filepath.Join(outside, "team"),
		"nowhere.yaml":      "missing.yaml",
		"loop.yaml":         "loop2.yaml",
		"loop2.yaml":        "loop.yaml",
		"circle":            "circle",
		"policy":            "users",
		"README.md":         "missing.md",
		".cache":            outside,
		"device.yaml":       "/dev/zero",
		"users/parent":      "..",
		"users/itself.yaml": "itself.yaml/x",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	decls, problems, err := load.FS(t.Context(), r.FS())
	if err != nil {
		t.Fatal(err)
	}
	const out, folder = "is a symbolic link that leads out of the repository or nowhere", "is a symbolic link to a folder, and those are not followed"
	want := map[string]string{"team": folder, "team.yaml": folder, "absolute.yaml": out, "relative.yaml": out, "passwd.yaml": out, "away": out,
		"nowhere.yaml": out, "loop.yaml": out, "loop2.yaml": out, "circle": out, "policy": folder, "device.yaml": out, "users/parent": folder,
		"users/itself.yaml": out, "users/up.yaml": out}
	got := make(map[string]string)
	for _, p := range problems {
		got[p.Pos.File] = p.Message
		if strings.Contains(p.String(), "canary") || strings.Contains(p.String(), "root:") {
			t.Errorf("%s tells what lies outside", p)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var users []string
	for _, d := range decls.All {
		if d.Kind == schema.KindUser {
			users = append(users, d.File+" "+d.Name)
		}
	}
	if diff := cmp.Diff([]string{"ana.yaml ana@acme.example", "users/bruno.yaml bruno@acme.example"}, users); diff != "" {
		t.Errorf("users (-want +got)\n%s", diff)
	}
}

// TestReadErrors: a file or folder that cannot be read is an error, and never
// an empty one.
func TestReadErrors(t *testing.T) {
	for _, broken := range []string{load.Root, "users", "users/ana.yaml"} {
		fsys := breaking{texts(map[string]string{"users/ana.yaml": user("ana")}), broken}
		if _, _, err := load.FS(t.Context(), fsys); !errors.Is(err, errBroken) {
			t.Errorf("%s cannot be read: got %v", broken, err)
		}
	}
}

var errBroken = errors.New("input/output error")

// breaking is a file system of which one file cannot be opened.
type breaking struct {
	fstest.MapFS
	name string
}

func (b breaking) Open(name string) (fs.File, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errBroken}
	}
	return b.MapFS.Open(name)
}

func (b breaking) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errBroken}
	}
	return b.MapFS.ReadDir(name)
}

// TestDigest: the digest tells every change of what was read, and nothing else.
func TestDigest(t *testing.T) {
	loader := newLoader(t)
	digest := func(files map[string]string) string {
		t.Helper()
		d, _, err := loader.FS(t.Context(), texts(files))
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest
	}
	base := map[string]string{"a.yaml": user("ana"), "policy/p.cue": "x: 1", "README.md": "one"}
	seen := map[string]bool{digest(base): true}
	if !seen[digest(map[string]string{"a.yaml": user("ana"), "policy/p.cue": "x: 1", "README.md": "two"})] {
		t.Error("a file that is not read changes the digest")
	}
	for what, files := range map[string]map[string]string{
		"a text":   {"a.yaml": user("bruno"), "policy/p.cue": "x: 1"},
		"a policy": {"a.yaml": user("ana"), "policy/p.cue": "x: 2"},
		"a name":   {"b.yaml": user("ana"), "policy/p.cue": "x: 1"},
		"a file":   {"a.yaml": user("ana"), "policy/p.cue": "x: 1", "c.yaml": ""},
		"a lack":   {"a.yaml": user("ana")},
	} {
		if d := digest(files); seen[d] {
			t.Errorf("%s does not change the digest", what)
		} else {
			seen[d] = true
		}
	}
}

func TestFoldAddress(t *testing.T) {
	for text, want := range map[string]string{
		"Ana@ACME.example": "ana@acme.example", "joa\u0303o@acme.example": "joão@acme.example", "x@Bücher.Example": "x@xn--bcher-kva.example",
		"": "", "ana": "", "@acme.example": "", "ana@": "", "ana@-x.example": "", strings.Repeat("x", 65) + "@acme.example": "",
		"ana@" + strings.Repeat("a", 64) + ".example": "", "ana@" + strings.Repeat("a.", 130) + "example": "",
	} {
		got, err := load.FoldAddress(text)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestText: one text by itself, without the rules about several.
func TestText(t *testing.T) {
	decls, problems, err := load.Text("x.yaml", []byte(user("ana")+"profiles: [unknown]\n---\nkind: User\n"))
	if err != nil || len(decls) != 1 || decls[0].Name != "ana@acme.example" || len(problems) != 1 || problems[0].Pos.Line != 5 {
		t.Errorf("got %v, %v, %v", decls, problems, err)
	}
}

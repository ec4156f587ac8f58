package edit_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/schema/load/edit"
)

func TestUnifiedDiff(t *testing.T) {
	ten := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
	tests := []struct {
		name          string
		before, after []byte
		want          string
	}{
		{"equal", []byte(ten), []byte(ten), ""},
		{"nothing", nil, nil, ""},
		{"one line", []byte(ten), []byte(strings.Replace(ten, "5", "five", 1)), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
		{"insert at the top", []byte("b\n"), []byte("a\nb\n"), "@@ -1 +1,2 @@\n+a\n b\n"},
		{"remove all", []byte("a\nb\n"), []byte{}, "@@ -1,2 +0,0 @@\n-a\n-b\n"},
		{"a line end is added", []byte("a\nb"), []byte("a\nb\n"), "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"},
		{"neither has one", []byte("a\nb"), []byte("c\nb"), "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n"},
		{"two hunks", []byte("x\n" + ten + "y\n"), []byte("z\n" + ten + "w\n"), "@@ -1,4 +1,4 @@\n-x\n+z\n 1\n 2\n 3\n@@ -9,4 +9,4 @@\n 8\n 9\n 10\n-y\n+w\n"},
		{"six lines between join", []byte("x\n1\n2\n3\n4\n5\n6\ny\n"), []byte("z\n1\n2\n3\n4\n5\n6\nw\n"), "@@ -1,8 +1,8 @@\n-x\n+z\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n+w\n"},
		{"seven do not", []byte("x\n1\n2\n3\n4\n5\n6\n7\ny\n"), []byte("z\n1\n2\n3\n4\n5\n6\n7\nw\n"), "@@ -1,4 +1,4 @@\n-x\n+z\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+w\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want != "" {
				want = "--- a/users/ana.yaml\n+++ b/users/ana.yaml\n" + want
			}
			if diff := cmp.Diff(want, edit.UnifiedDiff("users/ana.yaml", tt.before, tt.after)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if got := edit.UnifiedDiff("x", nil, []byte("a\n")); got != "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n" {
		t.Errorf("a new file:\n%s", got)
	}
}

// patched applies a unified diff to a text and checks all that its headers say.
func patched(before, diff string) (string, error) {
	var out strings.Builder
	lines := strings.SplitAfter(before, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	at, outLine := 0, 0
	if diff == "" {
		return before, nil
	}
	rest := strings.SplitAfter(diff, "\n")[2:]
	for len(rest) > 1 {
		from, size, toFrom, toSize, err := ranges(rest[0])
		if err != nil {
			return "", err
		}
		for ; at < from; at++ {
			out.WriteString(lines[at])
			outLine++
		}
		if outLine != toFrom {
			return "", fmt.Errorf("%q: the new file is at line %d", rest[0], outLine)
		}
		for rest = rest[1:]; size > 0 || toSize > 0; rest = rest[1:] {
			line := rest[0][1:]
			if strings.HasPrefix(rest[1], `\`) {
				line = strings.TrimSuffix(line, "\n")
			}
			switch rest[0][0] {
			case '\\':
				continue
			case '+':
				toSize--
				outLine++
				out.WriteString(line)
				continue
			case ' ':
				toSize--
				outLine++
				out.WriteString(line)
			}
			if lines[at] != line {
				return "", fmt.Errorf("line %d is %q, the hunk has %q", at, lines[at], line)
			}
			at++
			size--
		}
		if strings.HasPrefix(rest[0], `\`) {
			rest = rest[1:]
		}
		if size != 0 || toSize != 0 {
			return "", fmt.Errorf("a hunk's header is wrong by %d and %d", size, toSize)
		}
	}
	return out.String() + strings.Join(lines[at:], ""), nil
}

// ranges reads a hunk's header into lines counted from 0, and sizes.
func ranges(header string) (from, size, toFrom, toSize int, err error) {
	words := strings.Fields(header)
	if len(words) != 4 || words[0] != "@@" || words[3] != "@@" {
		return 0, 0, 0, 0, fmt.Errorf("%q is no header", header)
	}
	pick := func(s string) (int, int) {
		start, length, cut := strings.Cut(s[1:], ",")
		a, _ := strconv.Atoi(start)
		n := 1
		if cut {
			n, _ = strconv.Atoi(length)
		}
		if n > 0 {
			a--
		}
		return a, n
	}
	from, size = pick(words[1])
	toFrom, toSize = pick(words[2])
	return from, size, toFrom, toSize, nil
}

func FuzzUnifiedDiff(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\n")
	f.Add("", "\n")
	f.Add("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "b\nc\nd\ne\nf\ng\nh\nx\ni\nj")
	f.Fuzz(func(t *testing.T, before, after string) {
		diff := edit.UnifiedDiff("x", []byte(before), []byte(after))
		if (diff == "") != (before == after) {
			t.Fatalf("%q and %q: %q", before, after, diff)
		}
		if diff == "" {
			return
		}
		if got, err := patched(before, diff); err != nil || got != after {
			t.Fatalf("%q to %q: %v, got %q by\n%s", before, after, err, got, diff)
		}
	})
}

// TestPatch has the system's patch, where there is one, apply random diffs.
func TestPatch(t *testing.T) {
	program, lookErr := exec.LookPath("patch")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		before, after := lines(r), lines(r)
		diff := edit.UnifiedDiff("x", []byte(before), []byte(after))
		if got, err := patched(before, diff); diff != "" && (err != nil || got != after) {
			t.Fatalf("%d: %v\n%s", i, err, diff)
		}
		if lookErr != nil || diff == "" {
			continue
		}
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, "--fuzz=0", "--posix", file)
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "offset") {
			t.Fatalf("%v: %s\n%s", err, out, diff)
		}
		got, _ := os.ReadFile(file) // patch removes a file that has become empty
		if string(got) != after {
			t.Fatalf("got %q, want %q", got, after)
		}
	}
}

func lines(r *rand.Rand) string {
	var b strings.Builder
	for i := range 40 {
		if r.IntN(5) > 0 {
			fmt.Fprintf(&b, "%d\n", i)
		} else if r.IntN(2) == 0 {
			fmt.Fprintf(&b, "%d\n", r.IntN(1000))
		}
	}
	if r.IntN(3) == 0 {
		return strings.TrimSuffix(b.String(), "\n")
	}
	return b.String()
}

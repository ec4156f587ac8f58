package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

func organizationOf(t *testing.T, users int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "organization")
	if err := generate(dir, users); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestGenerate: what is generated is right by the law and by every rule, and
// its first plan is refused by none.
func TestGenerate(t *testing.T) {
	for _, users := range []int{leastUsers, 200, 2000} {
		d, problems, err := load.FS(t.Context(), os.DirFS(organizationOf(t, users)))
		if err != nil || len(problems) > 0 {
			t.Fatalf("%d users: %v, %v", users, err, problems)
		}
		w, problems := resolve.At(d, time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), nil)
		if len(problems) > 0 {
			t.Fatalf("%d users: %v", users, problems)
		}
		kinds := make(map[schema.Kind]int)
		for _, r := range w.State {
			kinds[r.Key().Kind]++
		}
		want := map[schema.Kind]int{schema.KindDomain: len(domainNames), schema.KindUser: users, schema.KindAlias: users / 20, schema.KindList: users / 100}
		for kind, n := range want {
			if kinds[kind] != n {
				t.Errorf("%d users: got %d of %s, want %d", users, kinds[kind], kind, n)
			}
		}
		p, err := reconcile.New(reconcile.Input{Want: w.State, Organization: w.Organization, At: w.At})
		if err != nil || len(p.Refusals()) > 0 {
			t.Errorf("%d users: %v, refusals %v", users, err, p.Refusals())
		}
	}
}

// TestGenerateAgain: the same number gives the same files, and user i is the
// same in a larger organization.
func TestGenerateAgain(t *testing.T) {
	first, again, larger := files(t, 200), files(t, 200), files(t, 300)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-first +again)\n%s", diff)
	}
	size, n := 0, 0
	for name, text := range first {
		if !strings.HasPrefix(name, "users/") {
			continue
		}
		size, n = size+len(text), n+1
		if larger[name] != text {
			t.Errorf("%s is another in a larger organization", name)
		}
	}
	if mean := size / n; n != 200 || mean < 450 || mean > 550 {
		t.Errorf("%d users of %d bytes, want 200 of about 500", n, mean)
	}
}

func files(t *testing.T, users int) map[string]string {
	t.Helper()
	dir := organizationOf(t, users)
	out := make(map[string]string)
	err := walk(dir, func(file string) {
		text, err := fs.ReadFile(os.DirFS(dir), filepath.ToSlash(strings.TrimPrefix(file, dir+string(filepath.Separator))))
		if err != nil {
			t.Error(err)
		}
		out[filepath.ToSlash(strings.TrimPrefix(file, dir+string(filepath.Separator)))] = string(text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAddresses: they stay unique when the names have run out.
func TestAddresses(t *testing.T) {
	seen := make(map[string]bool)
	for i := range 250_000 {
		if seen[address(i)] || seen[userFile(i)] {
			t.Fatalf("user %d: %s or %s is taken", i, address(i), userFile(i))
		}
		seen[address(i)], seen[userFile(i)] = true, true
	}
}

func TestGenerateRefuses(t *testing.T) {
	if err := generate(filepath.Join(t.TempDir(), "x"), leastUsers-1); err == nil {
		t.Error("too few users were generated")
	}
	if err := generate(t.TempDir(), leastUsers); err == nil {
		t.Error("a folder that exists was written into")
	}
}

func TestFloor(t *testing.T) {
	dir := organizationOf(t, 200)
	// the organization, domains, profiles, users, aliases and lists
	if n, err := floor(dir); err != nil || n != 1+len(domainNames)+6+200+10+2 {
		t.Errorf("got %d documents, %v", n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.yaml"), []byte("a: [\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := floor(dir); err == nil || !strings.Contains(err.Error(), "broken.yaml") {
		t.Errorf("a broken file: got %v", err)
	}
}

func TestBatches(t *testing.T) {
	var args []string
	for i := range 100_000 {
		args = append(args, userFile(i))
	}
	got := batches(args)
	if diff := cmp.Diff(args, slices.Concat(got...)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(got) < 2 || len(batches(args[:10_000])) != 1 {
		t.Errorf("100,000 files make %d batches, 10,000 make %d", len(got), len(batches(args[:10_000])))
	}
}

func TestMedian(t *testing.T) {
	got := median([]cost{{3, 30, 100}, {1, 50, 300}, {2, 40, 200}})
	if want := (cost{2, 40, 200}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPrintTable(t *testing.T) {
	costs := map[step]cost{}
	for i, s := range steps {
		costs[s] = cost{time.Duration(i+1) * time.Second, time.Second, 64 << 20}
	}
	var b bytes.Buffer
	if err := printTable(&b, []outcome{{1000, 3, costs}}); err != nil {
		t.Fatal(err)
	}
	line := strings.Join(strings.Fields(strings.Split(b.String(), "\n")[3]), " ")
	if want := "1000 mailops validate 3.00 1.00 64 3.0x 0.7x"; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
}

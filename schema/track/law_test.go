package track_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/policy"
	"mailops/schema/track"
)

// choices turns a fuzzer's bytes into decisions; when they run out, every
// decision is the first one.
type choices struct{ left []byte }

func (c *choices) of(n int) int {
	if len(c.left) == 0 {
		return 0
	}
	b := c.left[0]
	c.left = c.left[1:]
	return int(b) % n
}

func (c *choices) one(values ...string) string { return values[c.of(len(values))] }

const organization = `apiVersion: mailops/v1
kind: Organization
name: Acme
defaults: {profiles: [everyone]}
licences: {basic: 9}
protected: [u0@acme.example]
---
kind: Domain
name: acme.example
catchAll: u1@acme.example
---
kind: Domain
name: acme.test
`

const profiles = `kind: Profile
name: everyone
---
kind: Profile
name: floor
profiles: [everyone]
enforced: true
mailboxActions: {imap: false}
permissions: {sendAs: [u0@acme.example]}
`

// A repository is files of documents, which edits change at random.
type repository map[string][]string

// start is a repository that is right, whatever is decided.
func start() repository {
	r := repository{"mailops.yaml": {organization}, "profiles.yaml": {profiles}}
	for i := range 6 {
		r[fmt.Sprintf("users/u%d.yaml", i)] = []string{fmt.Sprintf("kind: User\naddress: u%d@acme.example\n", i)}
	}
	r["shared.yaml"] = []string{"kind: Alias\naddress: office@acme.example\nto: [u0@acme.example]\n", "kind: DistributionList\naddress: team@acme.example\nmembers: [u0@acme.example, u2@acme.example]\n"}
	return r
}

func (r repository) fs() fstest.MapFS {
	out := make(fstest.MapFS, len(r))
	for name, docs := range r {
		out[name] = &fstest.MapFile{Data: []byte(strings.Join(docs, "---\n"))}
	}
	return out
}

func (c *choices) address() string {
	return c.one("u0", "u1", "u2", "u3", "u4", "u5", "u6", "office", "team", "neu", "ünï", "О0") + "@" + c.one("acme.example", "acme.example", "acme.test", "elsewhere.example")
}

// document writes a declaration, mostly a right one.
func (c *choices) document() string {
	var b strings.Builder
	switch c.of(8) {
	case 0:
		fmt.Fprintf(&b, "kind: Alias\naddress: %s\nto: [%s, %s]\n", c.address(), c.address(), c.address())
	case 1:
		fmt.Fprintf(&b, "kind: DistributionList\naddress: %s\nmembers: [%s]\n", c.address(), c.address())
	default:
		fmt.Fprintf(&b, "kind: User\naddress: %s\n", c.address())
		b.WriteString(c.one("", "", "", "profiles: [floor]\n", "profiles: [nobody]\n"))
		b.WriteString(c.one("", "", "", "mailboxActions: {imap: true}\n", "mailboxActions: {pop: true}\n", "mailboxActions: {impa: true}\n"))
		if c.of(4) == 0 {
			fmt.Fprintf(&b, "forwarding: {to: [%s]}\n", c.address())
		}
		if c.of(6) == 0 {
			fmt.Fprintf(&b, "permissions: {sendAs: [%s]}\n", c.address())
		}
		if c.of(5) == 0 {
			fmt.Fprintf(&b, "schedule: [{from: 2026-01-0%d, until: 2026-01-0%d, set: {%s}}]\n", 1+c.of(4), 4+c.of(5),
				c.one("status: suspended", "mailboxActions: {pop: true}", "forwarding: {to: [u3@acme.example]}"))
		}
		if c.of(9) == 0 {
			fmt.Fprintf(&b, "renamedFrom: %s\n", c.address())
		}
		b.WriteString(c.one("", "", "", "travelMode: {until: 2026-01-03}\n", "password: {fromEnv: NOT_SET}\n"))
	}
	return b.String()
}

// edit changes a repository in one way, and returns the files that differ.
func (c *choices) edit(r repository) []string {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	file := names[c.of(len(names))]
	fresh := c.one("users/new.yaml", "users/u2.yaml", "more/x.yml", ".hidden/y.yaml", "README.md", "Odd.YAML")
	switch c.of(9) {
	case 0: // a file goes
		delete(r, file)
		return []string{file}
	case 1: // a file moves
		r[fresh] = r[file]
		if fresh != file {
			delete(r, file)
		}
		return []string{file, fresh}
	case 2: // a document is added
		r[file] = append(slices.Clone(r[file]), c.document())
		return []string{file}
	case 3: // a file of two documents comes
		r[fresh] = []string{c.document(), c.document()}
		return []string{fresh}
	case 4: // two files trade a document
		r[file] = append(slices.Clone(r[file]), "kind: User\naddress: neu@acme.test\n")
		if own := r["users/u3.yaml"]; file != "users/u3.yaml" && len(own) > 0 {
			r[file] = append(r[file], own[len(own)-1])
			r["users/u3.yaml"] = own[:len(own)-1]
		}
		return []string{file, "users/u3.yaml"}
	case 5: // what holds for everybody changes
		r["profiles.yaml"] = []string{strings.Replace(profiles, "imap: false", c.one("imap: false", "imap: true", "imap: perhaps"), 1)}
		return []string{"profiles.yaml"}
	}
	if strings.HasPrefix(file, "users/") || file == "shared.yaml" {
		r[file] = []string{c.document()}
	}
	return []string{file}
}

// TestMain lets the test binary be the child that judges policies.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == policy.ChildArg {
		os.Exit(policy.Child(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

var begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// FuzzNext holds law 8 for revisions and time: whatever the short way accepts,
// loading the whole accepts, with the same want; and what it refuses, that
// refuses too, in the same words.
func FuzzNext(f *testing.F) {
	source := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		data := make([]byte, 20+source.IntN(120))
		for i := range data {
			data[i] = byte(source.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		r, at := start(), begin
		tracker := &track.Tracker{}
		var old fs.FS = r.fs()
		w, problems, err := tracker.Load(t.Context(), old, at)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		changed := make(map[string]bool) // since w, through revisions that are wrong too
		for range 6 {
			for range 1 + c.of(2) {
				for _, file := range c.edit(r) {
					changed[file] = true
				}
			}
			at = at.Add(time.Duration(c.of(4)) * 18 * time.Hour)
			step := track.Step{Old: old, New: r.fs()}
			for file := range changed {
				step.Changed = append(step.Changed, file)
			}
			slices.Sort(step.Changed)
			next, problems, err := tracker.Next(t.Context(), w, step, at)
			whole, all, wholeErr := tracker.Load(t.Context(), step.New, at)
			if (err == nil) != (wholeErr == nil) || !cmp.Equal(problems, all) {
				t.Fatalf("the short way and the long way differ: %v, %v\n(-long +short)\n%s", err, wholeErr, cmp.Diff(all, problems))
			}
			if next == nil {
				continue
			}
			sameWant(t, whole, next)
			w, old = next, step.New
			clear(changed)
		}
	})
}

func sameWant(t *testing.T, whole, short *track.Want) {
	t.Helper()
	if diff := cmp.Diff(whole.State, short.State); diff != "" {
		t.Fatalf("state (-long +short):\n%s", diff)
	}
	if whole.Digest() != short.Digest() || short.Digest() != short.State.Digest() {
		t.Fatal("digests differ")
	}
	if diff := cmp.Diff(whole.Timed, short.Timed); diff != "" {
		t.Fatalf("times (-long +short):\n%s", diff)
	}
	if diff := cmp.Diff(whole.Unset, short.Unset); diff != "" {
		t.Fatalf("unset (-long +short):\n%s", diff)
	}
	if diff := cmp.Diff(whole.Next(), short.Next()); diff != "" {
		t.Fatalf("next (-long +short):\n%s", diff)
	}
	for _, r := range whole.State {
		if a, b := whole.FileOf(r.Key()), short.FileOf(r.Key()); a != b {
			t.Fatalf("%s is declared in %s, not %s", r.Key(), a, b)
		}
	}
}

// TestDetails: where values come from, and the hashes, are found again for some
// resources, whatever else the repository holds.
func TestDetails(t *testing.T) {
	r := start()
	const hash = "{BLF-CRYPT}$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe"
	r["users/u1.yaml"] = []string{"kind: User\naddress: u1@acme.example\nprofiles: [floor]\npassword: {hash: \"" + hash + "\"}\n"}
	tracker := &track.Tracker{}
	w, problems, err := tracker.Load(t.Context(), r.fs(), begin)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	key := schema.Key{Kind: schema.KindUser, Name: "u1@acme.example"}
	tracker.Forget()
	details, err := tracker.Details(t.Context(), w, r.fs(), []schema.Key{key})
	if err != nil {
		t.Fatal(err)
	}
	if got := details.Origin(key, "mailboxActions.imap"); got == nil || got.String() != "profiles.yaml:8:24 (profile floor)" {
		t.Errorf("imap comes from %v", got)
	}
	if u := w.State.Find(key).(*schema.User); details.Secrets[u.Password] != hash {
		t.Error("the hash is not found again")
	}
	if got := len(details.State); got > 4 {
		t.Errorf("%d resources were resolved for one", got)
	}
}

// TestPolicy: what changes is held against the organization's policies, and so
// is what changes by itself.
func TestPolicy(t *testing.T) {
	r := start()
	r["policy/pop.cue"] = []string{"package policy\n\n#User: mailboxActions: pop: false\n"}
	tracker := &track.Tracker{}
	old := r.fs()
	w, problems, err := tracker.Load(t.Context(), old, begin)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	r["users/u1.yaml"] = []string{"kind: User\naddress: u1@acme.example\nschedule: [{from: 2026-01-03, until: 2026-01-04, set: {mailboxActions: {pop: true}}}]\n"}
	step := track.Step{Old: old, New: r.fs(), Changed: []string{"users/u1.yaml"}}
	w, problems, err = tracker.Next(t.Context(), w, step, begin)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	if _, problems, err = tracker.At(t.Context(), w, step.New, begin.Add(24*time.Hour)); err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	_, problems, err = tracker.At(t.Context(), w, step.New, begin.Add(48*time.Hour))
	if err != nil || len(problems) != 1 || problems[0].Rule != "policy" || problems[0].Pos.File != "users/u1.yaml" {
		t.Fatalf("problems %v, error %v, want the policy's at users/u1.yaml", problems, err)
	}
}

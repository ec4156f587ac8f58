package track_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/track"
)

// reopen saves a want and opens it again. What that gives is saved as the same
// bytes.
func reopen(t *testing.T, w *track.Want, env map[string]string) *track.Want {
	t.Helper()
	mark := track.Mark{Program: "p", Tree: "t", Folder: "f", Commit: "c"}
	var first, second bytes.Buffer
	if err := track.Save(&first, w, mark, env); err != nil {
		t.Fatal(err)
	}
	again, err := track.Open(bytes.NewReader(first.Bytes()), int64(first.Len()), env)
	if err != nil {
		t.Fatal(err)
	}
	if err := track.Save(&second, again, mark, env); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatal("what was opened is saved as other bytes")
	}
	return again
}

// FuzzReopen holds law 8 for the disk: a want that was saved and opened is the
// want, and all that follows from it is the same.
func FuzzReopen(f *testing.F) {
	source := rand.New(rand.NewPCG(7, 8))
	for range 15 {
		data := make([]byte, 20+source.IntN(120))
		for i := range data {
			data[i] = byte(source.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		r, at := start(), begin
		one, other := &track.Tracker{}, &track.Tracker{}
		var old fs.FS = r.fs()
		w, problems, err := one.Load(t.Context(), old, at)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		changed := make(map[string]bool)
		for range 4 {
			one.Forget()
			again := reopen(t, w, nil)
			sameWant(t, w, again)
			sameAnswers(t, one, other, w, again, old)
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
			next, problems, err := one.Next(t.Context(), w, step, at)
			then, more, againErr := other.Next(t.Context(), again, step, at)
			if (err == nil) != (againErr == nil) || !cmp.Equal(problems, more) {
				t.Fatalf("what follows differs: %v, %v\n(-kept +opened)\n%s", err, againErr, cmp.Diff(problems, more))
			}
			if next == nil {
				continue
			}
			sameWant(t, next, then)
			w, old = next, step.New
			clear(changed)
		}
	})
}

// sameAnswers asks two trackers for what their wants do not hold.
func sameAnswers(t *testing.T, one, other *track.Tracker, w, again *track.Want, fsys fs.FS) {
	t.Helper()
	if diff := cmp.Diff(w.Organization, again.Organization); diff != "" || !w.At.Equal(again.At) {
		t.Fatalf("the organization, or the time:\n%s", diff)
	}
	if diff := cmp.Diff(w.Policies(), again.Policies()); diff != "" {
		t.Fatalf("policies:\n%s", diff)
	}
	var keys []schema.Key
	for _, r := range w.State {
		keys = append(keys, r.Key())
	}
	details, err := one.Details(t.Context(), w, fsys, keys)
	same, againErr := other.Details(t.Context(), again, fsys, keys)
	if err != nil || againErr != nil {
		t.Fatal(err, againErr)
	}
	for _, key := range keys {
		if diff := cmp.Diff(details.Origin(key, "status"), same.Origin(key, "status")); diff != "" {
			t.Fatalf("where the status of %s comes from:\n%s", key, diff)
		}
	}
	if diff := cmp.Diff(details.State, same.State); diff != "" {
		t.Fatalf("details:\n%s", diff)
	}
	until := w.At.AddDate(0, 0, 14)
	coming, err := one.Upcoming(t.Context(), w, fsys, until, 50)
	also, againErr := other.Upcoming(t.Context(), again, fsys, until, 50)
	if diff := cmp.Diff(coming, also); err != nil || againErr != nil || diff != "" {
		t.Fatalf("upcoming: %v, %v\n%s", err, againErr, diff)
	}
}

// small is a want that holds something of each kind, with the files that it is of.
func small(t *testing.T, env map[string]string) (*track.Want, repository) {
	t.Helper()
	r := start()
	r["policy/pop.cue"] = []string{"package policy\n\n#User: mailboxActions: pop: false\n"}
	r["users/u1.yaml"] = []string{"kind: User\naddress: u1@acme.example\npassword: {fromEnv: SECRET}\ntravelMode: {until: 2026-01-09}\n" +
		"permissions: {accessHours: {mon: [\"09:00-17:00\"]}, trustedNetworks: [10.0.0.0/8]}\n"}
	r["users/u2.yaml"] = []string{"kind: User\naddress: u2@acme.example\nrenamedFrom: two@acme.example\npassword: {fromEnv: NOT_SET}\n" +
		"schedule: [{from: 2026-01-03, until: 2026-01-04, set: {status: suspended}}]\n"}
	tracker := &track.Tracker{Env: env}
	w, problems, err := tracker.Load(t.Context(), r.fs(), begin)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return w, r
}

// TestDamaged: a file that differs in one byte, or ends early, or late, is told
// and not believed.
func TestDamaged(t *testing.T) {
	w, _ := small(t, nil)
	var file bytes.Buffer
	if err := track.Save(&file, w, track.Mark{Program: "p", Tree: "t"}, nil); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	refused := func(text []byte, what string, at int) {
		t.Helper()
		w, err := track.Open(bytes.NewReader(text), int64(len(text)), nil)
		if w != nil || !errors.Is(err, track.ErrDamaged) && !errors.Is(err, track.ErrOther) {
			t.Fatalf("%s %d of %d: error %v", what, at, len(whole), err)
		}
	}
	for i := range whole {
		refused(whole[:i], "cut at", i)
		for _, flip := range []byte{1, 0x80, 0xff} {
			text := bytes.Clone(whole)
			text[i] ^= flip
			refused(text, "flipped at", i)
		}
	}
	refused(append(bytes.Clone(whole), 0), "longer than", 0)
	if _, err := track.Open(bytes.NewReader(whole[:len(whole)-1]), int64(len(whole)), nil); !errors.Is(err, track.ErrDamaged) {
		t.Errorf("a file that shrinks while it is read: %v", err)
	}
}

// TestEnvironment: a want is not believed where a password in the environment is
// another one, or is there and was not, and whatever else is there does not count.
func TestEnvironment(t *testing.T) {
	const hash = "{BLF-CRYPT}$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe"
	env := map[string]string{"SECRET": hash}
	w, r := small(t, env)
	tracker := &track.Tracker{Env: env}
	step := track.Step{Old: r.fs()}
	r["users/u3.yaml"] = []string{"kind: User\naddress: u3@acme.example\npassword: {fromEnv: THIRD}\n"}
	step.New, step.Changed = r.fs(), []string{"users/u3.yaml"}
	next, problems, err := tracker.Next(t.Context(), w, step, begin)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	other := hash[:len(hash)-1] + "f"
	for _, c := range []struct {
		want *track.Want
		env  map[string]string
		hit  bool
	}{
		{w, map[string]string{"SECRET": hash, "HOME": "/home/ana", "THIRD": hash}, true},
		{w, map[string]string{"SECRET": hash, "NOT_SET": ""}, true},
		{w, map[string]string{"SECRET": other}, false},
		{w, map[string]string{"SECRET": hash, "NOT_SET": hash}, false},
		{w, nil, false},
		{next, map[string]string{"SECRET": hash}, true},
		{next, map[string]string{"SECRET": hash, "THIRD": hash}, false},
	} {
		var file bytes.Buffer
		if err := track.Save(&file, c.want, track.Mark{}, env); err != nil {
			t.Fatal(err)
		}
		_, err := track.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), c.env)
		if c.hit && err != nil || !c.hit && !errors.Is(err, track.ErrOther) {
			t.Errorf("%v: error %v", c.env, err)
		}
		if bytes.Contains(file.Bytes(), []byte(hash)) {
			t.Error("the hash itself lies on disk")
		}
	}
	reopen(t, next, env)
}

package snapshot_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sign"
	"mailops/reconcile/snapshot"
	"mailops/reconcile/storetest"
)

// sentinels are the errors of reading that callers tell apart.
var sentinels = []error{snapshot.ErrFormat, snapshot.ErrNewer, snapshot.ErrForged, snapshot.ErrForeign, snapshot.ErrExpired, snapshot.ErrKey}

// refused demands that error, and no other of them.
func refused(t *testing.T, err, want error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got error %v, want one that says %q", err, says)
	}
	for _, s := range sentinels {
		if errors.Is(err, s) != (s == want) {
			t.Errorf("errors.Is(%v, %q) = %t", err, s, s != want)
		}
	}
}

// TestUnfit: a snapshot that is right and does not fit.
func TestUnfit(t *testing.T) {
	file := take(t, some(t), options())
	for _, test := range []struct {
		name   string
		demand func(*snapshot.Demand)
		want   error
		says   string
	}{
		{"another organization", func(d *snapshot.Demand) { d.Organization = "Other" }, snapshot.ErrForeign, `of another organization: of "Acme", and not of "Other"`},
		{"old", func(d *snapshot.Demand) { d.Now = now.Add(61 * time.Minute) }, snapshot.ErrExpired, "it is of 2026-11-22T12:00:00Z, 1h1m0s ago, and may be 1h0m0s old"},
		{"to come", func(d *snapshot.Demand) { d.Now = now.Add(-6 * time.Minute) }, snapshot.ErrExpired, "is to come: is the clock right?"},
		{"to come, and of any age", func(d *snapshot.Demand) { d.Now, d.MaxAge = now.Add(-time.Hour), 0 }, snapshot.ErrExpired, "to come"},
		{"a long file", func(d *snapshot.Demand) { d.File = 100 }, snapshot.ErrFormat, "longer than 100 bytes"},
		{"a long line", func(d *snapshot.Demand) { d.Line = 100 }, snapshot.ErrFormat, "not a snapshot of this program: line 1: it is longer than 100 bytes"},
		{"many lines", func(d *snapshot.Demand) { d.Memory = 20000 }, snapshot.ErrFormat, "takes more than 20000 bytes of memory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := demand()
			test.demand(&d)
			_, err := snapshot.Read(bytes.NewReader(file), d)
			refused(t, err, test.want, test.says)
		})
	}
	for _, d := range []snapshot.Demand{{Organization: organization, Now: now.AddDate(9, 0, 0)}, {Organization: organization, Now: now.Add(-4 * time.Minute), MaxAge: time.Minute}} {
		read(t, file, d)
	}
	if _, err := snapshot.Read(iotest.ErrReader(io.ErrNoProgress), demand()); !errors.Is(err, io.ErrNoProgress) || errors.Is(err, snapshot.ErrFormat) {
		t.Errorf("got error %v of a file that cannot be read", err)
	}
}

// TestForged: what is not signed by who may is not even unpacked.
func TestForged(t *testing.T) {
	key, list := signingKey(t)
	other, _ := signingKey(t)
	s, o := some(t), options()
	unsigned, elsewhere := take(t, s, o), o
	elsewhere.Store = "sqlite:elsewhere.db"
	o.Signer = key
	good := take(t, s, o)
	body, signature, _ := bytes.Cut(good, []byte(sign.Header))
	signature = append([]byte(sign.Header), signature...)
	o.Signer = other
	byOther := take(t, s, o)
	plan, err := key.Sign(bytes.NewReader(body), sign.Plan)
	if err != nil {
		t.Fatal(err)
	}
	bent := bytes.Clone(good)
	bent[len(bent)/3] ^= 1
	bomb := append(packed(t, snapshot.Format, strings.Repeat("x", 1<<20)), "\n"+string(signature)...)

	for _, test := range []struct {
		name string
		file []byte
		says string
	}{
		{"unsigned", unsigned, "cannot be trusted: it is not signed"},
		{"the signature taken off", body, "it is not signed"},
		{"by another", byOther, "signed with a key of nobody who may sign"},
		{"as a plan", slices.Concat(body, plan), `for "mailops-plan@v1"`},
		{"a bit", bent, "not the one that was signed"},
		{"another's signature", slices.Concat(take(t, some(t), elsewhere), []byte("\n"), signature), "not the one that was signed"},
		{"another content", bomb, "not the one that was signed"},
		{"more before it", slices.Concat(body, []byte("more\n"), signature), "not the one that was signed"},
		{"more after it", append(bytes.Clone(good), "more\n"...), "more after its end"},
		{"cut off", good[:len(good)-10], "its end is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := demand()
			d.Signers = signers(t, list)
			_, err := snapshot.Read(bytes.NewReader(test.file), d)
			refused(t, err, snapshot.ErrForged, test.says)
		})
	}
	d := demand()
	d.Signers = signers(t, strings.Replace(list, " ", ` valid-before="20261122120000Z" `, 1))
	_, err = snapshot.Read(bytes.NewReader(good), d)
	refused(t, err, snapshot.ErrForged, "was valid before")
}

// head is the first line of a snapshot by hand, of which the rest may be wrong.
const head = `{"snapshot":{"at":"2026-11-22T12:00:00Z","store":"mem:","organization":"Acme","since":"2026-11-21T12:00:00Z"}}` + "\n"

// TestFormat: what is no snapshot, newer, or damaged.
func TestFormat(t *testing.T) {
	ana := `{"user":{"kind":"User","address":"ana@acme.example"}}` + "\n"
	text := func(lines ...string) []byte { return packed(t, snapshot.Format, strings.Join(lines, "")) }
	good := take(t, some(t), options())
	for _, test := range []struct {
		name string
		file []byte
		want error
		says string
	}{
		{"nothing", nil, snapshot.ErrFormat, "not a snapshot of this program: EOF"},
		{"YAML", []byte("kind: User\n"), snapshot.ErrFormat, ""},
		{"another gzip", packed(t, "", head), snapshot.ErrFormat, "it does not say that it is one"},
		{"another gzip with a comment", packed(t, "mailops.backup/v1", head), snapshot.ErrFormat, "it does not say that it is one"},
		{"version 0", packed(t, "mailops.snapshot/v0", head), snapshot.ErrFormat, "it does not say"},
		{"newer", packed(t, "mailops.snapshot/v2", "whatever"), snapshot.ErrNewer, "written by a newer mailops (mailops.snapshot/v2, and this one reads mailops.snapshot/v1)"},
		{"cut off", good[:len(good)/2], snapshot.ErrFormat, "unexpected EOF"},
		{"a checksum", append(bytes.Clone(good[:len(good)-8]), "\x00\x00\x00\x00\x00\x00\x00\x00"...), snapshot.ErrFormat, "invalid checksum"},
		{"more after it", append(bytes.Clone(good), '\n'), snapshot.ErrFormat, "more after its end"},
		{"two of them", append(bytes.Clone(good), good...), snapshot.ErrFormat, "more after its end"},
		{"empty", text(), snapshot.ErrFormat, "its end is missing"},
		{"no head", text(ana, `{"end":{"runs":0,"rows":1}}`), snapshot.ErrFormat, "line 1:"},
		{"two heads", text(head, head), snapshot.ErrFormat, "line 2:"},
		{"no end", text(head, ana), snapshot.ErrFormat, "its end is missing"},
		{"rows missing", text(head, ana, `{"end":{"runs":0,"rows":2}}`), snapshot.ErrFormat, "has 0 runs and 1 rows, and had 0 and 2"},
		{"more after the end", text(head, `{"end":{"runs":0,"rows":0}}`+"\n", ana), snapshot.ErrFormat, "line 3: there is more after the end"},
		{"an empty line", text(head, "\n"), snapshot.ErrFormat, "line 2"},
		{"no JSON", text(head, "kind: User\n"), snapshot.ErrFormat, "line 2"},
		{"a row of nothing", text(head, "{}\n"), snapshot.ErrFormat, "not one document"},
		{"two in a line", text(head, `{"end":{"runs":0,"rows":0}} {}`), snapshot.ErrFormat, "not one document"},
		{"two in one", text(head, `{"user":{"address":"a@b"},"alias":{"address":"a@b"}}`), snapshot.ErrFormat, "not one document"},
		{"observed of nobody", text(head, `{"domain":{"name":"acme.example"},"observed":{"backup":"queued"}}`), snapshot.ErrFormat, "not one document"},
		{"an unknown field", text(head, `{"user":{"address":"a@b","wings":2}}`), snapshot.ErrFormat, `unknown field "wings"`},
		{"a wrong type", text(head, `{"user":{"address":["a@b"]}}`), snapshot.ErrFormat, "cannot unmarshal"},
		{"a wrong value", text(head, `{"user":{"address":"a@b","quota":"lots"}}`), snapshot.ErrFormat, "has no unit such as GiB"},
		{"depth", text(head, `{"user":`+strings.Repeat("[", 100_000)), snapshot.ErrFormat, "exceeded max depth"},
		{"no name", text(head, `{"user":{"name":"Ana"}}`), snapshot.ErrFormat, "out of order"},
		{"twice", text(head, ana, ana), snapshot.ErrFormat, "User/ana@acme.example is out of order"},
		{"another order", text(head, ana, `{"domain":{"name":"acme.example"}}`), snapshot.ErrFormat, "Domain/acme.example is out of order"},
		{"a run after rows", text(head, ana, `{"run":{"id":1}}`), snapshot.ErrFormat, "run 1 is out of order"},
		{"runs in another order", text(head, `{"run":{"id":1}}`+"\n", `{"run":{"id":2}}`), snapshot.ErrFormat, "run 2 is out of order"},
		{"a run with changes", text(head, `{"run":{"id":1,"changes":[{"kind":"User"}]}}`), snapshot.ErrFormat, "run 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := snapshot.Read(bytes.NewReader(test.file), demand())
			refused(t, err, test.want, test.says)
		})
	}
	if !snapshot.Begins(good[:100]) || !snapshot.Begins(packed(t, "mailops.snapshot/v9", "")) || snapshot.Begins([]byte("kind: User")) || snapshot.Begins(nil) {
		t.Error("Begins does not know a snapshot")
	}
}

// TestKeys: whose key it is, and one that is none.
func TestKeys(t *testing.T) {
	o := options()
	o.Key = newKey(t, "k")
	s := read(t, take(t, some(t), o), demand())
	_, _, err := s.Against(nil, nil, nil)
	refused(t, err, snapshot.ErrKey, "it needs the key "+s.Key)
	_, _, err = s.Against(nil, nil, newKey(t, "l"))
	refused(t, err, snapshot.ErrKey, "its key is "+s.Key+", and this one is ")
	for _, short := range []string{"", "secret", strings.Repeat("k", 31), strings.Repeat(" ", 40)} {
		if _, err := snapshot.NewKey([]byte(short)); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v", short, err)
		}
	}
	if plain := read(t, take(t, some(t), options()), demand()); plain.Key != "" {
		t.Errorf("without a key it has the key %s", plain.Key)
	}
}

// TestHostile: a small file that unpacks to much takes little memory.
func TestHostile(t *testing.T) {
	const most = 48 << 20
	list := `{"list":{"address":"a@b","members":[` + strings.Repeat(`"",`, 300_000) + `""]}}` + "\n"
	for _, test := range []struct{ name, text, says string }{
		{"zeros", strings.Repeat("\x00", 64<<20), "longer than 4194304 bytes"},
		{"spaces", head + strings.Repeat(" ", 64<<20), "longer than 4194304 bytes"},
		{"elements", head + strings.Repeat(list, 20), "takes more than"},
		{"rows", head + strings.Repeat(`{"run":{"id":0}}`+"\n", 100_000), "out of order"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := packed(t, snapshot.Format, test.text)
			test.text = ""
			d := demand()
			d.Memory = 8 << 20
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := snapshot.Read(bytes.NewReader(file), d)
			runtime.ReadMemStats(&after)
			refused(t, err, snapshot.ErrFormat, test.says)
			if took := after.TotalAlloc - before.TotalAlloc; took > most {
				t.Errorf("%d bytes of file took %d bytes of memory", len(file), took)
			}
		})
	}
}

// FuzzRead: whatever a file holds, it is read within its limits or refused with
// an error that callers know, and what is read can be planned against.
func FuzzRead(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 5))
	live, secrets := storetest.Random(rng, 2) // a fuzzer takes its time with long inputs
	few := store(f, rng, live, secrets)
	good := take(f, few, options())
	key, list := signingKey(f)
	o := options()
	o.Signer = key
	text := unpacked(f, good)
	f.Add([]byte(text), true, false)
	f.Add([]byte(text[:len(text)/2]), true, false)
	f.Add([]byte(head+`{"end":{"runs":0,"rows":0}}`), true, false)
	f.Add([]byte(head+`{"alias":{"address":"a@b","to":["a@b"]}}`+"\n"+`{"end":{"runs":0,"rows":1}}`), true, false)
	f.Add(good, false, false)
	f.Add(take(f, few, o), false, true)
	who := signers(f, list)
	f.Fuzz(func(t *testing.T, data []byte, pack, signed bool) {
		if pack {
			data = packed(t, snapshot.Format, string(data))
		}
		d := demand()
		d.MaxAge, d.Memory, d.Line = 0, 1<<20, 1<<16
		if signed {
			d.Signers = who
		}
		s, err := snapshot.Read(bytes.NewReader(data), d)
		if err == nil {
			live, _, err := s.Against(nil, nil, nil)
			if (err != nil) != (s.Key != "") {
				t.Errorf("key %q: %v", s.Key, err)
			}
			plan(t, reconcile.Input{Live: live, Runs: s.Runs})
			return
		}
		for _, known := range sentinels {
			if errors.Is(err, known) {
				return
			}
		}
		t.Errorf("an error that nobody knows: %v", err)
	})
}

package track

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/resolve"
)

// full sets everything in a value, and nothing to what is set elsewhere.
func full(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("t%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		full(v.Index(0), n)
		full(v.Index(1), n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			full(v.Field(i), n)
		}
	default:
		panic("what is a " + v.Type().String() + " on disk?")
	}
}

// TestForm: no field of a resource is left out, and what is missing is missing.
func TestForm(t *testing.T) {
	var s schema.State
	n := 0
	for _, kind := range schema.LiveKinds {
		for _, fill := range []bool{true, false} {
			r, err := schema.New(schema.Key{Kind: kind})
			if err != nil {
				t.Fatal(err)
			}
			if fill {
				full(reflect.ValueOf(r).Elem(), &n)
			}
			schema.SetKind(r)
			s = append(s, r)
		}
	}
	empty := s[3].(*schema.User)
	empty.Profiles, empty.Forwarding.To, empty.Schedule = []string{}, []schema.Address{}, []schema.ScheduleEntry{}
	empty.Permissions.AccessHours = &schema.AccessHours{}
	empty.Quota = -1
	w := wantOf(s)
	again := reopened(t, w)
	if diff := cmp.Diff(w.State, again.State); diff != "" {
		t.Errorf("(-saved +opened)\n%s", diff)
	}
}

// wantOf is a want of a state, and of nothing else.
func wantOf(s schema.State) *Want {
	return &Want{State: s, shared: &schema.Declarations{}, files: []string{"x.yaml"}, places: make([]int32, len(s)), versions: make([][16]byte, len(s))}
}

func reopened(t *testing.T, w *Want) *Want {
	t.Helper()
	text := saved(t, w)
	again, err := Open(bytes.NewReader(text), int64(len(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func saved(t testing.TB, w *Want) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := Save(&text, w, Mark{"p", "t", "f", "c"}, nil); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// FuzzCoder: what passes for whole and is nonsense is refused, without a panic and
// without more memory than so much nonsense can ask for.
func FuzzCoder(f *testing.F) {
	n := 0
	w := wantOf(nil)
	w.shared = &schema.Declarations{Policies: []schema.Source{{File: "p", Text: "q"}}, Defaults: map[schema.Kind]*schema.Node{schema.KindUser: {Kind: schema.Mapping, Items: []schema.Node{{Text: "x"}}}}}
	w.Timed = map[schema.Address]resolve.Transition{"a@b": {At: time.Unix(5, 6), User: "a@b", Reason: "r"}}
	rest, timed, user := new(coder), new(coder), new(coder)
	rest.rest(w)
	timed.timed(w)
	u := new(schema.User)
	full(reflect.ValueOf(u).Elem(), &n)
	user.resource(u)
	for _, c := range []*coder{rest, timed, user} {
		f.Add(c.out)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, r := range []schema.Resource{&schema.Domain{}, &schema.User{}, &schema.Alias{}, &schema.List{}} {
			c := &coder{reads: true, in: string(data)}
			c.resource(r)
		}
		into := wantOf(nil)
		c := &coder{reads: true, in: string(data)}
		c.rest(into)
		c = &coder{reads: true, in: string(data)}
		c.timed(into)
		var h header
		c = &coder{reads: true, in: string(data)}
		if c.header(&h); c.done() {
			h.lay(0, int64(len(data)))
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+2000*uint64(len(data)) {
			t.Errorf("%d bytes made for %d", used, len(data))
		}
	})
}

// many is a want like that of a large organization.
func many(users int) *Want {
	s := schema.State{&schema.Domain{Kind: schema.KindDomain, Name: "acme.example"}}
	w := wantOf(nil)
	w.files = nil
	hours := &schema.AccessHours{Timezone: "Europe/Lisbon", Mon: []schema.Hours{{Start: 540, End: 1080}}}
	for i := range users {
		u := &schema.User{Kind: schema.KindUser, Address: schema.Address(fmt.Sprintf("matilde.conrad.%06d@acme.example", i)), Name: fmt.Sprintf("Matilde Conrad %d", i),
			Profiles: []string{"everyone", "sales"}, Password: schema.Fingerprint(fmt.Sprint(i))}
		u.Role, u.Status, u.AccountType, u.Language, u.Timezone = schema.RoleMember, schema.StatusActive, schema.AccountBasic, "pt", "Europe/Lisbon"
		u.Quota, u.MailAddOn.Backup, u.Lock.MailAddOn = 5<<30, schema.BackupOff, schema.Unlocked
		u.Permissions.TrustedNetworks = []string{fmt.Sprintf("10.%d.0.0/16", i%200), fmt.Sprintf("2001:db8:%x::/48", i%5000)}
		if i%5 == 0 {
			u.Permissions.AccessHours, u.Forwarding.To = hours, []schema.Address{"office@acme.example"}
		}
		s = append(s, u)
		w.files = append(w.files, fmt.Sprintf("users/%04d/matilde.conrad.%06d.yaml", i/200, i))
	}
	w.State, w.places, w.versions = s, make([]int32, len(s)), make([][16]byte, len(s))
	for i := range w.versions {
		w.places[i] = int32(max(i-1, 0))
		w.versions[i][0] = 1 // to work them out is not what is measured
	}
	return w
}

// BenchmarkOpen: a hundred thousand users from disk, and beside it the floor:
// reading the file.
func BenchmarkOpen(b *testing.B) {
	file := filepath.Join(b.TempDir(), "want")
	text := saved(b, many(100_000))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			f, info, err := open(file)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Open(f, info.Size(), nil); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := os.ReadFile(file); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("save", func(b *testing.B) {
		w := many(100_000)
		for b.Loop() {
			saved(b, w)
		}
	})
}

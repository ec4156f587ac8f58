package edit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"mailops/schema"
	"mailops/schema/load/edit"
)

// company is a live state of two domains: most users have IMAP and 5 GiB.
func company() schema.State {
	state := schema.State{
		&schema.Domain{Name: "acme.example", CatchAll: "office@acme.example", Timezone: "Europe/Lisbon"},
		&schema.Domain{Name: "beta.example"},
		&schema.Alias{Address: "office@acme.example", To: []schema.Address{"ana@acme.example"}},
		&schema.Alias{Address: "info@acme.example", To: []schema.Address{"ana@acme.example", "bo@acme.example"}},
		&schema.List{Address: "team@beta.example", Members: []schema.Address{"cy@beta.example"}, Posting: schema.PostingMembers},
		&schema.List{Address: "all@beta.example", Posting: schema.PostingAnyone},
	}
	for i, address := range []schema.Address{"ana@acme.example", "bo@acme.example", "cy@beta.example", "di@gamma.example", "o'neil+x@beta.example"} {
		u, _ := defaults()
		u.Address, u.Name, u.Quota, u.Role = address, strings.ToUpper(address.Local()), 5<<30, schema.RoleAdmin
		u.Timezone, u.Password = "Europe/Lisbon", "sha256:00"
		if i > 1 {
			u.Timezone = "UTC"
		}
		u.MailboxActions.IMAP = i != 1
		if i == 4 {
			u.Quota, u.Permissions.AccessHours = 0, &schema.AccessHours{Timezone: "UTC"}
		}
		state = append(state, u)
	}
	return state
}

func TestImport(t *testing.T) {
	u, l := defaults()
	files := edit.Import(company(), edit.Defaults{Organization: "acme", User: u, List: l})
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&got, "-- %s --\n%s", name, files[name])
	}
	golden(t, "testdata/import.txtar", got.String())
	again := edit.Import(company(), edit.Defaults{Organization: "acme", User: u, List: l})
	if diff := cmp.Diff(files, again); diff != "" {
		t.Errorf("not the same twice (-first +second)\n%s", diff)
	}
}

// golden compares with a file, or writes it when UPDATE is set.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

// profiled is a user who has profiles, and says nothing else.
func profiled(t *testing.T, u schema.User, names []string, profiles map[string]schema.Node) *schema.User {
	t.Helper()
	if names == nil {
		names = []string{"everyone"}
	}
	for _, name := range names {
		body, known := profiles[name]
		p := schema.Profile{Settings: u.Settings}
		if err := schema.Decode(&body, &p); !known || err != nil {
			t.Fatalf("profile %q: %v", name, err)
		}
		u.Settings = p.Settings
	}
	return &u
}

// repeats fails when a declaration says what the user has from profiles.
func repeats(t *testing.T, doc *schema.Node, u *schema.User) {
	t.Helper()
	said := *u
	if err := schema.Decode(doc, &said); err != nil {
		t.Fatal(err)
	}
	for _, f := range schema.Fields(schema.KindUser) {
		if doc.At(f.Path) != nil && f.Equal(u, &said) {
			t.Fatalf("%s says %s, which its profiles say", said.Address, f.Path)
		}
	}
}

// repository is what the files of an import declare, over the defaults.
func repository(t *testing.T, files map[string][]byte, user *schema.User, list *schema.List) schema.State {
	t.Helper()
	var docs []schema.Node
	zones := map[string]string{}
	for name, text := range files {
		formatted, err := edit.Format(name, text)
		if err != nil || !bytes.Equal(bytes.ToLower(formatted), bytes.ToLower(text)) {
			t.Fatalf("%s is not canonical: %v\n%s", name, err, cmp.Diff(string(text), string(formatted)))
		}
		for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var n yaml.Node
			if err := d.Decode(&n); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(name, err)
			}
			docs = append(docs, read(n.Content[0]))
		}
	}
	profiles := map[string]schema.Node{}
	for _, doc := range docs {
		switch schema.Kind(doc.Get("kind").Text) {
		case schema.KindProfile:
			profiles[doc.Get("name").Text] = doc
		case schema.KindDomain:
			if zone := doc.Get("timezone"); zone != nil {
				zones[doc.Get("name").Text] = zone.Text
			}
		}
	}
	var out schema.State
	for _, doc := range docs {
		kind := schema.Kind(doc.Get("kind").Text)
		r, err := schema.New(schema.Key{Kind: kind})
		if err != nil {
			continue // the organization and the profile
		}
		switch kind {
		case schema.KindUser:
			u := profiled(t, *user, doc.Get("profiles").Strings(), profiles)
			repeats(t, &doc, u)
			r = u
		case schema.KindList:
			l := *list
			r = &l
		}
		if err := schema.Decode(&doc, r); err != nil {
			t.Fatal(err)
		}
		if u, ok := r.(*schema.User); ok && u.Timezone == "" {
			u.Timezone = "UTC"
			if zone := zones[u.Address.Domain()]; zone != "" {
				u.Timezone = zone
			}
		}
		out = append(out, r)
	}
	out.Sort()
	return out
}

// checkImport holds that a repository made of live declares live again.
func checkImport(t *testing.T, live schema.State) {
	t.Helper()
	user, list := defaults()
	files := edit.Import(live, edit.Defaults{Organization: "acme", User: user, List: list})
	got := repository(t, files, user, list)
	for _, r := range live {
		found := got.Find(r.Key())
		if found == nil {
			t.Fatalf("%s is lost", r.Key())
		}
		for _, f := range schema.Fields(r.Key().Kind) {
			if !f.Secret() && !f.Equal(found, r) {
				t.Fatalf("%s.%s: got %s, want %s", r.Key(), f.Path, f.Get(found), f.Get(r))
			}
		}
	}
	folders := map[string]bool{}
	for name := range files {
		lower := strings.ToLower(name)
		if folders[lower] || len(path.Base(name)) > 100 || strings.ContainsAny(name, "\\:*?\"<>|\x00") || strings.Contains(name, "/.") {
			t.Fatalf("unsafe name %q", name)
		}
		folders[lower] = true
	}
}

func FuzzImport(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		crowds := []*schema.User{random(schema.KindUser, r).(*schema.User), random(schema.KindUser, r).(*schema.User)}
		taken := map[schema.Key]bool{}
		var live schema.State
		for range 1 + r.IntN(24) {
			one := random(schema.LiveKinds[r.IntN(len(schema.LiveKinds))], r)
			u, ok := one.(*schema.User)
			if ok && u.Timezone == "" {
				u.Timezone = "UTC"
			}
			if ok && r.IntN(3) > 0 {
				address := u.Address
				clone := *crowds[r.IntN(8)/7]
				u, one = &clone, &clone
				u.Address, u.Timezone = address, "Europe/Lisbon"
			}
			if key := one.Key(); !taken[key] && key.Name != "" {
				taken[key] = true
				live = append(live, one)
			}
		}
		checkImport(t, live)
	})
}

func TestImportCompany(t *testing.T) {
	checkImport(t, company())
}

func TestImportFileNames(t *testing.T) {
	long := strings.Repeat("a", 64)
	locals := []string{"a", "A", "a%41", "%41", ".", "..", "...", ".git", "a/b", `a\b`, "con", "CON", "con.x", "com1", "é", "e\u0301", "git~1", "a=b", "-rf", " ", "nul",
		long, strings.Repeat("é", 32), strings.Repeat("é", 31) + "è"}
	user, list := defaults()
	var live schema.State
	for _, local := range locals {
		u := *user
		u.Timezone = "UTC"
		u.Address = schema.Address(local + "@acme.example")
		live = append(live, &u)
	}
	files := edit.Import(live, edit.Defaults{Organization: "x", User: user, List: list})
	if len(files) != len(locals)+2 {
		t.Errorf("%d files of %d users: %q", len(files), len(locals), slices.Sorted(maps.Keys(files)))
	}
	checkImport(t, live)
	golden(t, "testdata/names.txt", strings.Join(slices.Sorted(maps.Keys(files)), "\n")+"\n")
}

// TestImportParts holds that no file grows beyond what the reader takes.
func TestImportParts(t *testing.T) {
	user, list := defaults()
	var live schema.State
	for i := range 40_000 {
		live = append(live, &schema.Alias{Address: schema.Address(fmt.Sprintf("alias-%05d@acme.example", i)), To: []schema.Address{"somebody.with.a.name@acme.example"}})
	}
	files := edit.Import(live, edit.Defaults{Organization: "x", User: user, List: list})
	docs := 0
	for name, text := range files {
		if len(text) > 2<<20 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		docs += bytes.Count(text, []byte("kind: Alias\n"))
	}
	if docs != len(live) || files["aliases/acme.example=2.yaml"] == nil {
		t.Errorf("%d documents in %q", docs, slices.Sorted(maps.Keys(files)))
	}
}

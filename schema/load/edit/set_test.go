package edit_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"mailops/schema"
	"mailops/schema/load/edit"
)

func TestSet(t *testing.T) {
	tests := []struct{ name, before, path, value, want string }{
		{"a scalar, its comment stays", "quota: 5GiB   # small\nname: x\n", "quota", "50GiB", "quota: 50GiB   # small\nname: x\n"},
		{"in brackets", "mailboxActions: {imap: false, pop: true} # c\n", "mailboxActions.imap", "true", "mailboxActions: {imap: true, pop: true} # c\n"},
		{"quotes", "password: {hash: '{A}b'}\n", "password.hash", `"{ARGON2ID}$x"`, "password: {hash: \"{ARGON2ID}$x\"}\n"},
		{"a collection by another", "to: [a, b] # c\nx: y\n", "to", "[c]", "to: [c] # c\nx: y\n"},
		{"a block by brackets", "to: # c\n  # inner\n  - a\n  - b # d\n# e\nx: y\n", "to", "[c]", "to: [c] # c\n# e\nx: y\n"},
		{"a block scalar", "a: | # c\n  x\n\n  y\n\n# d\nb: c\n", "a", "z", "a: z # c\n\n# d\nb: c\n"},
		{"a missing value", "a: # c\nb: 1\n", "a", "z", "a: z # c\nb: 1\n"},
		{"no last line end", "a: 1", "a", "2", "a: 2"},
		{"insert without last line end", "kind: User\naddress: a@b.c", "name", "x", "kind: User\naddress: a@b.c\nname: x"},
		{"insert in order", "kind: User\naddress: a@b.c\n\n# hours\npermissions: {}\n", "quota", "1GiB", "kind: User\naddress: a@b.c\nquota: 1GiB\n\n# hours\npermissions: {}\n"},
		{"insert in a block", "kind: User\nmailboxActions:\n    incoming: true # c\n    # d\n    pop: false\n", "mailboxActions.imap", "true", "kind: User\nmailboxActions:\n    incoming: true # c\n    imap: true\n    # d\n    pop: false\n"},
		{"insert in brackets", "kind: User\nmailboxActions: {incoming: true, pop: false}\n", "mailboxActions.imap", "true", "kind: User\nmailboxActions: {incoming: true, imap: true, pop: false}\n"},
		{"insert in empty brackets", "kind: User\nmailboxActions: { # c\n  }\n", "mailboxActions.imap", "true", "kind: User\nmailboxActions: {imap: true # c\n  }\n"},
		{"insert parents", "kind: User\naddress: a@b.c\n", "permissions.features.filters", "false", "kind: User\naddress: a@b.c\npermissions: {features: {filters: false}}\n"},
		{"insert below an empty parent", "kind: User\npermissions: # c\n", "permissions.features.filters", "false", "kind: User\npermissions: {features: {filters: false}} # c\n"},
		{"quotes where brackets need them", "kind: User\nforwarding: {}\n", "forwarding.note", "a, b", "kind: User\nforwarding: {note: \"a, b\"}\n"},
		{"carriage returns", "kind: User\r\nname: x\r\n", "quota", "1GiB", "kind: User\r\nname: x\r\nquota: 1GiB\r\n"},
		{"behind a nested block and its comments", "kind: User\nforwarding:\n  to:\n  - a@b.c\n  # more\npermissions: {}\n", "mailboxActions.pop", "true", "kind: User\nforwarding:\n  to:\n  - a@b.c\n  # more\nmailboxActions: {pop: true}\npermissions: {}\n"},
		{"an element", "schedule:\n  - until: a\n    from: b\n  - {until: c}\n", "schedule[1].until", "d", "schedule:\n  - until: a\n    from: b\n  - {until: d}\n"},
		{"a byte order mark", "\ufeffa: 1\n", "a", "2", "\ufeffa: 2\n"},
		{"empty in brackets", "a: {b: , c}\n", "a.d", "1", "a: {b: , c, d: 1}\n"},
		{"a bare key in brackets", "a: {b: , c}\n", "a.c", "1", "a: {b: , c: 1}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(edit.Set([]byte(tt.before), 0, tt.path, tt.value))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	tests := []struct{ name, before, path, value, want string }{
		{"a list is no mapping", "a: [b]\n", "a.c", "1", "set a.c: what holds it is not a mapping"},
		{"a text is no mapping", "a: b\n", "a.c", "1", "set a.c: what holds it is not a mapping"},
		{"no such element", "a: [b]\n", "a[1]", "1", "set a[1]: there is no such element"},
		{"a value of two lines", "a: b\n", "a", "c\nd", "set a: the value is not one scalar or a collection in brackets, on one line"},
		{"a value that is a block", "a: b\n", "a", "c: d", "set a: the value is not one scalar or a collection in brackets, on one line"},
		{"a value with a comment", "a: b\n", "a", "c # d", "set a: the value is not one scalar or a collection in brackets, on one line"},
		{"no value", "a: b\n", "a", "", "set a: the value is not one scalar or a collection in brackets, on one line"},
		{"an open quote", "a: b\n", "a", `"c`, "set a: the value is not YAML that can be set"},
		{"a wrong path", "a: b\n", "a..b", "1", `set a..b: "a..b" is not a path`},
		{"an anchor", "a: &x b\n", "a", "1", "set a: line 1: anchors and aliases are not supported; use a profile"},
		{"a key twice", "a: 1\na: 2\n", "a", "1", `set a: line 2: the key "a" is there twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := edit.Set([]byte(tt.before), 0, tt.path, tt.value)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestUnset(t *testing.T) {
	tests := []struct{ name, before, path, want string }{
		{"a line", "a: 1\n# about b\nb: 2 # c\nc: 3\n", "b", "a: 1\n# about b\nc: 3\n"},
		{"a block", "a: 1\nb:\n  - x\n  # y\nc: 3\n", "b", "a: 1\nc: 3\n"},
		{"the last line", "a: 1\nb: 2", "b", "a: 1\n"},
		{"the first in brackets", "a: {b: 1, c: 2}\n", "a.b", "a: {c: 2}\n"},
		{"the last in brackets", "a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n"},
		{"between comments in brackets", "a: {b: 1, # x\n  c: 2, # y\n  d: 3}\n", "a.c", "a: {b: 1, # x\n   # y\n  d: 3}\n"},
		{"the last of a comma", "a: {b: 1, # x\n  c: 2}\n", "a.c", "a: {b: 1, # x\n  }\n"},
		{"an emptied parent", "a: 1\nb:\n  c: {d: 1}\ne: 2\n", "b.c.d", "a: 1\ne: 2\n"},
		{"the first of an element", "a:\n  - b: 1\n    c: 2\n", "a[0].b", "a:\n  - c: 2\n"},
		{"an element", "a:\n  - b\n  - c\n  - d\n", "a[1]", "a:\n  - b\n  - d\n"},
		{"an element of brackets", "a: [b, c, d]\n", "a[1]", "a: [b, d]\n"},
		{"what is not there", "a: 1\n", "b.c", "a: 1\n"},
		{"all there is", "a: {b: 1}\n", "a.b", "error: unset a.b: it is all that the document says\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := outcome(edit.Unset([]byte(tt.before), 0, tt.path))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSecondDocument(t *testing.T) {
	text := []byte("---\n# none\n---\nkind: User\naddress: A@b.example\n---\nkind: User\naddress: c@b.example\nquota: 1GiB\n")
	n, err := edit.Find(text, schema.Key{Kind: schema.KindUser, Name: "c@b.example"})
	if n != 1 || err != nil {
		t.Fatalf("found %d, %v", n, err)
	}
	if n, _ = edit.Find(text, schema.Key{Kind: schema.KindAlias, Name: "c@b.example"}); n != -1 {
		t.Errorf("found an alias: %d", n)
	}
	got := outcome(edit.Set(text, 1, "quota", "2GiB"))
	want := strings.Replace(string(text), "1GiB", "2GiB", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzSet(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), 0, "a", "b", `"x"`)
		f.Add([]byte(seed), 0, "mailboxActions", "imap", "true")
		f.Add([]byte(seed), 1, "to", "quota", "[a, {b: c}]")
	}
	f.Fuzz(func(t *testing.T, text []byte, doc int, first, second, value string) {
		if strings.ContainsAny(first+second, ".[") {
			return // such keys have no path
		}
		for _, path := range []string{first, first + "." + second} {
			checkSet(t, text, doc, path, value)
			checkUnset(t, text, doc, path)
		}
	})
}

// checkSet holds that Set changes what it is told to, and nothing else.
func checkSet(t *testing.T, text []byte, doc int, path, value string) {
	t.Helper()
	after, err := edit.Set(text, doc, path, value)
	if err != nil {
		return
	}
	want := plain(t, text)
	put(want[doc], strings.Split(path, "."), plain(t, []byte(value))[0])
	if diff := cmp.Diff(want, plain(t, after)); diff != "" {
		t.Fatalf("set %q to %q in %q gave %q: (-want +got)\n%s", path, value, text, after, diff)
	}
	if again, err := edit.Set(after, doc, path, value); err != nil || !bytes.Equal(after, again) {
		t.Fatalf("set %q to %q in %q gave %q, and then %q, %v", path, value, text, after, again, err)
	}
}

func checkUnset(t *testing.T, text []byte, doc int, path string) {
	t.Helper()
	after, err := edit.Unset(text, doc, path)
	if err != nil {
		return
	}
	want := plain(t, text)
	drop(want[doc], strings.Split(path, "."))
	if diff := cmp.Diff(want, plain(t, after)); diff != "" {
		t.Fatalf("unset %q in %q gave %q: (-want +got)\n%s", path, text, after, diff)
	}
}

// put sets a member of nested mappings, and makes the ones that are missing.
func put(in any, path []string, value any) {
	m := in.(map[string]any)
	if len(path) == 1 {
		m[path[0]] = value
		return
	}
	if m[path[0]] == nil {
		m[path[0]] = map[string]any{}
	}
	put(m[path[0]], path[1:], value)
}

// drop removes a member and the parents that it leaves empty, and reports
// whether it was there.
func drop(in any, path []string) bool {
	m, _ := in.(map[string]any)
	inner, was := m[path[0]]
	if was && len(path) > 1 {
		was = drop(inner, path[1:])
		if nested, ok := inner.(map[string]any); !ok || len(nested) > 0 {
			return was
		}
	}
	if was {
		delete(m, path[0])
	}
	return was
}

// TestSetEverywhere sets every field of a user in texts of many styles.
func TestSetEverywhere(t *testing.T) {
	texts := []string{
		"kind: User\naddress: a@b.example\n",
		"{kind: User, address: a@b.example}\n",
		"# c\nkind: User # d\npermissions:\n    features: {filters: true, # x\n      forwarding: false}\n    accessHours:\n        mon:\n        - \"09:00-10:00\"\n# e\n",
		"kind: User\nmailboxActions:\nschedule:\n- from: a\n  until: b\nlock: {}\n",
		"kind: User\r\nname: |\r\n  x\r\n\r\nforwarding:\r\n  to: [\r\n    a@b.c, # d\r\n  ]\r\n",
	}
	for i, text := range texts {
		for _, field := range schema.Fields(schema.KindUser) {
			t.Run(strconv.Itoa(i)+"/"+field.Path, func(t *testing.T) {
				for _, value := range []string{"true", `"a: {b}"`, "[x, y]", "{z: [1]}", "2026-12-10"} {
					if _, err := edit.Set([]byte(text), 0, field.Path, value); err != nil {
						t.Errorf("%q: %v", text, err)
					}
					checkSet(t, []byte(text), 0, field.Path, value)
					checkUnset(t, []byte(text), 0, field.Path)
				}
			})
		}
	}
}

// TestSetNode is what the reader sees of a value that was set.
func TestSetNode(t *testing.T) {
	out, err := edit.Set([]byte("kind: User\n"), 0, "password.hash", `"{ARGON2ID}$a: #b"`)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Password struct{ Hash string } }
	if err := yaml.Unmarshal(out, &got); err != nil || got.Password.Hash != "{ARGON2ID}$a: #b" {
		t.Errorf("%s: %q, %v", out, got.Password.Hash, err)
	}
}

package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/schema"
	"mailops/schema/policy"
)

// TestMain lets the test binary be the child, as main does for the program.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == policy.ChildArg {
		os.Exit(policy.Child(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// user is an effective user as defaults make it.
func user(address string) *schema.User {
	return &schema.User{
		Address:  schema.Address(address),
		Profiles: []string{"everyone"},
		Settings: schema.Settings{
			Role: schema.RoleMember, Status: schema.StatusActive, AccountType: schema.AccountBasic, Quota: 5 << 30,
			MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true},
		},
	}
}

func one(text string) []schema.Source { return []schema.Source{{File: "policy/a.cue", Text: text}} }

func check(t *testing.T, policies []schema.Source, state schema.State, limits policy.Limits) []policy.Violation {
	t.Helper()
	got, err := policy.Check(t.Context(), policies, state, limits)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func print(violations []policy.Violation) string {
	var b strings.Builder
	for _, v := range violations {
		fmt.Fprintf(&b, "%s: ", v.Policy)
		if v.Key.Name != "" {
			fmt.Fprintf(&b, "%s %s: ", v.Key, v.Path)
		}
		b.WriteString(v.Message)
		if v.Hint != "" {
			fmt.Fprintf(&b, " [%s]", v.Hint)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestStories runs testdata/*.txtar: policy/*.cue and resources in, violations
// out. UPDATE=1 rewrites what is expected.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story(t, file)
		})
	}
}

func story(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var policies []schema.Source
	var state schema.State
	var want *txtar.File
	for i, f := range archive.Files {
		switch {
		case f.Name == "violations":
			want = &archive.Files[i]
		case strings.HasPrefix(f.Name, "policy/"):
			policies = append(policies, schema.Source{File: f.Name, Text: string(f.Data)})
		default:
			state = append(state, resource(t, f))
		}
	}
	if want == nil {
		t.Fatal("no violations section")
	}
	got := print(check(t, policies, state, policy.Limits{}))
	if os.Getenv("UPDATE") != "" {
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

// resource reads a section named Kind/name: JSON that is laid over a default.
func resource(t *testing.T, f txtar.File) schema.Resource {
	t.Helper()
	kind, name, _ := strings.Cut(f.Name, "/")
	r, err := schema.New(schema.Key{Kind: schema.Kind(kind), Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if kind == "User" {
		r = user(name)
	}
	if err := json.Unmarshal(f.Data, r); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return r
}

// limits are small, so that what has to be ended is ended soon.
var limits = policy.Limits{CPU: time.Second, Memory: 256 << 20}

// TestEnded: a policy that would not end costs its author an answer, and nobody
// else anything.
func TestEnded(t *testing.T) {
	admins := func(body string) string {
		return "import \"list\"\nimport \"strings\"\n_use: [list.MaxItems(9), strings.MaxRunes(9)]\n" +
			"#User: {role: string, mailboxActions: pop: false, if role == \"admin\" {" + body + "}}\n"
	}
	tests := []struct{ name, body, want string }{
		{"counts for ever", `_x: list.Sum([for i in list.Range(0, 100000, 1) for j in list.Range(0, 100000, 1) {i*j}])`, "takes more than"},
		{"eats memory", `_x: [for i in list.Range(0, 1000000, 1) for j in list.Range(0, 1000000, 1) {{a: i, b: {c: j}}}]`, "takes more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ana, bruno, carla := user("ana@acme.example"), user("bruno@acme.example"), user("carla@acme.example")
			bruno.Role = schema.RoleAdmin
			carla.MailboxActions.POP = true
			got := check(t, one(admins(tt.body)), schema.State{ana, bruno, carla}, limits)
			if len(got) != 2 || got[0].Key != bruno.Key() || got[1].Key != carla.Key() {
				t.Fatalf("got\n%s", print(got))
			}
			if !strings.Contains(got[0].Message, tt.want) || got[0].Policy.String() != "policy/a.cue:4:1" {
				t.Errorf("bruno's is %s", print(got[:1]))
			}
			if got[1].Path != "mailboxActions.pop" {
				t.Errorf("carla's is %s", print(got[1:]))
			}
		})
	}
}

// TestEndedWhileCompiling: the file that does it is named, though others are
// compiled with it.
func TestEndedWhileCompiling(t *testing.T) {
	t.Parallel()
	policies := []schema.Source{
		{File: "policy/a.cue", Text: "_x: 1\n"},
		{File: "policy/b.cue", Text: "import \"list\"\n_y: list.Sum([for i in list.Range(0, 100000, 1) for j in list.Range(0, 100000, 1) {i*j+_x}])\n"},
		{File: "policy/c.cue", Text: "#User: role: string\n"},
	}
	got := check(t, policies, schema.State{user("ana@acme.example")}, limits)
	if len(got) != 1 || got[0].Policy.File != "policy/b.cue" || !strings.Contains(got[0].Message, "takes more than") {
		t.Errorf("got\n%s", print(got))
	}
}

// TestGivenUp: the time that hostile policies can take is bounded, and what was
// not judged is never passed over in silence.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	var state schema.State
	for i := range 20 {
		state = append(state, user(fmt.Sprintf("user%d@acme.example", i)))
	}
	text := "import \"list\"\n#User: {address: string, _x: [if address != \"\" for i in list.Range(0, 1000000, 1) for j in list.Range(0, 1000000, 1) {address}]}\n"
	small := limits
	small.Deaths = 2
	got := check(t, one(text), state, small)
	if len(got) != 3 || !strings.Contains(got[0].Message, "not all resources were judged") {
		t.Errorf("got\n%s", print(got))
	}
}

// TestDeep: nesting ends a child by its stack at worst.
func TestDeep(t *testing.T) {
	t.Parallel()
	text := "#User: {_x: " + strings.Repeat("[", 3<<20) + "\n"
	got := check(t, one(text), schema.State{user("ana@acme.example")}, policy.Limits{})
	if len(got) == 0 || got[0].Policy.File != "policy/a.cue" {
		t.Errorf("got\n%s", print(got))
	}
}

// TestLongText: megabytes in a resource or a policy make a short message.
func TestLongText(t *testing.T) {
	t.Parallel()
	ana, bruno := user("ana@acme.example"), user("bruno@acme.example")
	ana.Name = strings.Repeat("ã", 5<<19)
	text := `#User: {name?: "` + strings.Repeat("y", 1<<20) + `"}`
	got := check(t, one(text), schema.State{ana, bruno}, policy.Limits{})
	if len(got) != 1 || got[0].Path != "name" || len([]rune(got[0].Message)) > 200 || !strings.HasPrefix(got[0].Message, "conflicting values") {
		t.Errorf("got\n%s", print(got))
	}
}

// TestManyAlike: a hundred thousand users that policies cannot tell apart are
// judged as a few, and each that breaks one is named.
func TestManyAlike(t *testing.T) {
	t.Parallel()
	const n = 100_000
	state := make(schema.State, n)
	for i := range state {
		u := user(fmt.Sprintf("user%06d@acme.example", i))
		u.MailboxActions.POP = i%1000 == 0
		state[i] = u
	}
	got := check(t, one("#User: mailboxActions: pop: false\n"), state, policy.Limits{})
	if len(got) != n/1000 || got[1].Key.Name != "user001000@acme.example" {
		t.Errorf("%d violations", len(got))
	}
}

// TestManyDifferent needs more than one child: none is blamed for the others.
func TestManyDifferent(t *testing.T) {
	t.Parallel()
	const n = 5000
	state := make(schema.State, n)
	for i := range state {
		u := user(fmt.Sprintf("user%06d@acme.example", i))
		u.Name = fmt.Sprintf("User %d", i)
		state[i] = u
	}
	got := check(t, one("#User: name: !~\"99$\"\n"), state, limits)
	if len(got) != n/100 {
		t.Errorf("%d violations:\n%.2000s", len(got), print(got))
	}
}

// TestSecret: a password is not shown, and cannot be asked about.
func TestSecret(t *testing.T) {
	t.Parallel()
	ana := user("ana@acme.example")
	ana.Password = "sha256:canary"
	for _, text := range []string{"#User: X={_x: X.password}", "#User: \"text\"", "#User: X={_x: \"\\(X)\"}", "import \"encoding/json\"\n#User: X={name: json.Marshal(X)}"} {
		if got := print(check(t, one(text), schema.State{ana}, policy.Limits{})); strings.Contains(got, "canary") {
			t.Errorf("%s: got\n%s", text, got)
		}
	}
}

// TestCancelled: the caller's end is the child's.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := policy.Check(ctx, one("#User: role: string"), schema.State{user("ana@acme.example")}, policy.Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestWall: what the processor does not count, the clock does.
func TestWall(t *testing.T) {
	t.Parallel()
	got := check(t, one("#User: role: string"), schema.State{user("ana@acme.example")}, policy.Limits{Wall: time.Nanosecond})
	if len(got) != 1 || !strings.Contains(got[0].Message, "takes longer than 1ns") {
		t.Errorf("got\n%s", print(got))
	}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	if got := check(t, nil, schema.State{user("ana@acme.example")}, policy.Limits{}); got != nil {
		t.Errorf("got\n%s", print(got))
	}
	if got := check(t, one("package acme\n_x: 1\n"), schema.State{user("ana@acme.example")}, policy.Limits{}); got != nil {
		t.Errorf("got\n%s", print(got))
	}
}

// TestChildRefuses what is no order.
func TestChildRefuses(t *testing.T) {
	var out bytes.Buffer
	if code := policy.Child(strings.NewReader("nonsense"), &out); code == 0 || out.Len() > 0 {
		t.Errorf("exit code %d, output %q", code, &out)
	}
}

package hosted

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func create() Call {
	return Call{
		Name: "create", Method: "POST", Path: "/users",
		Query: []Field{Value("start", 1)},
		Body: []Field{
			Value("address", "a&<b>@acme.example"), Hidden("password", "of ana"), Value("once", true),
			Value("id", json.Number("5250000000000008001")), Value("list", []string{"x", `"y"`}), Value("none", nil),
		},
	}
}

// TestCall: a call is the same after a journal, in the order in which it was made,
// and has no secret until it is sent.
func TestCall(t *testing.T) {
	secrets := Secrets{"of ana": `Sec"ret#1`}
	data, err := json.Marshal(create())
	if err != nil || strings.Contains(string(data), "Sec") {
		t.Fatalf("got %s, %v", data, err)
	}
	var back Call
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Call{create(), back} {
		body, err := c.JSON(secrets)
		want := `{"address":"a\u0026\u003cb\u003e@acme.example","password":"Sec\"ret#1","once":true,"id":5250000000000008001,"list":["x","\"y\""],"none":null}`
		if err != nil || string(body) != want {
			t.Errorf("got %s, %v\nwant %s", body, err, want)
		}
		form, err := c.Form(secrets)
		if got := form.Encode(); err != nil || got != "address=a%26%3Cb%3E%40acme.example&id=5250000000000008001&list=%5B%22x%22%2C%22%5C%22y%5C%22%22%5D&none=null&once=true&password=Sec%22ret%231" {
			t.Errorf("got %s, %v", got, err)
		}
		if query, err := c.Question(nil); err != nil || query.Encode() != "start=1" {
			t.Errorf("got %v, %v", query, err)
		}
	}
	if _, err := create().JSON(nil); err == nil || err.Error() != "create: the secret for password is not at hand" {
		t.Errorf("without the secret: %v", err)
	}
	if got := create().Named(); !reflect.DeepEqual(got, []string{"of ana"}) {
		t.Errorf("got %v", got)
	}
	if body, err := (Call{}).JSON(nil); body != nil || err != nil {
		t.Errorf("no body: %q, %v", body, err)
	}
}

// TestOutcomes: which go on, and what errors say.
func TestOutcomes(t *testing.T) {
	until := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		answer    Answer
		ok, stops bool
		words     string
	}{
		{Answer{Outcome: Done}, true, false, ""},
		{Answer{Outcome: Already, Text: "ALREADY ENABLED"}, true, false, ""},
		{Answer{Outcome: Refused, Status: 400, Text: "no"}, false, false, "x: no"},
		{Answer{Outcome: Refused, Status: 400}, false, false, "x: it answers 400 without words"},
		{Answer{Outcome: Unknown, Text: "the answer breaks off"}, false, false, "x: the answer breaks off: whether it was done is not known"},
		{Answer{Outcome: Throttled, Until: until, Text: "too many"}, false, true, "x: too many: go on after 2026-07-01T12:00:00Z"},
		{Answer{Outcome: TokenFailed, Text: "revoked"}, false, true, "x: revoked"},
		{Answer{Outcome: Failed, Text: "gone"}, false, true, "x: gone"},
	} {
		err, words := c.answer.Err("x"), ""
		if err != nil {
			words = err.Error()
		}
		if c.answer.Outcome.OK() != c.ok || c.answer.Outcome.Stops() != c.stops || words != c.words {
			t.Errorf("%s: got %q", c.answer.Outcome, words)
		}
		var as *Error
		if err != nil && (!errors.As(err, &as) || as.Answer.Outcome != c.answer.Outcome) {
			t.Errorf("%s: %T", c.answer.Outcome, err)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"two\nlines\x1b[31m and\ttabs ": "two lines [31m and tabs",
		"the token s3cret is":           "the token (secret) is",
		"bad \xff byte":                 "bad byte",
		strings.Repeat("ä", 400):        strings.Repeat("ä", 299) + "…",
		"abc stays":                     "abc stays",
	} {
		if got := Clean(in, "s3cret", "abc", ""); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// TestPrivate: a file that others may use is refused, and a state survives what a
// crash leaves.
func TestPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	s := State[int]{Path: file}
	add := func(n *int) error { *n++; return nil }
	for range 2 {
		if err := s.Change(add); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Change(func(n *int) error { *n = 9; return os.ErrInvalid }); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if data, err := ReadPrivate(file); err != nil || string(data) != "2" {
		t.Errorf("got %s, %v", data, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPrivate(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	if err := os.WriteFile(file+"2", []byte(`{"half`), 0o600); err != nil {
		t.Fatal(err)
	}
	half := State[int]{Path: file + "2"}
	if err := half.Change(add); err != nil {
		t.Error(err)
	}
	if data, _ := ReadPrivate(file + "2"); string(data) != "1" {
		t.Errorf("after a crash: %s", data)
	}
	if _, err := ReadPrivate(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if rest, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

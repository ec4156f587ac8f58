package emailarray_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailops/reconcile/emailarray"
)

// TestParseURL: what a URL says, and what none may.
func TestParseURL(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const lines = "# ours\nEMAILARRAY_USERNAME=file\nEMAILARRAY_PASSWORD=of=file\n"
	env := func(name string) string {
		return map[string]string{"EMAILARRAY_USERNAME": "env", "EMAILARRAY_PASSWORD": "of-env"}[name]
	}
	for url, want := range map[string]string{
		"emailarray://":            "  env of-env 0 0 0s ",
		"emailarray://api.example": "https://api.example  env of-env 0 0 0s ",
		"emailarray://127.0.0.1:1?fallback=127.0.0.1:2&tls=off&page=0&rate=30&late=5s&disabled=deactivated&credentials=" + file("ok", 0o600, lines): "http://127.0.0.1:1 http://127.0.0.1:2 file of=file -1 30 5s deactivated",
		"emailarray://?credentials=" + file("wide", 0o644, lines):                                                                                   "error read the credentials",
		"emailarray://?credentials=" + file("short", 0o600, "EMAILARRAY_USERNAME=x"):                                                                "must have EMAILARRAY_USERNAME and EMAILARRAY_PASSWORD",
		"emailarray://me:s3cret@host":   "error the URL names a host",
		"emailarray://host/path":        "error the URL names a host",
		"emailarray://?colour=red":      "error setting colour: there is no such setting",
		"emailarray://?page=x":          "error setting page",
		"emailarray://?page=1&page=2":   "error setting page: it is set more than once",
		"emailarray://?disabled=gone":   `error a disabled user is "gone"`,
		"emailarray://?quota-step=1MiB": "error the step of a quota",
		"emailarray://?late=-1s":        "error reads are late",
		"zohomail://1":                  "error want a URL such as",
		"emailarray://%zz":              "error want a URL such as",
	} {
		o, err := emailarray.ParseURL(url, env)
		got := fmt.Sprint("error ", err)
		if err == nil {
			got = fmt.Sprint(o.Primary, " ", o.Fallback, " ", o.Credentials.Username, " ", o.Credentials.Password, " ", o.Page, " ", o.PerMinute, " ", o.Assumptions.Late, " ", o.Assumptions.Disabled)
		}
		if !strings.Contains(got, want) || strings.Contains(got, "s3cret") {
			t.Errorf("%s:\n got %s\nwant %s", url, got, want)
		}
	}
	if _, err := emailarray.ParseURL("emailarray://", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "the environment must have") {
		t.Errorf("got %v", err)
	}
}

// TestNew: a client is not made of what cannot be.
func TestNew(t *testing.T) {
	good := emailarray.Credentials{Username: "u", Password: "p"}
	for _, c := range []struct {
		o    emailarray.Options
		want string
	}{
		{emailarray.Options{Credentials: good}, ""},
		{emailarray.Options{}, "a user name and a password"},
		{emailarray.Options{Credentials: good, Primary: "http://api.example"}, "https://"},
		{emailarray.Options{Credentials: good, Fallback: "https://u:p@api.example"}, "must be an address"},
		{emailarray.Options{Credentials: good, Assumptions: emailarray.Assumptions{QuotaStep: 1}}, "whole MB"},
	} {
		if _, err := emailarray.New(c.o); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

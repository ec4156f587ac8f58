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
	for url, want := range map[string]string{
		"emailarray://":            "  0 0 0s  0s 0s ",
		"emailarray://api.example": "https://api.example  0 0 0s  0s 0s ",
		"emailarray://127.0.0.1:1?fallback=127.0.0.1:2&tls=off&page=0&rate=30&late=5s&disabled=deactivated": "http://127.0.0.1:1 http://127.0.0.1:2 -1 30 5s deactivated 0s 0s ",
		"emailarray://?lock=5m&token=1m&state=/var/lib/mail%20ops":                                          "  0 0 0s  5m0s 1m0s /var/lib/mail ops",
		"emailarray://me:s3cret@host":   "error the URL names a place",
		"emailarray://host/path":        "error the URL names a place",
		"emailarray://?colour=red":      "error setting colour: there is no such setting",
		"emailarray://?page=x":          "error setting page",
		"emailarray://?page=1&page=2":   "error setting page: it is set more than once",
		"emailarray://?tls=maybe":       "error setting tls: want on or off",
		"emailarray://?disabled=gone":   `error a disabled user is "gone"`,
		"emailarray://?quota-step=1MiB": "error the step of a quota",
		"emailarray://?late=-1s":        `error setting late: "-1s" is no length of time`,
		"emailarray://?lock=0s":         `error setting lock: "0s" is no length of time`,
		"emailarray://?token=soon":      "error setting token",
		"zohomail://1":                  "error want a URL such as",
		"emailarray://%zz":              "error want a URL such as",
	} {
		o, err := emailarray.ParseURL(url)
		got := fmt.Sprint("error ", err)
		if err == nil {
			got = fmt.Sprint(o.Primary, " ", o.Fallback, " ", o.PageSize, " ", o.PerMinute, " ", o.Late, " ", o.Disabled, " ", o.Lock, " ", o.TokenLife, " ", o.State)
		}
		if got != want && !strings.HasPrefix(got, want) || strings.Contains(got, "s3cret") || strings.HasPrefix(got, "error") != strings.HasPrefix(want, "error") {
			t.Errorf("%s:\n got %s\nwant %s", url, got, want)
		}
	}
}

// TestReadCredentials: the environment, and what is missing there from a file that
// nobody else may read.
func TestReadCredentials(t *testing.T) {
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
	const lines = "# of mailops-arraysim\nurl=http://127.0.0.1:1\nusername=file\npassword=of=file \n"
	for _, c := range []struct {
		username, password, file string
		want                     string
	}{
		{"env", "s3cret", "", "env s3cret"},
		{"env", "s3cret", file("unread", 0o644, lines), "env s3cret"},
		{"", "", file("ok", 0o600, lines), "file of=file "},
		{"env", "", file("half", 0o600, lines), "env of=file "},
		{"", "", file("wide", 0o644, lines), "error read credentials"},
		{"", "", filepath.Join(dir, "none"), "error read credentials"},
		{"env", "", file("short", 0o600, "username=x"), "error credentials of EmailArray are missing: MAILOPS_EMAILARRAY_PASSWORD"},
		{"", "s3cret", "", "error credentials of EmailArray are missing: MAILOPS_EMAILARRAY_USERNAME"},
	} {
		env := map[string]string{emailarray.EnvUsername: c.username, emailarray.EnvPassword: c.password, emailarray.EnvFile: c.file}
		got, err := emailarray.ReadCredentials(func(name string) string { return env[name] })
		said := got.Username + " " + got.Password
		if err != nil {
			said = "error " + err.Error()
		}
		if !strings.HasPrefix(said, c.want) || err != nil && strings.Contains(said, "s3cret") {
			t.Errorf("got %q, want %q", said, c.want)
		}
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
		{emailarray.Options{}, "credentials of EmailArray are missing"},
		{emailarray.Options{Credentials: good, Primary: "http://api.example"}, "https://"},
		{emailarray.Options{Credentials: good, Fallback: "https://u:p@api.example"}, "must be an address"},
		{emailarray.Options{Credentials: good, Settings: emailarray.Settings{QuotaStep: 1}}, "whole MB"},
		{emailarray.Options{Credentials: good, Settings: emailarray.Settings{PageSize: -2}}, "a page has -2 users"},
	} {
		if _, err := emailarray.New(c.o); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// TestBudget: the budget outlives the process, and says how long requests take.
func TestBudget(t *testing.T) {
	s := start(t, people, func(o *emailarray.Options) { o.PerMinute, o.State = 60, t.TempDir() })
	s.read(t)
	used := len(s.Log())
	s.renew(t)
	short, err := s.Length(60 - used)
	long, errLong := s.Length(60 - used + 1)
	if err != nil || errLong != nil || short != 0 || long <= 0 {
		t.Errorf("%d were sent; so many as are left take %s, one more %s; %v, %v", used, short, long, err, errLong)
	}
}

package git

import (
	"strings"
	"testing"
)

// TestURL: what is taken, and what it is.
func TestURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/srv/org.git":                     "/srv/org.git",
		"./a:b":                            "./a:b",
		"org":                              "org",
		"file:///srv/org.git":              "/srv/org.git",
		"file://localhost/srv/org.git":     "/srv/org.git",
		"https://git.example/org.git":      "https://git.example/org.git",
		"HTTPS://git.example:8443/org.git": "https://git.example:8443/org.git",
		"http://127.0.0.1:3000/org.git":    "http://127.0.0.1:3000/org.git",
		"http://[::1]:3000/org.git":        "http://[::1]:3000/org.git",
		"http://localhost/org.git":         "http://localhost/org.git",
		"ssh://git@git.example/org.git":    "ssh://git@git.example/org.git",
		"ssh://git@git.example:22/~x/org":  "ssh://git@git.example/~x/org",
		"git@git.example:team/org.git":     "ssh://git@git.example/team/org.git",
	} {
		if got, err := parseURL(text); err != nil || got.String() != want {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
}

// TestURLRefuses: what is not, and that no error shows what may be a secret.
func TestURLRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-u", "--upload-pack=canary", "ext::sh -c canary", "fd::17", "https://user:canary@git.example/org.git", "https://canary@git.example/org.git",
		"https://:canary@git.example/x", "http://git.example/org.git", "http://127.0.0.1.git.example/org.git", "http://localhost.git.example/x", "git://git.example/org.git",
		"ftp://git.example/x", "https://git.example", "https://git.example/", "https:///org.git", "https://-x/org.git", "https://git.example/org.git?token=canary",
		"https://git.example/org.git#canary", "https://git.example:99999/x", "https://git.example:canary/x", "ssh://git.example/org.git", "ssh://-oProxyCommand=canary@git.example/x",
		"ssh://git@-oProxyCommand=canary/x", "ssh://git:canary@git.example/x", "ssh://git@git.example/-x", "git@git.example:-x", "git@-x:y", "-x@y:z", "git.example:org.git",
		"git:canary@git.example:x", "user@canary@git.example:x", "file://git.example/srv/x", "https://git.example/a\nb", "https://git.example/\x00", "https://%zz/canary", "javascript://x/y",
	} {
		if got, err := parseURL(text); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

// FuzzURL: no URL makes it panic, and what is taken is of a kind that is used.
func FuzzURL(f *testing.F) {
	for _, text := range []string{"https://git.example/org.git", "git@git.example:x", "ext::x", "file:///x", "ssh://a:b@c/d", "http://[::1]/x", "-x", "a:b@c:d", "filE://"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseURL(text)
		if err != nil {
			return
		}
		switch {
		case s.local():
			if s.path == "" {
				t.Errorf("%q is no path", text)
			}
		case s.Scheme != "https" && s.Scheme != "ssh" && (s.Scheme != "http" || !loopback(s.Host)):
			t.Errorf("%q is of kind %s", text, s.Scheme)
		case s.Host == "" || s.Host[0] == '-' || strings.HasPrefix(s.User, "-") || strings.HasPrefix(s.Path, "-"):
			t.Errorf("%q is %+v", text, s)
		}
	})
}

// FuzzObjects: no object, change or entry makes a reader panic, and a folder that
// is read is written the same again.
func FuzzObjects(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 b\x00bbbbbbbbbbbbbbbbbbbb"))
	f.Add([]byte("tree aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\nx"))
	f.Add([]byte("\x05\x05\x90\x05"))
	f.Add([]byte("\x6f\x80\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		nodes, err := parseTree(data)
		if err == nil && checkNames(".", nodes) == nil {
			again, err := parseTree(encodeTree(nodes))
			if err != nil || len(again) != len(nodes) {
				t.Errorf("%q is %v, then %v, %v", data, nodes, again, err)
			}
			for n := range again {
				if again[n].name != nodes[n].name || again[n].id != nodes[n].id || again[n].mode.Type() != nodes[n].mode.Type() {
					t.Errorf("%q is %v, then %v", data, nodes, again)
				}
			}
		}
		if c, err := parseCommit(data); err == nil && !printable(strings.NewReplacer("\n", "", "\t", "").Replace(c.message+c.author.name)) {
			t.Errorf("%q shows %q", data, c.message)
		}
		if out, err := patch([]byte("hello"), data, 1<<16); err == nil && len(out) > 1<<16 {
			t.Errorf("%q makes %d bytes", data, len(out))
		}
		if len(data) > 0 {
			if e, err := parseEntry(data, 100); err == nil && (e.size < 0 || e.kind == kindOffset && (e.base < packHead || e.base >= 100)) {
				t.Errorf("%q is %+v", data, e)
			}
		}
		_, _, _ = splitSteps(string(data))
		validRef(string(data))
		nameProblem(string(data))
	})
}

// TestLineBefore: lines are found where the shortest way keeps them.
func TestLineBefore(t *testing.T) {
	t.Parallel()
	split := func(s string) [][]byte {
		var out [][]byte
		for _, c := range []byte(s) {
			out = append(out, []byte{c})
		}
		return out
	}
	for _, c := range []struct {
		old, new string
		want     []int
	}{
		{"abc", "abc", []int{0, 1, 2}},
		{"abc", "axc", []int{0, -1, 2}},
		{"abc", "ac", []int{0, 2}},
		{"abc", "xabyc", []int{-1, 0, 1, -1, 2}},
		{"", "ab", []int{-1, -1}},
		{"abcdef", "bdf", []int{1, 3, 5}},
		{"abcdef", "xbydzf", []int{-1, 1, -1, 3, -1, 5}},
		{"aXbYc", "cab", []int{-1, 0, 2}},
	} {
		for line, want := range c.want {
			if got := lineBefore(split(c.old), split(c.new), line); got != want {
				t.Errorf("line %d of %s was %d in %s, not %d", line, c.new, got, c.old, want)
			}
		}
	}
	many := make([][]byte, 0, 6000)
	other := make([][]byte, 0, 6000)
	for n := range 3000 {
		many = append(many, []byte{byte(n), byte(n >> 8), 'a'})
		other = append(other, []byte{byte(n), byte(n >> 8), 'b'})
	}
	many[1500], other[10] = []byte("only one"), []byte("only one")
	if got := lineBefore(many, other, 10); got != 1500 {
		t.Errorf("a line in texts that share nothing else was %d", got)
	}
	if got := lineBefore(many, other, 11); got != -1 {
		t.Errorf("a new line was %d", got)
	}
}

package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
)

// TestStories: each state is said in one sentence, and the probe agrees.
func TestStories(t *testing.T) {
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			a := newAcme()
			a.status = s.status
			h := open(a)
			page := ask(h, local("GET", "/"))
			if page.Code != http.StatusOK {
				t.Fatal(page.Code, page.Body)
			}
			has(t, text(t, page.Body.String(), "banner"), s.says)
			probe := ask(h, local("GET", "/readyz"))
			want, code := "ready\n", http.StatusOK
			if s.ready != "" {
				want, code = "not ready: "+s.ready, http.StatusServiceUnavailable
			}
			if probe.Code != code || !strings.HasPrefix(probe.Body.String(), want) {
				t.Errorf("readyz: %d %q, want %d %q", probe.Code, probe.Body, code, want)
			}
		})
	}
}

// text is what a part of a page says, its markup left out.
func text(t *testing.T, page, id string) string {
	t.Helper()
	return textOf(t, parse(t, page), id)
}

func textOf(t *testing.T, root *html.Node, id string) string {
	t.Helper()
	node := find(root, id)
	if node == nil {
		t.Fatalf("no part %q", id)
	}
	var b strings.Builder
	for n := range node.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func find(root *html.Node, id string) *html.Node {
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == id {
				return n
			}
		}
	}
	return nil
}

// TestGolden keeps what the page says of two nights, as text, in the order in
// which it is read.
func TestGolden(t *testing.T) {
	for _, s := range stories() {
		if s.name != "in sync" && s.name != "wrong" && s.name != "refused" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			a := newAcme()
			a.status = s.status
			golden(t, strings.ReplaceAll(s.name, " ", "-")+".txt", said(t, ask(open(a), local("GET", "/part/status")).Body.String()))
		})
	}
	golden(t, "person.txt", said(t, ask(open(newAcme()), local("GET", "/person/emre.yildiz@acme-labs.example")).Body.String()))
}

// said is the text of a page, a line for each block.
func said(t *testing.T, page string) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
			return
		case n.Type == html.ElementNode && n.Data == "br":
			b.WriteString(" ")
			return
		case n.Type == html.ElementNode && strings.Contains(" head script ", " "+n.Data+" "):
			return
		}
		block := n.Type == html.ElementNode && strings.Contains(" section p h1 h2 li dt tr form details summary pre header main footer label ", " "+n.Data+" ")
		if block {
			b.WriteString("\x00")
		}
		if n.Data == "section" {
			b.WriteString("\x01\x00")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
			if n.Data == "tr" || n.Data == "dt" || n.Data == "dl" {
				b.WriteString(" ")
			}
		}
		if block {
			b.WriteString("\x00")
		}
	}
	walk(parse(t, page))
	var out strings.Builder
	for line := range strings.SplitSeq(b.String(), "\x00") {
		if line == "\x01" {
			out.WriteString("\n")
		} else if line = strings.Join(strings.Fields(line), " "); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return strings.TrimLeft(out.String(), "\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
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
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestPerson: effective values with where they come from, and no secret.
func TestPerson(t *testing.T) {
	h := open(newAcme())
	w := ask(h, local("GET", "/person/Emre.Yildiz@acme-labs.example"))
	page := said(t, w.Body.String())
	has(t, page, "Emre Yıldız", "quota 40GiB live 50GiB", "profiles.yaml:76 (profile labs)", "overrides 20GiB profiles.yaml:15 (profile office)",
		"permissions.accessHours unrestricted", "password (set)", "password (set) → becomes (changed)", "1 live otherwise", "Run 213", "drift taken back", "storage used\n12GiB")
	if strings.Contains(w.Body.String(), "sha256:") {
		t.Error("the page shows a fingerprint")
	}
	if w := ask(h, local("GET", "/person/nobody@acme.example")); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
	var p struct {
		Format string
		web.Person
	}
	r := local("GET", "/api/person/emre.yildiz@acme-labs.example")
	if err := json.Unmarshal(ask(h, r).Body.Bytes(), &p); err != nil || p.Format != web.PersonFormat || len(p.Fields) != 7 || p.Key.Name != "emre.yildiz@acme-labs.example" {
		t.Errorf("%v: %+v", err, p)
	}
	if w := ask(h, local("GET", "/api/person/nobody")); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "mailops.error/v1") {
		t.Error(w.Code, w.Body)
	}
}

// TestStoreGone: the page comes when the store does not answer, and says so.
func TestStoreGone(t *testing.T) {
	a := newAcme()
	a.status, a.broken = unreachable(), errors.New("store unreachable: disk I/O error")
	h := open(a)
	has(t, text(t, ask(h, local("GET", "/")).Body.String(), "runs"), "The ledger cannot be read.store unreachable: disk I/O error")
	for _, path := range []string{"/person/emre.yildiz@acme-labs.example", "/search?q=emre"} {
		if w := ask(h, local("GET", path)); w.Code != http.StatusServiceUnavailable {
			t.Error(path, w.Code)
		}
	}
}

// TestOften: many open pages ask the store once in a while.
func TestOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAcme()
		h := open(a)
		for range 500 {
			ask(h, local("GET", "/part/status"))
		}
		time.Sleep(3 * time.Second) // the bubble's own
		ask(h, local("GET", "/part/status"))
		if a.asked != 2 {
			t.Errorf("the ledger was read %d times", a.asked)
		}
	})
}

// TestReconcile: asked for by hand, the look is waited for, but not for ever.
func TestReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAcme()
		h := open(a)
		if w := ask(h, local("POST", "/api/reconcile")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), agent.StatusFormat) {
			t.Error(w.Code, w.Body)
		}
		if w := ask(h, local("POST", "/look")); w.Code != http.StatusSeeOther || len(a.triggers) != 2 {
			t.Error(w.Code, a.triggers)
		}
		a.stuck = true
		if w := ask(h, local("POST", "/api/reconcile")); w.Code != http.StatusAccepted {
			t.Error(w.Code, w.Body)
		}
	})
}

// TestPlainPages: each page has the landmarks and labels that people go by who
// do not see it.
func TestPlainPages(t *testing.T) {
	h := held(newAcme())
	session := signIn(t, h, pauseToken)
	for _, path := range []string{"/", "/run/214", "/run/9", "/person/emre.yildiz@acme-labs.example", "/search?q=em", "/search?q=zz", "/search", "/sign-in"} {
		r := local("GET", path)
		r.AddCookie(session)
		root := parse(t, ask(h, r).Body.String())
		seen, ids, labels, fields := map[string]int{}, map[string]int{}, map[string]bool{}, []string{}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			seen[n.Data]++
			if id := attr(n, "id"); id != "" {
				ids[id]++
			}
			labels[attr(n, "for")] = labels[attr(n, "for")] || n.Data == "label"
			if (n.Data == "input" || n.Data == "select") && attr(n, "type") != "hidden" {
				fields = append(fields, attr(n, "id"))
			}
			if by := attr(n, "aria-labelledby"); by != "" && find(root, by) == nil {
				t.Errorf("%s: nothing has the id %s", path, by)
			}
		}
		for _, once := range []string{"main", "header", "footer", "h1", "title"} {
			if seen[once] != 1 {
				t.Errorf("%s: %d times <%s>", path, seen[once], once)
			}
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s: %d times the id %s", path, n, id)
			}
		}
		for _, f := range fields {
			if !labels[f] {
				t.Errorf("%s: the field %q has no label", path, f)
			}
		}
	}
}

// TestAssets: what anybody may have is there, and nothing else of the folder.
func TestAssets(t *testing.T) {
	h := web.Handler(web.Options{Agent: newAcme()})
	for path, code := range map[string]int{"/assets/style.css": 200, "/assets/page.js": 200, "/assets/icon.svg": 200, "/assets/home.html": 404, "/assets/": 404, "/assets/..%2fhome.html": 404} {
		if w := ask(h, local("GET", path)); w.Code != code && !(code == 404 && w.Code == 401) {
			t.Errorf("%s: %d, want %d", path, w.Code, code)
		}
	}
	css := ask(h, local("GET", "/assets/style.css")).Body.String()
	if regexp.MustCompile(`url\(|@import|https?:`).MatchString(css) {
		t.Error("the style asks for something else")
	}
}

package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
	"mailops/schema"
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
	node := find(parse(t, page), id)
	if node == nil {
		t.Fatalf("no part %q in:\n%s", id, page)
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

// hostile are texts that would be markup, code or an address if a page took them
// for it.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`,
	`</title><script>alert(1)</script>`, `{{.}}`, "\u202egnp.exe", "a\x00b\x1b[31m", `//evil.example/`, `?a=b#c%2F../..`,
}

// filled is a status each text of which is hostile, n times each list.
func filled(evil string, n int) agent.Status {
	key := schema.Key{Kind: schema.KindUser, Name: evil}
	fields := []reconcile.FieldChange{{Path: evil, Before: schema.Value(quoted(evil)), After: schema.Value(quoted(evil)), Drift: true, Origin: &schema.Origin{Pos: schema.Pos{File: evil, Line: 1}, Via: evil}}}
	held := reconcile.Held{Change: reconcile.Change{Key: key, Op: reconcile.OpUpdate, Fields: fields}, Why: reconcile.Why(evil), Reason: evil, Until: now}
	finding := reconcile.Finding{Rule: evil, Severity: reconcile.Severity(evil), Text: evil, Allow: evil}
	revision := agent.Revision{ID: evil, Author: evil, Email: evil, Subject: evil, At: now}
	s := agent.Status{At: now, Version: evil, Result: agent.ResultFailed, Error: evil, Organization: evil, Timezone: "Europe/Lisbon", Store: evil,
		InForce: &agent.InForce{Revision: revision, Since: now}, Verdict: &agent.Verdict{Revision: revision, State: agent.State(evil), Text: evil}}
	s.Window.Reason = evil
	s.Plan = &reconcile.Plan{Revision: evil, Store: evil}
	for range n {
		p := schema.Problem{Pos: schema.Pos{File: evil, Line: 3, Column: 4}, Kind: schema.Kind(evil), Name: evil, Path: evil, Rule: evil, Message: evil, Hint: evil}
		s.Problems, s.Verdict.Problems = append(s.Problems, p), append(s.Verdict.Problems, p)
		s.Findings, s.Verdict.Findings = append(s.Findings, finding), append(s.Verdict.Findings, finding)
		s.Waiting = append(s.Waiting, held)
		s.Drift = append(s.Drift, agent.Drifted{Held: held, By: evil, On: now})
		s.Pauses = append(s.Pauses, reconcile.Pause{Scope: evil, Reason: evil, By: evil, Until: now})
		s.Coming = append(s.Coming, agent.Coming{At: now, User: schema.Address(evil), Text: evil})
		s.Unset = append(s.Unset, evil)
		s.Plan.Effects = append(s.Plan.Effects, reconcile.Effect{Severity: reconcile.Severity(evil), Text: evil})
	}
	return s
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// TestHostile: no text of a repository, a store or an error is taken for markup,
// on any page.
func TestHostile(t *testing.T) {
	for _, evil := range hostile {
		a := newAcme()
		a.status = filled(evil, 2)
		change := reconcile.Change{Key: user(evil), Op: reconcile.OpUpdate, Fields: a.status.Drift[0].Fields}
		a.runs = []reconcile.Run{{ID: 1, Actor: evil, Revision: evil, Changes: []reconcile.Change{change}}}
		pause := reconcile.Pause{Scope: evil, Reason: evil, By: evil}
		a.people = []web.Person{{Key: user(strings.ToLower(evil)), Title: evil, History: a.runs, Held: a.status.Waiting, Coming: a.status.Coming, Pause: &pause,
			Fields:   []web.PersonField{{Path: evil, Want: schema.Value(quoted(evil)), Live: `"x"`, Chain: []web.Layer{{File: evil, Via: evil, Value: evil}, {File: evil, Via: evil, Value: evil}}}},
			Observed: schema.Observed{AddOnProtocol: evil, AddOnMailbox: evil, Backup: evil}}}
		h := open(a)
		session := signIn(t, h, pauseToken)
		for _, path := range []string{"/", "/part/status", "/run/1", "/person/" + url.PathEscape(evil), "/search?q=" + url.QueryEscape(evil), "/sign-in?next=" + url.QueryEscape(evil), "/nothing/" + url.PathEscape(evil)} {
			r := local("GET", path)
			r.AddCookie(session)
			w := ask(h, r)
			if w.Code != http.StatusOK && !strings.HasPrefix(path, "/nothing") {
				t.Fatalf("%q at %s: %d %s", evil, path, w.Code, w.Body)
			}
			harmless(t, path, w.Body.String())
		}
	}
}

// harmless holds a page against what none of ours may have.
func harmless(t *testing.T, where, page string) {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Type == html.TextNode && strings.ContainsAny(n.Data, "\x00\x1b\u202e") {
			t.Errorf("%s: a control character in %q", where, n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && attr(n, "src") != "/assets/page.js" || n.Data == "img" || n.Data == "iframe" || n.Data == "style" {
			t.Errorf("%s: an element %s", where, n.Data)
		}
		for _, a := range n.Attr {
			link := a.Key == "href" || a.Key == "src" || a.Key == "action"
			ours := strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") || a.Val == "#main"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || link && !ours {
				t.Errorf("%s: <%s %s=%q>", where, n.Data, a.Key, a.Val)
			}
			if link && strings.HasPrefix(a.Val, "/person/") && strings.Count(a.Val, "/") != 2 {
				t.Errorf("%s: the name is not one piece of %q", where, a.Val)
			}
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestMany: ten thousand of everything are counted, and a page of bounded size
// shows the first of them.
func TestMany(t *testing.T) {
	a := newAcme()
	a.status = filled(strings.Repeat("long ", 2000), 10_000)
	h := open(a)
	w := ask(h, local("GET", "/"))
	if n := w.Body.Len(); n > 3<<20 {
		t.Errorf("the page has %d bytes", n)
	}
	for _, part := range []string{"newest", "problems", "findings", "drift", "waiting", "pauses", "coming", "unset", "plan"} {
		has(t, text(t, w.Body.String(), part), "And 9,950 more")
	}
	for _, part := range []string{"drift", "waiting", "pauses", "unset", "problems"} {
		has(t, text(t, w.Body.String(), part), "(10,000)")
	}
	var back agent.Status
	if err := json.Unmarshal(ask(h, local("GET", "/api/status")).Body.Bytes(), &back); err != nil || len(back.Drift) != 10_000 {
		t.Errorf("the API has %d of 10,000: %v", len(back.Drift), err)
	}
}

// TestPerson: effective values with where they come from, and no secret.
func TestPerson(t *testing.T) {
	h := open(newAcme())
	w := ask(h, local("GET", "/person/Emre.Yildiz@acme-labs.example"))
	page := said(t, w.Body.String())
	has(t, page, "Emre Yıldız", "quota 40GiB live 50GiB", "profiles.yaml:76 (profile labs)", "overrides 20GiB profiles.yaml:15 (profile office)",
		"permissions.accessHours unrestricted", "password (set)", "password (set) → becomes (changed)", "1 live otherwise", "Run 213", "drift taken back", "storage used 12GiB")
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
	has(t, text(t, ask(h, local("GET", "/")).Body.String(), "runs"), "The ledger cannot be read. store unreachable: disk I/O error")
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
	h := open(newAcme())
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


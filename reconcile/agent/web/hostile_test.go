package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/web"
	"mailops/schema"
)

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
	s.Publication = &agent.Publication{Where: evil, Error: evil, Failed: 1, At: now, Next: now}
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
		a.people = []web.Person{{Key: user(strings.ToLower(evil)), Name: evil, History: a.runs, Held: a.status.Waiting, Coming: a.status.Coming, Pause: &pause,
			Fields:   []web.PersonField{{Path: evil, Want: schema.Value(quoted(evil)), Live: `"x"`, Chain: []web.Layer{{File: evil, Via: evil, Value: evil}, {File: evil, Via: evil, Value: evil}}}},
			Observed: schema.Observed{AddOnProtocol: evil, AddOnMailbox: evil, Backup: evil}}}
		h := held(a)
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
	a.status = filled("many", 10_000)
	h := open(a)
	w := ask(h, local("GET", "/"))
	if n := w.Body.Len(); n > 3<<20 {
		t.Errorf("the page has %d bytes", n)
	}
	root := parse(t, w.Body.String())
	for _, part := range []string{"newest", "problems", "findings", "drift", "waiting", "pauses", "coming", "unset", "plan"} {
		has(t, textOf(t, root, part), "And 9,950 more")
	}
	for _, part := range []string{"drift", "waiting", "pauses", "unset", "problems"} {
		has(t, textOf(t, root, part), "(10,000)")
	}
	var back agent.Status
	if err := json.Unmarshal(ask(h, local("GET", "/api/status")).Body.Bytes(), &back); err != nil || len(back.Drift) != 10_000 {
		t.Errorf("the API has %d of 10,000: %v", len(back.Drift), err)
	}
	a.set(filled(strings.Repeat("\x01é", 1<<13), 100))
	if n := ask(h, local("GET", "/part/status")).Body.Len(); n > 8<<20 {
		t.Errorf("with long texts, the page has %d bytes", n)
	}
}

package preview_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// view is a plan in which a text stands wherever people's words can.
func view(n int, text string) *preview.View {
	origin := &schema.Origin{Pos: schema.Pos{File: text + ".yaml", Line: 3, Column: 1}}
	p := &reconcile.Plan{Revision: text, Store: text, Findings: []reconcile.Finding{{Rule: "deletes", Severity: reconcile.Refuse, Text: text, Allow: "deletes=9", Origin: origin}}}
	var after schema.State
	for i := range n {
		name := fmt.Sprintf("u%d@acme.example", i)
		key := schema.Key{Kind: schema.KindUser, Name: name}
		said, err := json.Marshal(text + fmt.Sprint(i))
		if err != nil {
			panic(err) // it is a text
		}
		value := schema.Value(said)
		p.Changes = append(p.Changes, reconcile.Change{Key: key, Op: reconcile.OpUpdate, Fields: []reconcile.FieldChange{{Path: "name", Before: `"before"`, After: value, Origin: origin}}})
		p.Effects = append(p.Effects, reconcile.Effect{Severity: reconcile.Severe, ID: "send-lost", Key: key, Text: name + " (" + text + ") can no longer send " + fmt.Sprint(i), Origin: origin})
		after = append(after, &schema.User{Address: schema.Address(name), Name: text})
	}
	p.Later = []reconcile.Later{{Key: schema.Key{Kind: schema.KindUser, Name: "ana@acme.example"}, Reason: text, Fields: p.Changes[0].Fields, Effects: p.Effects[:1], Origin: origin}}
	p.Seal()
	return &preview.View{Plan: p, Organization: text, After: after, Drift: []reconcile.Held{{Change: p.Changes[0]}}}
}

var hostile = []string{"Ana", "<script>alert(1)</script>", "](https://evil.example)", "@everyone #12 www.evil.example", "```\n</details>\n# x", "a|b|c\n\n- d", "\x1b[31m\u202e", "::error::x%0A", "{0} [x](y)", "&lt;img src=x&gt;", strings.Repeat("ø", 5000), "\xff\x00"}

// TestMarkdown: a comment is never longer than it may be, says how much is left
// out, closes what it opens, and nothing that people wrote is read as markup.
func TestMarkdown(t *testing.T) {
	for _, text := range hostile {
		for _, n := range []int{1, 3, 700} {
			var b bytes.Buffer
			if err := preview.Markdown(&b, view(n, text), preview.MarkdownLimit); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			if size := utf8.RuneCountInString(got); size > preview.MarkdownLimit {
				t.Errorf("%.20q, %d: %d characters", text, n, size)
			}
			if n == 700 && !strings.Contains(got, "**Left out for length: ") {
				t.Errorf("%.20q: nothing is said of what is left out", text)
			}
			if open, end := strings.Count(got, "<details>"), strings.Count(got, "</details>"); open != end {
				t.Errorf("%.20q, %d: %d details begin and %d end", text, n, open, end)
			}
			if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\u202e") {
				t.Errorf("%.20q: control characters", text)
			}
			for _, never := range []string{"<script", "<img", " @everyone", "https://evil", "www.evil", "\n# x", "\n- d", "\n```"} {
				if strings.Contains(got, never) {
					t.Errorf("%.20q, %d: holds %q", text, n, never)
				}
			}
		}
	}
}

// TestHTML: the page has no script and nothing that is loaded, whatever people
// wrote.
func TestHTML(t *testing.T) {
	for _, text := range hostile {
		var b bytes.Buffer
		if err := preview.HTML(&b, view(5, text)); err != nil {
			t.Fatal(err)
		}
		for _, never := range []string{"<script", "<img", "src=\"", "href=\"", "\x00", "\u202e"} {
			if strings.Contains(b.String(), never) {
				t.Errorf("%.20q: holds %q", text, never)
			}
		}
	}
}

// TestNotes: SARIF is JSON, JUnit is XML, and each workflow command is one line.
func TestNotes(t *testing.T) {
	for _, text := range hostile {
		notes := preview.PlanNotes(view(30, text).Plan)
		var sarif, junit, github bytes.Buffer
		if err := preview.SARIF(&sarif, notes, "1.0", "a/b"); err != nil || !json.Valid(sarif.Bytes()) {
			t.Errorf("%.20q: sarif: %v", text, err)
		}
		if err := preview.JUnit(&junit, notes, ""); err != nil || xml.Unmarshal(junit.Bytes(), new(struct{ XMLName xml.Name })) != nil {
			t.Errorf("%.20q: junit: %v", text, err)
		}
		if err := preview.GitHub(&github, notes, ""); err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSuffix(github.String(), "\n"), "\n")
		for _, line := range lines {
			if !strings.HasPrefix(line, "::error file=") && !strings.HasPrefix(line, "::warning file=") {
				t.Errorf("%.20q: the line %q", text, line)
			}
		}
		if len(lines) > 20 {
			t.Errorf("%d annotations", len(lines))
		}
	}
}

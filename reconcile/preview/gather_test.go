package preview_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// said are effects that people have, each caused by the line that place names.
func said(n int, place func(i int) string, words ...string) []reconcile.Effect {
	var out []reconcile.Effect
	for i := range n {
		name := fmt.Sprintf("u%02d@acme.example", i)
		file, line, _ := strings.Cut(place(i), ":")
		for w := 0; w < len(words); w += 2 {
			out = append(out, reconcile.Effect{Severity: reconcile.Severe, ID: words[w], Key: schema.Key{Kind: schema.KindUser, Name: name},
				Text: strings.ReplaceAll(words[w+1], "WHO", name+" (Somebody (away))"), Origin: &schema.Origin{Pos: schema.Pos{File: file, Line: len(line)}}})
		}
	}
	return out
}

// TestGather: what one act does to somebody is one line, and so is what happens
// alike to many, wherever it is caused; few are told one by one.
func TestGather(t *testing.T) {
	here := func(int) string { return "a.yaml:1" }
	lines := func(i int) string { return "a.yaml:" + strings.Repeat("1", i+1) }
	files := func(i int) string { return fmt.Sprintf("%d.yaml:1", i) }
	suspended := []string{"sign-in-lost", "WHO can no longer sign in", "send-lost", "WHO can no longer send"}
	deactivated := append(suspended, "mail-refused", "mail to WHO is refused")
	gone := []string{"mailbox-deleted", "the mailbox of WHO is deleted with all its mail", "mail-refused", "mail to WHO is refused"}
	for name, test := range map[string]struct {
		effects []reconcile.Effect
		want    []string
	}{
		"one":       {said(1, here, suspended...), []string{"u00@acme.example (Somebody (away)) can no longer sign in or send"}},
		"refused":   {said(1, here, deactivated...), []string{"u00@acme.example (Somebody (away)) can no longer sign in or send; mail to them is refused"}},
		"one line":  {said(7, here, suspended...), []string{"7 people can no longer sign in or send: u00@acme.example, u01@acme.example, u02@acme.example, u03@acme.example, u04@acme.example and 2 more"}},
		"one file":  {said(4, lines, suspended...), []string{"4 people can no longer sign in or send: u00@acme.example, u01@acme.example, u02@acme.example and u03@acme.example"}},
		"files":     {said(4, files, gone...), []string{"the mailboxes of 4 people are deleted with all their mail, and mail to them is refused: u00@acme.example, u01@acme.example, u02@acme.example and u03@acme.example; in 4 files"}},
		"few":       {said(2, files, "send-lost", "WHO can no longer send"), []string{"u00@acme.example (Somebody (away)) can no longer send", "u01@acme.example (Somebody (away)) can no longer send"}},
		"different": {said(1, here, "send-lost", "WHO can no longer send", "admin-lost", "WHO is no longer an administrator"), []string{"u00@acme.example (Somebody (away)) can no longer send", "u00@acme.example (Somebody (away)) is no longer an administrator"}},
	} {
		var got []string
		for _, e := range preview.Gather(test.effects) {
			got = append(got, e.Text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

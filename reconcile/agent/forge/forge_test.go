package forge

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const marker = "<!-- mailops/agent -->"

func TestStatus(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		for _, s := range []State{Pending, Failure, Errored, Success} {
			if err := forge.SetStatus(t.Context(), commit, Status{State: s, Description: "3 changes", URL: "https://mail.acme.example/status"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := forge.SetStatus(t.Context(), commit, Status{State: Success, Context: "mailops/other", Description: strings.Repeat("é", 200) + "\n"}); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"GitHub": "pending failure error success success", "GitLab": "pending failed failed success success", "Gitea": "pending failure error success success"}
		var got []string
		for _, s := range slices.Backward(f.statuses[commit]) {
			for _, field := range []string{"state", "status"} {
				if word, is := s[field].(string); is {
					got = append(got, word)
				}
			}
		}
		if strings.Join(got, " ") != want[f.name] {
			t.Errorf("states %q, want %q", got, want[f.name])
		}
		last, first := f.statuses[commit][0], f.statuses[commit][4]
		if text := last["description"].(string); utf8.RuneCountInString(text) != 140 || !strings.HasSuffix(text, "é…") || last["target_url"] != nil {
			t.Errorf("last status %v", last)
		}
		if first["description"] != "3 changes" || first["target_url"] != "https://mail.acme.example/status" {
			t.Errorf("first status %v", first)
		}
	})
}

// TestStatusOnce: an equal status is not posted again, neither by the same
// agent nor by the one that is started after it.
func TestStatusOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		transport := forge.(*client).options.Transport
		set := func(forge Forge, commit string, s State, text string) {
			t.Helper()
			if err := forge.SetStatus(t.Context(), commit, Status{State: s, Description: text}); err != nil {
				t.Fatal(err)
			}
		}
		set(forge, commit, Pending, "one")
		set(forge, commit, Pending, "one")
		for i := range 60 { // other programs' statuses push ours to the second page
			f.statuses[commit] = append([]map[string]any{{"state": "success", "status": "success", "context": fmt.Sprint(i), "name": fmt.Sprint(i)}}, f.statuses[commit]...)
		}
		again := f.client(Options{Transport: transport})
		set(again, commit, Pending, "one")
		if n := f.count(http.MethodPost); n != 1 {
			t.Fatalf("%d requests to set one status", n)
		}
		set(again, commit, Pending, "two") // GitLab refuses this, and the status stands
		set(again, commit, Success, "two")
		set(again, other, Success, "two")
		set(again, commit, Pending, "one")
		if n := f.count(http.MethodPost); n != 5 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestStatusWithoutReading: a token that may only write, writes.
func TestStatusWithoutReading(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		f.quirks = []quirk{limits(http.StatusForbidden, "no")}
		if err := forge.SetStatus(t.Context(), commit, Status{State: Success}); err != nil {
			t.Fatal(err)
		}
		if len(f.statuses[commit]) != 1 {
			t.Errorf("statuses %v", f.statuses)
		}
	})
}

func TestRemembersALimitedNumber(t *testing.T) {
	bubble(t, "Gitea", func(t *testing.T, f *fake, forge Forge) {
		for i := range mostPosted + 10 {
			if err := forge.SetStatus(t.Context(), fmt.Sprintf("%040x", i), Status{State: Success}); err != nil {
				t.Fatal(err)
			}
		}
		if c := forge.(*client); len(c.posted) != mostPosted || len(c.order) != mostPosted {
			t.Errorf("%d statuses are remembered", len(c.posted))
		}
	})
}

// TestComment tells the story of one comment.
func TestComment(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		say := func(forge Forge, body string) {
			t.Helper()
			if err := forge.Comment(t.Context(), commit, marker, body); err != nil {
				t.Fatal(err)
			}
		}
		say(forge, "nobody asked")
		f.pulls = []fakePull{{1, []string{other}, "merged", ""}, {2, []string{other, commit}, "merged", ""}}
		for i := range 120 { // more than two pages of other people's words
			f.comment(2, 8, fmt.Sprint("comment ", i))
		}
		thief := f.comment(2, 8, marker+"\nnot by us")
		quoted := f.comment(2, me, "our words about "+marker)
		say(forge, "**first**")
		if len(f.comments[1]) != 0 || len(f.comments[2]) != 123 {
			t.Fatalf("%d and %d comments", len(f.comments[1]), len(f.comments[2]))
		}
		ours := f.comments[2][122]
		if ours.body != marker+"\n**first**" || ours.author != me {
			t.Errorf("comment %+v", ours)
		}
		say(forge, "**first**")
		if ours.edits != 0 {
			t.Error("an equal text was written again")
		}
		double := f.comment(2, me, marker+"\ndouble")
		say(f.client(Options{Transport: forge.(*client).options.Transport}), "second")
		if ours.body != marker+"\nsecond" || ours.edits != 1 || thief.edits+double.edits+quoted.edits != 0 || len(f.comments[2]) != 124 {
			t.Errorf("%d comments, ours %+v, others %+v %+v %+v", len(f.comments[2]), ours, thief, double, quoted)
		}
		if err := forge.Comment(t.Context(), commit, "<!-- another -->", "x"); err != nil || len(f.comments[2]) != 125 {
			t.Errorf("another marker: error %v, %d comments", err, len(f.comments[2]))
		}
	})
}

// TestCommentOn: who knows the number asks for no commit. The account of Gitea's
// and Forgejo's actions has a number below zero.
func TestCommentOn(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		if f.name == "Gitea" {
			f.self = -2
		}
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}, {2, []string{commit}, "open", ""}}
		thief := f.comment(2, 8, marker+"\nnot by us")
		for _, body := range []string{"first", "second", "second"} {
			if err := forge.(Commenter).CommentOn(t.Context(), 2, marker, body); err != nil {
				t.Fatal(err)
			}
		}
		if len(f.comments[1]) != 0 || len(f.comments[2]) != 2 || thief.edits != 0 {
			t.Fatalf("%d and %d comments, the other's was edited %d times", len(f.comments[1]), len(f.comments[2]), thief.edits)
		}
		if ours := f.comments[2][1]; ours.body != marker+"\nsecond" || ours.edits != 1 {
			t.Errorf("comment %+v", ours)
		}
		if n := f.count(""); n != 6 { // who we are, three lists, a comment, an edit
			t.Errorf("%d requests: %q", n, f.asked)
		}
		var missing *Error
		if err := forge.(Commenter).CommentOn(t.Context(), 3, marker, "x"); !errors.As(err, &missing) || missing.Code != http.StatusNotFound || missing.Temporary {
			t.Errorf("no such pull request: error %v", err)
		}
	})
}

// TestWhichPulls: those that people still look at, in this repository.
func TestWhichPulls(t *testing.T) {
	for name, want := range map[string][]int{"GitHub": {2, 4}, "GitLab": {2, 3, 4}, "Gitea": {2, 4}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, name, func(t *testing.T, f *fake, forge Forge) {
				f.pulls = []fakePull{{1, []string{commit}, "closed", ""}, {2, []string{commit}, "open", ""}, {3, []string{commit}, "open", "upstream/mail"}, {4, []string{other, commit}, "merged", ""}}
				if err := forge.Comment(t.Context(), commit, marker, "x"); err != nil {
					t.Fatal(err)
				}
				for n := range 5 {
					if has := len(f.comments[n]) == 1; has != slices.Contains(want, n) {
						t.Errorf("pull request %d: %d comments", n, len(f.comments[n]))
					}
				}
			})
		})
	}
}

func TestTooManyPulls(t *testing.T) {
	bubble(t, "GitLab", func(t *testing.T, f *fake, forge Forge) {
		for i := range 60 {
			f.pulls = append(f.pulls, fakePull{i + 1, []string{commit}, "open", ""})
		}
		err := forge.Comment(t.Context(), commit, marker, "x")
		if err == nil || !strings.Contains(err.Error(), "in 60 pull requests: only 10 are told") || len(f.comments) != 10 {
			t.Errorf("error %v, %d were told", err, len(f.comments))
		}
	})
}

// TestWhoWeAreIsHidden: an app at GitHub edits what bots wrote, and elsewhere
// the marker alone decides.
func TestWhoWeAreIsHidden(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		f.hidden, f.app = true, true
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		first := f.comment(1, 8, marker+"\nby a person")
		f.comment(1, me, marker+"\nby us")
		if err := forge.Comment(t.Context(), commit, marker, "new"); err != nil {
			t.Fatal(err)
		}
		if edited := first.edits == 1; edited != (f.name != "GitHub") || len(f.comments[1]) != 2 {
			t.Errorf("comments %+v", f.comments[1])
		}
	})
}

func TestGitLabSystemNotesAndCommands(t *testing.T) {
	bubble(t, "GitLab", func(t *testing.T, f *fake, forge Forge) {
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		f.comment(1, me, marker+"\nsystem").system = true
		if err := forge.Comment(t.Context(), commit, marker, "/merge\r\n  /close\na /path\n\t/approve"); err != nil {
			t.Fatal(err)
		}
		if got := f.comments[1][1].body; got != marker+"\n\\/merge\r\n  \\/close\na /path\n\t\\/approve" {
			t.Errorf("comment %q", got)
		}
	})
}

// TestOverTCP: all of it over real connections.
func TestOverTCP(t *testing.T) {
	for name := range dialects {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, name)
			f.pulls = []fakePull{{1, []string{commit}, "merged", ""}}
			server := httptest.NewServer(f)
			defer server.Close()
			forge := f.client(Options{URL: server.URL})
			if err := errors.Join(forge.SetStatus(t.Context(), commit, Status{State: Success}), forge.Comment(t.Context(), commit, marker, "x")); err != nil {
				t.Fatal(err)
			}
			if len(f.statuses[commit]) != 1 || len(f.comments[1]) != 1 {
				t.Errorf("statuses %v, comments %v", f.statuses, f.comments)
			}
			if got := fmt.Sprintf("%v %+v %#v", forge, forge, forge); strings.Contains(got, token) || !strings.Contains(got, name) {
				t.Errorf("prints as %s", got)
			}
		})
	}
}

// TestRedirects: the token goes to the host that was named, and a POST stays
// one.
func TestRedirects(t *testing.T) {
	stolen := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen++ }))
	defer elsewhere.Close()
	for name := range dialects {
		for _, c := range []struct {
			code int
			to   string
			ok   bool
		}{{301, elsewhere.URL, false}, {307, elsewhere.URL, false}, {308, elsewhere.URL + "/" + token, false}, {302, "/moved", false}, {307, "/moved", true}} {
			f := newFake(t, name)
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path, moved := strings.CutPrefix(r.URL.Path, "/moved")
				if r.Method == http.MethodPost && !moved {
					to := c.to
					if !strings.HasPrefix(to, "http") {
						to = server.URL + c.to + r.URL.EscapedPath()
					}
					w.Header().Set("Location", to)
					w.WriteHeader(c.code)
					return
				}
				r.URL.Path, r.URL.RawPath = path, strings.TrimPrefix(r.URL.RawPath, "/moved")
				f.ServeHTTP(w, r)
			}))
			err := f.client(Options{URL: server.URL}).SetStatus(t.Context(), commit, Status{State: Success})
			if (err == nil) != c.ok || (len(f.statuses[commit]) == 1) != c.ok || err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s, %d to %s: error %v, statuses %v", name, c.code, c.to, err, f.statuses)
			}
			server.Close()
		}
	}
	if stolen > 0 {
		t.Errorf("another host was asked %d times", stolen)
	}
}

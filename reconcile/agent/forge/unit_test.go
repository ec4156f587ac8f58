package forge

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		open            func(Options) (Forge, error)
		url, repo, want string // the base, or an error that begins with "!"
	}{
		{GitHub, "", "acme/mail", "https://api.github.com"},
		{GitHub, "https://github.com/", "acme/mail", "https://api.github.com"},
		{GitHub, "https://api.github.com", "acme/mail", "https://api.github.com"},
		{GitHub, "https://git.acme.example", "acme/mail", "https://git.acme.example/api/v3"},
		{GitHub, "https://git.acme.example/api/v3/", "acme/mail", "https://git.acme.example/api/v3"},
		{GitLab, "", "acme/it/mail", "https://gitlab.com/api/v4"},
		{GitLab, "https://acme.example/gitlab", "42", "https://acme.example/gitlab/api/v4"},
		{Gitea, "http://127.0.0.1:3000", "acme/mail.d", "http://127.0.0.1:3000/api/v1"},
		{Gitea, "", "acme/mail", "!Gitea: a URL is needed"},
		{Gitea, "http://git.acme.example", "acme/mail", "!Gitea: the URL must begin with https://; http:// is for this machine only"},
		{Gitea, "https://ana:" + token + "@git.acme.example", "acme/mail", "!Gitea: the URL must be an address, with no password or question"},
		{Gitea, "https://ana:" + token + "%zz@git.acme.example", "acme/mail", "!Gitea: the URL cannot be read"},
		{Gitea, "git.acme.example", "acme/mail", "!Gitea: the URL has no host"},
		{GitHub, "", "acme", `!GitHub: "acme" is no repository, such as owner/name`},
		{GitHub, "", "acme/../user", `!GitHub: "acme/../user" is no repository, such as owner/name`},
		{GitHub, "", "acme/..", `!GitHub: "acme/.." is no repository, such as owner/name`},
		{GitHub, "", "../mail", `!GitHub: "../mail" is no repository, such as owner/name`},
		{GitHub, "", "acme/mail?x", `!GitHub: "acme/mail?x" is no repository, such as owner/name`},
		{GitLab, "", "acme/../mail", `!GitLab: "acme/../mail" is no repository, such as owner/name`},
		{GitLab, "", "mail", `!GitLab: "mail" is no repository, such as owner/name`},
	} {
		forge, err := c.open(Options{URL: c.url, Repo: c.repo, Token: token})
		if want, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || err.Error() != want {
				t.Errorf("%s %s: error %v, want %s", c.url, c.repo, err, want)
			}
		} else if err != nil || forge.(*client).base != c.want {
			t.Errorf("%s %s: error %v, %+v, want %s", c.url, c.repo, err, forge, c.want)
		}
	}
	for _, bad := range []string{"", " \n", "two words", "line\nend", "tökén"} {
		if _, err := GitHub(Options{Repo: "acme/mail", Token: bad}); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("token %q: error %v", bad, err)
		}
	}
}

func TestArguments(t *testing.T) {
	bubble(t, "GitHub", func(t *testing.T, f *fake, forge Forge) {
		for _, bad := range []string{"", "HEAD", "3f1c2d4", strings.ToUpper(commit), commit + "/../x", "--" + commit} {
			if forge.SetStatus(t.Context(), bad, Status{State: Success}) == nil || forge.Comment(t.Context(), bad, marker, "x") == nil {
				t.Errorf("commit %q was taken", bad)
			}
		}
		for _, bad := range []string{"", "mailops", "<!-- a", "<!-- a -->\n", "<!-- a\nb -->", "<!-- a --> <!-- b -->", "<!-- a -- b -->"} {
			if forge.Comment(t.Context(), commit, bad, "x") == nil {
				t.Errorf("marker %q was taken", bad)
			}
		}
		for _, bad := range []int64{0, -1} {
			if forge.(Commenter).CommentOn(t.Context(), bad, marker, "x") == nil {
				t.Errorf("pull request %d was taken", bad)
			}
		}
		if forge.(Commenter).CommentOn(t.Context(), 1, "mailops", "x") == nil {
			t.Error("no marker was taken")
		}
		for _, bad := range []Status{{}, {State: "failed"}, {State: Success, URL: "javascript:alert(1)"}, {State: Success, URL: "/status"}} {
			if forge.SetStatus(t.Context(), commit, bad) == nil {
				t.Errorf("status %+v was taken", bad)
			}
		}
		if f.count("") != 0 {
			t.Errorf("asked %q", f.asked)
		}
	})
}

func TestFit(t *testing.T) {
	if got := fit(marker, "short", 100); got != marker+"\nshort" {
		t.Errorf("got %q", got)
	}
	exact := strings.Repeat("é", 5000)
	if got := fit("<!--m-->", exact, 5009); got != "<!--m-->\n"+exact {
		t.Error("a text that fits was cut")
	}
	row := "| é | row |\n"
	for name, c := range map[string]struct{ body, end string }{
		"rows":             {strings.Repeat(row, 1000), "| é | row |\n\n**Cut here:** "},
		"one line":         {strings.Repeat("é", 9000), "é\n\n**Cut here:** "},
		"code":             {"```diff\n" + strings.Repeat(row, 1000) + "```\n", "| é | row |\n```\n\n**Cut here:** "},
		"longer fence":     {"````\n```\n" + strings.Repeat(row, 1000), "| é | row |\n````\n\n**Cut here:** "},
		"closed code":      {"```\nx\n```\n" + strings.Repeat(row, 1000), "| é | row |\n\n**Cut here:** "},
		"details":          {"<details><summary>x</summary>\n\n" + strings.Repeat(row, 1000) + "</details>", "| é | row |\n\n</details>\n\n**Cut here:** "},
		"details in code":  {"```\n<details>\n```\n" + strings.Repeat(row, 1000), "| é | row |\n\n**Cut here:** "},
		"many details":     {strings.Repeat("<details>\n", 3000), "\n\n</details>\n\n**Cut here:** "},
		"a very long mark": {strings.Repeat("`", 3000) + "\n" + strings.Repeat(row, 1000), "`\n\n**Cut here:** "},
	} {
		got := fit(marker, c.body, 5000)
		if size := utf8.RuneCountInString(got); size > 5000 || size < 4000 {
			t.Errorf("%s: %d characters", name, size)
		}
		if !strings.HasPrefix(got, marker+"\n") || !strings.Contains(got, c.end) || !strings.HasSuffix(got, " are left out.\n") {
			t.Errorf("%s: ends in %q", name, got[len(got)-200:])
		}
	}
}

func TestNextQuery(t *testing.T) {
	for link, want := range map[string]string{
		"": "",
		`<https://a.example/x?page=2>; rel="next"`:                                           "page=2",
		`<https://a.example/x?page=1>; rel="prev", <https://a.example/x?page=3>; rel="next"`: "page=3",
		`<https://a.example/x?page=9>; rel="last"`:                                           "",
		`<https://a.example/x?a=1&page=2>; rel=next; title="x"`:                              "a=1&page=2",
		`<https://a.example/x>; rel="next"`:                                                  "",
		`<:>; rel="next"`:                                                                    "",
		`rel="next"`:                                                                         "",
	} {
		if got := nextQuery(http.Header{"Link": {link}}.Values("Link")).Encode(); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}

// TestEndlessPages: a forge whose next page is never the last.
func TestEndlessPages(t *testing.T) {
	bubble(t, "GitHub", func(t *testing.T, f *fake, forge Forge) {
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		f.pageSize = 1
		for range 500 {
			f.comment(1, 8, "x")
		}
		err := forge.Comment(t.Context(), commit, marker, "x")
		if err == nil || err.Error() != "list comments at GitHub: there are more pages than are read" || f.count(http.MethodGet) != mostPages+2 {
			t.Errorf("error %v after %d requests", err, f.count(http.MethodGet))
		}
	})
}

package forge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRetry: what passes by itself is waited for, and nothing is done twice.
func TestRetry(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		f.quirks = []quirk{answers5xx, answers5xx}
		if err := forge.SetStatus(t.Context(), commit, Status{State: Success}); err != nil {
			t.Fatal(err)
		}
		let := func(http.ResponseWriter, *http.Request) bool { return false }
		before := f.count("")
		if err := forge.Comment(t.Context(), commit, "<!-- warm -->", "x"); err != nil {
			t.Fatal(err)
		}
		steps := f.count("") - before - 2 // without GET /user, and up to the POST
		f.quirks = append(slices.Repeat([]quirk{let}, steps), f.doesAndBreaks)
		if err := forge.Comment(t.Context(), commit, marker, "once"); err != nil {
			t.Fatal(err)
		}
		if len(f.comments[1]) != 2 || f.comments[1][1].body != marker+"\nonce" {
			t.Errorf("comments %+v", f.comments[1])
		}
		if len(f.statuses[commit]) != 1 {
			t.Errorf("statuses %v", f.statuses)
		}
	})
}

// TestDeletedMeanwhile: the comment goes between being found and being edited.
func TestDeletedMeanwhile(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		if err := forge.Comment(t.Context(), commit, marker, "old"); err != nil {
			t.Fatal(err)
		}
		let := func(http.ResponseWriter, *http.Request) bool { return false }
		deletes := func(http.ResponseWriter, *http.Request) bool { f.comments[1] = nil; return false }
		steps := len(forge.(*client).shape.find) + 1
		f.quirks = append(slices.Repeat([]quirk{let}, steps), deletes)
		if err := forge.Comment(t.Context(), commit, marker, "new"); err != nil {
			t.Fatal(err)
		}
		if len(f.comments[1]) != 1 || f.comments[1][0].body != marker+"\nnew" {
			t.Errorf("comments %+v", f.comments[1])
		}
	})
}

// Answers that do not get better.

func answersHuge(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, `[{"body":"`)
	for chunk := strings.Repeat("x", 1<<20); ; {
		if _, err := io.WriteString(w, chunk); err != nil {
			return true
		}
	}
}

func answersNothing(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }

func answersSlowly(w http.ResponseWriter, r *http.Request) bool {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
		}
	}
	return true
}

func answersPage(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, "<html>sign in, "+token)
	return true
}

func answersObject(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, `{"id": 7}`)
	return true
}

func answersWrongTypes(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, `[{"number": "seven"}]`)
	return true
}

func answersHalf(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, `[{"id": 7},`)
	return true
}

// TestGivesUp: what does not pass ends in an error soon, in our words.
func TestGivesUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		quirk quirk
		want  string
		tries int
	}{
		{"bad gateway", answers5xx, "it answers 502 Bad Gateway", 4},
		{"huge", answersHuge, "the answer is too long", 1},
		{"silent", answersNothing, "no answer in time", 3},
		{"drips", answersSlowly, "no answer in time", 3},
		{"a page for people", answersPage, "the answer is no JSON as documented", 1},
		{"not a list", answersObject, "the answer is not as documented", 1},
		{"other types", answersWrongTypes, "the answer is no JSON as documented", 1},
		{"breaks off", answersHalf, "the answer breaks off", 4},
		{"unauthorized", limits(401, "Bad credentials "+token), "it answers 401 Unauthorized: Bad credentials (token)", 1},
		{"forbidden", limits(403, "no\r\nrights"), "it answers 403 Forbidden: no  rights", 1},
		{"unprocessable", limits(422, strings.Repeat("x", 9999)), "it answers 422 Unprocessable Entity: " + strings.Repeat("x", 199) + "…", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, "GitHub", func(t *testing.T, f *fake, forge Forge) {
				f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
				if err := forge.Comment(t.Context(), commit, marker, "x"); err != nil { // who we are is known from here on
					t.Fatal(err)
				}
				began, before := time.Now(), f.count("")
				f.quirks = slices.Repeat([]quirk{c.quirk}, 20)
				err := forge.Comment(t.Context(), commit, marker, "x")
				var failed *Error
				if !errors.As(err, &failed) || failed.Text != c.want || failed.Temporary != (c.tries > 1) {
					t.Errorf("error %v, want %s", err, c.want)
				}
				if err != nil && (strings.Contains(err.Error(), token) || !strings.HasPrefix(err.Error(), "find pull requests at GitHub: ")) {
					t.Errorf("error %v", err)
				}
				if waited := time.Since(began); waited > 2*time.Minute+30*time.Second {
					t.Errorf("it took %v", waited)
				}
				if tries := f.count("") - before; tries < c.tries || tries > 4 || c.tries == 1 && tries != 1 {
					t.Errorf("%d attempts, want %d", tries, c.tries)
				}
			})
		})
	}
}

// TestRateLimits: a forge that asks for rest gets it, and nothing is asked of
// it meanwhile.
func TestRateLimits(t *testing.T) {
	for _, c := range []struct {
		name    string
		code    int
		message string
		header  func() []string
		want    time.Duration
	}{
		{"Retry-After", 429, "", func() []string { return []string{"Retry-After", "17"} }, 17 * time.Second},
		{"secondary", 403, "You have exceeded a secondary rate limit", func() []string { return []string{"Retry-After", "60"} }, time.Minute},
		{"secondary, nothing said", 403, "You have exceeded a secondary rate limit", func() []string { return nil }, time.Minute},
		{"primary", 403, "API rate limit exceeded", func() []string {
			return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", inSeconds(30)}
		}, 31 * time.Second},
		{"primary, 429", 429, "", func() []string {
			return []string{"x-ratelimit-remaining", "0", "x-ratelimit-reset", inSeconds(30)}
		}, 31 * time.Second},
		{"GitLab's", 429, "Retry later", func() []string { return []string{"RateLimit-Remaining", "0", "RateLimit-Reset", inSeconds(5)} }, 6 * time.Second},
		{"a proxy's", 429, "", func() []string { return nil }, time.Minute},
		{"maintenance", 503, "", func() []string { return []string{"Retry-After", "40"} }, 40 * time.Second},
		{"a reset that is past", 429, "", func() []string { return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", inSeconds(-600)} }, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, f *fake, forge Forge) {
				f.statuses[commit] = []map[string]any{{"state": "pending", "status": "pending", "context": "mailops/agent", "name": "mailops/agent"}}
				f.quirks = []quirk{limits(c.code, c.message, c.header()...)}
				began := time.Now()
				if err := forge.SetStatus(t.Context(), commit, Status{State: Success}); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began); waited != c.want || f.count("") != 3 {
					t.Errorf("waited %v, want %v; asked %q", waited, c.want, f.asked)
				}
			})
		})
	}
}

// TestLongRest: more than one call waits for is an error that says until when,
// and until then nothing is asked.
func TestLongRest(t *testing.T) {
	bubble(t, "GitHub", func(t *testing.T, f *fake, forge Forge) {
		f.quirks = []quirk{limits(429, "", "Retry-After", "1800")}
		began := time.Now()
		until := began.Add(30 * time.Minute)
		for range 3 {
			err := forge.SetStatus(t.Context(), commit, Status{State: Success})
			var failed *Error
			if !errors.As(err, &failed) || !failed.Until.Equal(until) || !failed.Temporary || time.Since(began) != 0 {
				t.Fatalf("error %v after %v", err, time.Since(began))
			}
		}
		if f.count("") != 1 {
			t.Errorf("asked %q", f.asked)
		}
		<-time.After(29 * time.Minute) // what is left is worth waiting for
		if err := forge.SetStatus(t.Context(), commit, Status{State: Success}); err != nil || !time.Now().Equal(until) {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		f.quirks = []quirk{limits(429, "", "Retry-After", "999999999")}
		err := forge.SetStatus(t.Context(), commit, Status{State: Pending})
		var failed *Error
		if !errors.As(err, &failed) || time.Until(failed.Until) != mostHold {
			t.Errorf("error %v", err)
		}
	})
}

// TestStops: a call ends with its context, also while it waits its turn.
func TestStops(t *testing.T) {
	bubble(t, "Gitea", func(t *testing.T, f *fake, forge Forge) {
		f.quirks = []quirk{func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }}
		results := make(chan error, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		for range 2 {
			go func() { results <- forge.SetStatus(ctx, commit, Status{State: Success}) }()
		}
		for range 2 {
			if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		}
		if time.Since(began) != 5*time.Second {
			t.Errorf("stopped after %v", time.Since(began))
		}
	})
}

// TestAtOnce: callers at the same time make one comment, and set one status.
func TestAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fake, forge Forge) {
		f.pulls = []fakePull{{1, []string{commit}, "open", ""}}
		results := make(chan error)
		for range 20 {
			go func() {
				results <- errors.Join(forge.Comment(t.Context(), commit, marker, "x"), forge.SetStatus(t.Context(), commit, Status{State: Success}))
			}()
		}
		for range 20 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if len(f.comments[1]) != 1 || len(f.statuses[commit]) != 1 {
			t.Errorf("%d comments, %d statuses", len(f.comments[1]), len(f.statuses[commit]))
		}
	})
}

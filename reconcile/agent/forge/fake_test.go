package forge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	token  = "canary-0a1b2c3d" // may appear in Authorization and nowhere else
	commit = "3f1c2d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d"
	other  = "0000000000000000000000000000000000000001"
	me     = 7
)

// A fake is a forge in memory with one repository.
type fake struct {
	t       *testing.T
	name    string
	dialect dialect
	mux     *http.ServeMux

	turn     lock
	asked    []string // "METHOD /path?query"
	quirks   []quirk  // for the next requests
	hidden   bool     // GET /user is refused
	app      bool     // our account is a bot
	self     int      // the number of our account
	pageSize int      // at most
	statuses map[string][]map[string]any
	pulls    []fakePull
	comments map[int][]*fakeComment // by pull request
	last     int                    // the last number of a comment
}

// A lock is a mutex on which a bubble knows that one waits: its clock stands
// still while somebody waits for a sync.Mutex.
type lock chan struct{}

func (l lock) lock()   { l <- struct{}{} }
func (l lock) unlock() { <-l }

type fakePull struct {
	number  int
	commits []string
	state   string // open, closed, merged
	repo    string // another one that it belongs to
}

type fakeComment struct {
	id, author int
	body       string
	system     bool
	edits      int
}

// A quirk answers a request in the forge's place; false lets it through.
type quirk func(w http.ResponseWriter, r *http.Request) bool

func newFake(t *testing.T, name string) *fake {
	f := &fake{t: t, name: name, dialect: dialects[name], mux: http.NewServeMux(), turn: make(lock, 1), self: me, pageSize: 50,
		statuses: make(map[string][]map[string]any), comments: make(map[int][]*fakeComment)}
	for _, route := range f.dialect.routes {
		method, path, _ := strings.Cut(route.pattern, " ")
		f.mux.HandleFunc(method+" "+f.dialect.root+path, func(w http.ResponseWriter, r *http.Request) { f.take(&route, w, r) })
	}
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s documents no %s %s", name, r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	})
	return f
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.turn.lock()
	defer f.turn.unlock()
	f.asked = append(f.asked, r.Method+" "+strings.TrimPrefix(r.URL.String(), f.dialect.root))
	if len(f.quirks) > 0 {
		next := f.quirks[0]
		f.quirks = f.quirks[1:]
		if next(w, r) {
			return
		}
	}
	f.mux.ServeHTTP(w, r)
}

// take checks a request against its route before it is carried out.
func (f *fake) take(route *route, w http.ResponseWriter, r *http.Request) {
	for name, want := range map[string]string{"Authorization": f.dialect.auth + token, "Accept": f.dialect.accept, "User-Agent": "mailops"} {
		if got := r.Header.Get(name); got != want {
			f.t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL, name, got, want)
		}
	}
	if version := r.Header.Get("X-GitHub-Api-Version"); (version == "2022-11-28") != (f.name == "GitHub") {
		f.t.Errorf("version %q", version)
	}
	if project := r.PathValue("project"); project != "" && project != f.dialect.repo {
		f.t.Errorf("project %q", project)
	}
	for name := range r.URL.Query() {
		if !slices.Contains(route.query, name) {
			f.t.Errorf("%s has no parameter %s: %s", route.pattern, name, r.URL)
		}
	}
	body := make(map[string]string)
	if route.body != nil {
		if kind := r.Header.Get("Content-Type"); kind != "application/json" {
			f.t.Errorf("%s: content type %q", route.pattern, kind)
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			f.t.Errorf("%s: body: %v", route.pattern, err)
		}
		for field := range body {
			if !slices.Contains(route.body, field) {
				f.t.Errorf("%s has no field %s", route.pattern, field)
			}
		}
	}
	route.does(f, w, r, body)
}

func (f *fake) answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Logf("answer: %v", err) // the client has gone
	}
}

func (f *fake) refuse(w http.ResponseWriter, code int, message string) {
	f.answer(w, code, map[string]string{"message": message})
}

// list answers one page, with a link to the next.
func (f *fake) list(w http.ResponseWriter, r *http.Request, all []map[string]any) {
	size, err := strconv.Atoi(r.URL.Query().Get(f.dialect.page))
	if err != nil {
		size = 20
	}
	size = min(size, f.pageSize)
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		page = 1
	}
	begin := min((page-1)*size, len(all))
	end := min(begin+size, len(all))
	if end < len(all) {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(page+1))
		// GitHub names the repository by number, and Gitea itself by its own idea
		// of its host.
		w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example/repositories/1/x?page=1>; rel="first", <https://elsewhere.example/repositories/1/x?%s>; rel="next"`, query.Encode()))
	}
	f.answer(w, http.StatusOK, append([]map[string]any{}, all[begin:end]...))
}

func (f *fake) user(w http.ResponseWriter, _ *http.Request, _ map[string]string) {
	if f.hidden {
		f.refuse(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	f.answer(w, http.StatusOK, f.person(f.self))
}

func (f *fake) person(id int) map[string]any {
	if f.name == "GitLab" {
		return map[string]any{"id": id, "username": fmt.Sprint("user", id)}
	}
	kind := "User"
	if f.app && id == f.self {
		kind = "Bot"
	}
	return map[string]any{"id": id, "login": fmt.Sprint("user", id), "type": kind}
}

func (f *fake) setStatus(w http.ResponseWriter, r *http.Request, body map[string]string) {
	sha := r.PathValue("sha")
	if !slices.Contains(f.dialect.states, body["state"]) || len([]rune(body["description"])) > 140 {
		f.refuse(w, http.StatusUnprocessableEntity, "Validation Failed")
		f.t.Errorf("status %v", body)
		return
	}
	word, name := "state", "context"
	if f.name == "GitLab" {
		word, name = "status", "name"
	}
	had := slices.IndexFunc(f.statuses[sha], func(s map[string]any) bool { return s[name] == body["context"] })
	if f.name == "GitLab" && had >= 0 && body["state"] == "pending" && f.statuses[sha][had]["status"] == "pending" {
		f.refuse(w, http.StatusBadRequest, `Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via "enqueue")`)
		return
	}
	s := map[string]any{"id": len(f.statuses[sha]) + 1, word: body["state"], name: body["context"], "description": body["description"], "target_url": nil}
	if body["target_url"] != "" {
		s["target_url"] = body["target_url"]
	}
	if f.name == "Gitea" {
		s["status"] = s["state"] // the field of that name is how its answers have it
		delete(s, "state")
	}
	f.statuses[sha] = append([]map[string]any{s}, f.statuses[sha]...)
	f.answer(w, http.StatusCreated, s)
}

func (f *fake) listStatuses(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	all := f.statuses[r.PathValue("sha")]
	if name := r.URL.Query().Get("name"); name != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(s map[string]any) bool { return s["name"] != name })
	}
	f.list(w, r, all)
}

// show is a pull request as the forge shows it.
func (f *fake) show(p *fakePull) map[string]any {
	var merged any
	if p.state == "merged" {
		merged = "2026-12-01T09:00:00Z"
	}
	if f.name == "GitLab" {
		state := map[string]string{"open": "opened", "closed": "closed", "merged": "merged"}[p.state]
		return map[string]any{"id": 1000 + p.number, "iid": p.number, "state": state, "merged_at": merged}
	}
	state := "closed"
	if p.state == "open" {
		state = "open"
	}
	repo := "Acme/mail" // names are not case sensitive
	if p.repo != "" {
		repo = p.repo
	}
	out := map[string]any{"id": 1000 + p.number, "number": p.number, "state": state, "merged_at": merged,
		"head": map[string]any{"sha": p.commits[len(p.commits)-1]}, "base": map[string]any{"repo": map[string]any{"full_name": repo}}}
	if f.name == "Gitea" {
		out["merged"] = p.state == "merged"
	}
	return out
}

func (f *fake) filter(keep func(*fakePull) bool) []map[string]any {
	var out []map[string]any
	for i := range f.pulls {
		if keep(&f.pulls[i]) {
			out = append(out, f.show(&f.pulls[i]))
		}
	}
	return out
}

func (f *fake) pullsOf(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	f.list(w, r, f.filter(func(p *fakePull) bool { return slices.Contains(p.commits, r.PathValue("sha")) }))
}

func (f *fake) mergedPull(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	found := f.filter(func(p *fakePull) bool { return p.state == "merged" && slices.Contains(p.commits, r.PathValue("sha")) })
	if len(found) == 0 {
		f.refuse(w, http.StatusNotFound, "The target couldn't be found.")
		return
	}
	f.answer(w, http.StatusOK, found[0])
}

func (f *fake) openPulls(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	if state := r.URL.Query().Get("state"); state != "open" {
		f.t.Errorf("pull requests of state %q", state)
	}
	f.list(w, r, f.filter(func(p *fakePull) bool { return p.state == "open" }))
}

func (f *fake) shown(c *fakeComment) map[string]any {
	if f.name == "GitLab" {
		return map[string]any{"id": c.id, "body": c.body, "system": c.system, "author": f.person(c.author)}
	}
	return map[string]any{"id": c.id, "body": c.body, "user": f.person(c.author)}
}

func (f *fake) allComments(r *http.Request) []map[string]any {
	var out []map[string]any
	number, _ := strconv.Atoi(r.PathValue("number"))
	for _, c := range f.comments[number] {
		out = append(out, f.shown(c))
	}
	if f.name == "GitLab" && (r.URL.Query().Get("sort") != "asc" || r.URL.Query().Get("order_by") != "created_at") {
		slices.Reverse(out) // newest first, unless asked
	}
	return out
}

func (f *fake) listComments(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	f.list(w, r, f.allComments(r))
}

// listAll is how Gitea lists comments: with no pages.
func (f *fake) listAll(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	f.answer(w, http.StatusOK, append([]map[string]any{}, f.allComments(r)...))
}

// comment adds one, as somebody would by hand.
func (f *fake) comment(number, author int, body string) *fakeComment {
	f.last++
	c := &fakeComment{id: f.last, author: author, body: body}
	f.comments[number] = append(f.comments[number], c)
	return c
}

func (f *fake) addComment(w http.ResponseWriter, r *http.Request, body map[string]string) {
	number, _ := strconv.Atoi(r.PathValue("number"))
	if !slices.ContainsFunc(f.pulls, func(p fakePull) bool { return p.number == number }) {
		f.refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	f.answer(w, http.StatusCreated, f.shown(f.comment(number, f.self, body["body"])))
}

func (f *fake) editComment(w http.ResponseWriter, r *http.Request, body map[string]string) {
	for _, all := range f.comments {
		for _, c := range all {
			if strconv.Itoa(c.id) == r.PathValue("id") {
				c.body = body["body"]
				c.edits++
				f.answer(w, http.StatusOK, f.shown(c))
				return
			}
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
}

// count returns how many requests of a method there were; "" is any.
func (f *fake) count(method string) int {
	f.turn.lock()
	defer f.turn.unlock()
	n := 0
	for _, one := range f.asked {
		if method == "" || strings.HasPrefix(one, method+" ") {
			n++
		}
	}
	return n
}

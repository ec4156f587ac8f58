package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
)

//go:embed page
var files embed.FS

// pages are the templates, and the files that they name.
type pages struct{ *template.Template }

func newPages() pages {
	functions := template.FuncMap{"path": url.PathEscape, "number": number}
	return pages{template.Must(template.New("").Funcs(functions).ParseFS(files, "page/*.html"))}
}

// assets are the files that anybody may have: they say nothing.
var assets = map[string]string{
	"style.css": "text/css; charset=utf-8",
	"page.js":   "text/javascript; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	kind, known := assets[name]
	if !known {
		http.NotFound(w, r)
		return
	}
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(text) // who does not hear it asks again
}

// A frame is what is around every page.
type frame struct {
	Title        string
	Organization string
	Version      string // only for who may read
	Reads        bool
	Who          string
	SignedIn     bool // by a token: one can sign out
	MaySignIn    bool // it would give more than the caller has
	Stamp        string
}

// frame is what is around a page for a caller.
func (s *site) frame(c caller, title string) frame {
	f := frame{Title: title, Reads: c.reads, Who: cut(c.name, valueText), SignedIn: c.session != "", MaySignIn: s.hasTokens() && !c.operates, Stamp: s.keys.stamp(c.session)}
	if c.reads {
		now := s.Agent.Status()
		f.Organization, f.Version = cut(now.Organization, valueText), cut(now.Version, valueText)
	}
	return f
}

// A form is what forms need to be sent.
type form struct {
	Stamp    string
	Operates bool
	Hint     string // why it cannot be sent
	SignIn   bool   // and one can sign in for it
	Scope    string // that is asked about; "" to be chosen
	What     string // Scope, to be read
	Named    bool   // the proxy has said who it is
	Return   string
}

// A resumeForm ends one pause.
type resumeForm struct {
	form
	Scope, What string
}

// End is the form that ends a pause.
func (f form) End(p pauseView) resumeForm { return resumeForm{f, p.Scope, p.What} }

func (s *site) form(c caller, scope, back string) form {
	f := form{Stamp: s.keys.stamp(c.session), Operates: c.operates, Scope: scope, What: cut(scope, valueText), Named: c.name != "", Return: back}
	if !c.operates {
		f.Hint, f.SignIn = s.whyNotOperator(), s.hasTokens()
	}
	return f
}

// write answers with a page. It is made whole before a byte is sent: half a page
// would look like a calm one.
func (s *site) write(w http.ResponseWriter, status int, name string, data any) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, name, data); err != nil {
		s.Log.Error("web: page", "page", name, "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// Forms are sent with where they come from, and nobody else is told: without
	// it a browser says "null", over plain HTTP, and the form is refused.
	w.Header().Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // who does not hear it asks again
}

type problemPage struct {
	frame
	Text   string
	Detail string
	SignIn bool
}

type signInView struct {
	frame
	Next    string
	Problem string
}

type homeView struct {
	frame
	Status statusView
}

// home is the page.
func (s *site) home(w http.ResponseWriter, r *http.Request, c caller) error {
	v := s.statusView(r, c)
	f := s.frame(c, v.Banner.Text)
	s.write(w, http.StatusOK, "home", homeView{f, v})
	return nil
}

// part is what a page that is open asks for again and again.
func (s *site) part(w http.ResponseWriter, r *http.Request, c caller) error {
	s.write(w, http.StatusOK, "status", s.statusView(r, c))
	return nil
}

func (s *site) statusView(r *http.Request, c caller) statusView {
	now := s.Agent.Status()
	v := viewOf(&now, s.form(c, "", "/"))
	if good := s.Metrics.lastSuccess(); now.Result == agent.ResultFailed && !good.IsZero() {
		v.Banner.Then += " All could last be looked at on " + clockOf(now.Timezone).show(good).Person + "."
	}
	v.Runs = s.lastRuns(r, clockOf(now.Timezone))
	return v
}

// A runsView is what the ledger remembers, or why that is not known.
type runsView struct {
	Items []runView
	Error string
}

type runView struct {
	ID       int64
	At       stamp
	By       string
	Revision string
	Create   int
	Update   int
	Delete   int
	Undoes   int64
	Whole    bool
	Changes  []changeView
	More     int
}

type changeView struct {
	Name, Kind, Op string
	Drift          bool
	Fields         []fieldView
	MoreFields     int
}

const lastRuns = 10

func (s *site) lastRuns(r *http.Request, c clock) runsView {
	runs, err := s.runs.get(r, s.Agent)
	if err != nil {
		return runsView{Error: cut(err.Error(), longText)}
	}
	var v runsView
	for i := range runs {
		v.Items = append(v.Items, showRun(&runs[i], c))
	}
	return v
}

func showRun(run *reconcile.Run, c clock) runView {
	v := runView{ID: run.ID, At: c.show(run.At), By: cut(run.Actor, valueText), Revision: short(run.Revision), Undoes: run.Undoes, Whole: run.Whole,
		Create: run.Summary.Create, Update: run.Summary.Update, Delete: run.Summary.Delete}
	for i := range run.Changes[:min(len(run.Changes), 4*most)] {
		ch := &run.Changes[i]
		x := changeView{Name: cut(ch.Name, nameText), Kind: kindWords[ch.Kind], Op: opPast[ch.Op]}
		for _, f := range ch.Fields {
			x.Drift = x.Drift || f.Drift
		}
		if ch.Op == reconcile.OpUpdate {
			x.Fields, x.MoreFields = showFields(ch.Fields)
		}
		v.Changes = append(v.Changes, x)
	}
	v.More = len(run.Changes) - len(v.Changes)
	return v
}

var opPast = map[reconcile.Op]string{reconcile.OpCreate: "created", reconcile.OpUpdate: "updated", reconcile.OpDelete: "deleted"}

// recent keeps the last runs for a moment: many open pages ask the store once.
type recent struct {
	mu   sync.Mutex
	at   time.Time
	runs []reconcile.Run
	err  error
}

const recentTime = 2 * time.Second

func (c *recent) get(r *http.Request, a Agent) ([]reconcile.Run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) >= recentTime {
		ctx, cancel := within(r, askTime)
		defer cancel()
		runs, err := a.Runs(ctx, lastRuns)
		if r.Context().Err() != nil {
			return nil, r.Context().Err() // who asked is gone; the next one asks anew
		}
		c.runs, c.err, c.at = runs, err, time.Now()
	}
	return c.runs, c.err
}

// signInPath is where to sign in, and then go on to what was asked for.
func signInPath(r *http.Request) string {
	if r.URL.Path == "/" && r.URL.RawQuery == "" {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI())
}

// ours is a place of this site, or the page.
func ours(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool { return r == '\\' || r < ' ' }) {
		return "/"
	}
	return fmt.Sprint(u)
}

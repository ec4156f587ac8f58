package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// within bounds what is asked of the agent.
func within(r *http.Request, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), d)
}

type searchView struct {
	frame
	Text  string
	Found list[foundView]
	Short bool // the text is too short to search for
}

type foundView struct{ Name, What, Kind string }

// search lists who an administrator may mean.
func (s *site) search(w http.ResponseWriter, r *http.Request, c caller) error {
	const longest = 254
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	v := searchView{frame: s.frame(c, "Search"), Text: cut(text, longest)}
	if n := utf8.RuneCountInString(text); n == 0 || n > longest {
		v.Short = true
		s.write(w, http.StatusOK, "search", v)
		return nil
	}
	ctx, cancel := within(r, askTime)
	defer cancel()
	keys, err := s.Agent.Find(ctx, text, most+1)
	if err != nil {
		return problem{http.StatusServiceUnavailable, "The agent could not search.", err}
	}
	v.Found = listOf(keys, func(k *schema.Key) foundView { return foundView{k.Name, cut(k.Name, valueText), kindWords[k.Kind]} })
	s.write(w, http.StatusOK, "search", v)
	return nil
}

type personView struct {
	frame
	Name, Kind, Called string
	Declared, Live     bool
	Fields             []personFieldView
	Differs            int
	Observed           []observedView
	History            []runView
	Pause              *pauseView
	Held               list[heldView]
	Coming             list[comingView]
	Form               form
}

type personFieldView struct {
	Path, Want, Live, Origin string
	Differs                  bool
	Chain                    []layerView // what it overrode, the strongest first
}

type layerView struct{ Origin, Value string }

type observedView struct{ Name, Value string }

// ask gets all of one name.
func (s *site) ask(r *http.Request, name string) (Person, error) {
	ctx, cancel := within(r, askTime)
	defer cancel()
	p, err := s.Agent.Person(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		return p, problem{http.StatusNotFound, "No user, alias, list or domain has that name.", nil}
	case err != nil:
		return p, problem{http.StatusServiceUnavailable, "The agent could not look that up.", err}
	}
	return p, nil
}

// person shows all of one name.
func (s *site) person(w http.ResponseWriter, r *http.Request, c caller) error {
	p, err := s.ask(r, r.PathValue("name"))
	if err != nil {
		return err
	}
	now := s.Agent.Status()
	v := personOf(&p, clockOf(now.Timezone))
	v.frame = s.frame(c, v.Name)
	v.Form = s.form(c, p.Key.Name, personPath(p.Key.Name))
	s.write(w, http.StatusOK, "person", v)
	return nil
}

func personOf(p *Person, c clock) personView {
	v := personView{Name: cut(p.Key.Name, nameText), Kind: kindWords[p.Kind], Called: cut(p.Name, valueText),
		Held:   listOf(p.Held, func(h *reconcile.Held) heldView { return showHeld(h, c) }),
		Coming: listOf(p.Coming, func(x *agent.Coming) comingView { return comingView{At: c.show(x.At), Text: cut(x.Text, longText)} }),
	}
	for i := range p.Fields {
		v.Declared = v.Declared || p.Fields[i].Want != ""
		v.Live = v.Live || p.Fields[i].Live != ""
	}
	for i := range p.Fields {
		f := showPersonField(&p.Fields[i])
		f.Differs = f.Differs && v.Live && v.Declared
		if f.Differs {
			v.Differs++
		}
		v.Fields = append(v.Fields, f)
	}
	for i := range p.History[:min(len(p.History), most)] {
		v.History = append(v.History, showRun(&p.History[i], c))
	}
	if p.Pause != nil {
		pause := showPause(p.Pause, c)
		v.Pause = &pause
	}
	v.Observed = showObserved(p.Observed, c)
	return v
}

func showPersonField(f *PersonField) personFieldView {
	v := personFieldView{Path: cut(f.Path, valueText), Differs: f.Want != f.Live, Want: valueOf(f.Path, f.Want), Live: valueOf(f.Path, f.Live)}
	if v.Differs && f.Path == "password" && f.Want != "" && f.Live != "" {
		v.Live = "(another one is set)"
	}
	for i := len(f.Chain) - 1; i >= 0; i-- {
		l := &f.Chain[i]
		at := originText(&schema.Origin{Pos: schema.Pos{File: l.File, Line: l.Line}, Via: l.Via})
		if i == len(f.Chain)-1 {
			v.Origin = at
			continue
		}
		v.Chain = append(v.Chain, layerView{at, layerValue(f.Path, l.Value)})
	}
	return v
}

// layerValue is a value as it was written. Whoever made the layer has left
// secrets out, and this does so again.
func layerValue(path, value string) string {
	if path == "password" && !strings.HasPrefix(value, "(") {
		return "(set)"
	}
	return cut(value, valueText)
}

// showObserved is what a user owns, as the store reports it.
func showObserved(o schema.Observed, c clock) []observedView {
	if o == (schema.Observed{}) {
		return nil
	}
	var out []observedView
	say := func(name, value string) {
		if value != "" {
			out = append(out, observedView{name, cut(value, valueText)})
		}
	}
	say("add-on protocol", o.AddOnProtocol)
	say("add-on sharing", o.AddOnSharing)
	say("add-on mailbox", o.AddOnMailbox)
	say("backup", o.Backup)
	if o.AddOnProtocol != "" {
		say("saved since activation", map[bool]string{true: "yes", false: "no"}[o.AddOnSaved])
	}
	if o.StorageUsed > 0 {
		say("storage used", schema.Bytes(o.StorageUsed).String())
	}
	if o.LastSignInUnix > 0 {
		say("last sign-in", c.show(time.Unix(o.LastSignInUnix, 0)).Person)
	}
	return out
}

type runPage struct {
	frame
	Run runView
}

// run shows what one run changed.
func (s *site) run(w http.ResponseWriter, r *http.Request, c caller) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return problem{http.StatusNotFound, "The ledger has no such run.", nil}
	}
	ctx, cancel := within(r, askTime)
	defer cancel()
	run, err := s.Agent.Run(ctx, id)
	switch {
	case errors.Is(err, reconcile.ErrNoRun):
		return problem{http.StatusNotFound, "The ledger has no such run.", nil}
	case err != nil:
		return problem{http.StatusServiceUnavailable, "The ledger cannot be read.", err}
	}
	now := s.Agent.Status()
	s.write(w, http.StatusOK, "run", runPage{s.frame(c, fmt.Sprintf("Run %d", run.ID)), showRun(&run, clockOf(now.Timezone))})
	return nil
}

package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"mailops/reconcile/agent"
)

// PersonFormat names the JSON form of a Person.
const PersonFormat = "mailops.person/v1"

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // who does not hear it asks again
}

// apiStatus answers with what is known. Before the first look that is nothing,
// and nothing must not be taken for a calm status.
func (s *site) apiStatus(w http.ResponseWriter, _ *http.Request, _ caller) error {
	now := s.Agent.Status()
	if now.At.IsZero() {
		w.Header().Set("Retry-After", "5")
		return problem{http.StatusServiceUnavailable, "The agent has not finished its first look yet.", nil}
	}
	writeJSON(w, http.StatusOK, now)
	return nil
}

func (s *site) apiPerson(w http.ResponseWriter, r *http.Request, _ caller) error {
	p, err := s.ask(r, r.PathValue("name"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Format string `json:"format"`
		Person
	}{PersonFormat, p})
	return nil
}

// apiReconcile asks for a look and answers with what is known after it: 202 when
// the look takes longer than one should wait.
func (s *site) apiReconcile(w http.ResponseWriter, r *http.Request, _ caller) error {
	now, done, err := s.reconciled(r)
	switch {
	case err != nil:
		return problem{http.StatusServiceUnavailable, "The agent could not look.", err}
	case now.At.IsZero(): // the first look takes longer than one should wait
		w.Header().Set("Retry-After", "30")
		return problem{http.StatusServiceUnavailable, "The agent has not finished its first look yet.", nil}
	case !done:
		writeJSON(w, http.StatusAccepted, now)
		return nil
	}
	writeJSON(w, http.StatusOK, now)
	return nil
}

// health says that the process lives, and asks nothing of anybody.
func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// ready says whether the agent does its work; who may not read the page learns
// no more than why not, in a few words that are always the same.
func (s *site) ready(w http.ResponseWriter, r *http.Request) {
	now := s.Agent.Status()
	why := unready(&now)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if why == "" {
		fmt.Fprintln(w, "ready")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(w, "not ready: "+why)
	if now.Error != "" && bearer(r) == "" && s.identify(r).reads && s.Auth.knows(r.Host) { // with a token, it would tell a right one from a wrong one, and not slow anybody
		fmt.Fprintln(w, strings.TrimSpace(cut(now.Error, longText)))
	}
}

// unready says why the agent does not do its work; "" when it does.
func unready(s *agent.Status) string {
	switch {
	case s.At.IsZero():
		return "it has not looked yet"
	case s.Result == agent.ResultStandby:
		return "it stands by"
	case s.Result == agent.ResultFailed:
		return strings.TrimSuffix(strings.ToLower(cannot(s)[:1])+cannot(s)[1:], ".")
	case s.InForce == nil:
		return "nothing is in force yet"
	}
	return ""
}

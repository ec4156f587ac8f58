package simhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// AdminPath begins the paths by which a test in another process looks into a
// simulator. No service has it.
const AdminPath = "/_sim/"

// Admin is what a test in another process may do.
type Admin interface {
	// SetWords replaces the quirks by those that the words name.
	SetWords(words []string) error
	// Shown are the quirks and the state, for JSON.
	Shown() (quirks, state any)
}

// admin answers a request below AdminPath. None is logged, hit or counted.
func (f *Front) admin(w http.ResponseWriter, r *http.Request) {
	quirks, state := f.Admin.Shown()
	switch r.Method + " " + r.URL.Path {
	case "GET " + AdminPath + "log":
		show(w, f.Log())
	case "GET " + AdminPath + "lockouts":
		show(w, map[string]int{"lockouts": f.Lockouts()})
	case "GET " + AdminPath + "quirks":
		show(w, quirks)
	case "GET " + AdminPath + "state":
		show(w, state)
	case "PUT " + AdminPath + "quirks":
		if err := f.adminQuirks(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	default:
		http.NotFound(w, r)
	}
}

func (f *Front) adminQuirks(r *http.Request) error {
	var asked struct {
		Quirks []string `json:"quirks"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return fmt.Errorf("read the quirks: %w", err)
	}
	return f.Admin.SetWords(asked.Quirks)
}

func show(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value)
}

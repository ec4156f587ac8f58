package emailarray_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// types are the forms of parameters in the contract.
var types = map[string]*regexp.Regexp{
	"local":   regexp.MustCompile(`^[^@\s]+$`),
	"domain":  regexp.MustCompile(`^[a-z0-9.-]+\.[a-z]+$`),
	"address": regexp.MustCompile(`^[^@\s]+@[a-z0-9.-]+\.[a-z]+$`),
	"gb":      regexp.MustCompile(`^[0-9]+(\.[0-9]{1,3})?$`),
	"type":    regexp.MustCompile(`^[12]$`),
	"flag":    regexp.MustCompile(`^[01]$`),
	"number":  regexp.MustCompile(`^[0-9]+$`),
	"text":    regexp.MustCompile(`^.+$`),
}

// A rule is a line of the contract: the parameters of an action, by name.
type rule struct {
	form     map[string]string // the type of each
	optional map[string]bool
}

// contract reads the table that was transcribed, and the actions that it leaves
// unused.
func contract(t *testing.T) (rules map[string]rule, unused []string) {
	t.Helper()
	data, err := os.ReadFile("testdata/contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules = make(map[string]rule)
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
			continue
		case words[0] == "unused":
			unused = append(unused, words[1])
			continue
		}
		r := rule{form: map[string]string{"action": "text"}, optional: make(map[string]bool)}
		if words[0] != "login" {
			r.form["token"] = "text"
		}
		for _, word := range words[2:] {
			name, form, _ := strings.Cut(word, "=")
			name, optional := strings.CutSuffix(name, "?")
			if types[form] == nil {
				t.Fatalf("%s: there is no type %q", line, form)
			}
			r.form[name], r.optional[name] = form, optional
		}
		rules[words[0]+" "+words[1]] = r
	}
	return rules, unused
}

// breaks says how a request breaks the contract.
func (r rule) breaks(q request) (out []string) {
	if q.method != "POST" || q.kind != "application/x-www-form-urlencoded" {
		out = append(out, q.method+" of "+q.kind)
	}
	for name, values := range q.form {
		switch form := r.form[name]; {
		case form == "":
			out = append(out, "there is no parameter "+name)
		case len(values) != 1 || !types[form].MatchString(values[0]):
			out = append(out, fmt.Sprintf("%s is %q, and no %s", name, values, form))
		}
	}
	for name := range r.form {
		if !q.form.Has(name) && !r.optional[name] {
			out = append(out, name+" is missing")
		}
	}
	return out
}

// TestContract: every request that the client can send is one of the table's, and
// every one of the table's is sent, but for those it calls unused.
func TestContract(t *testing.T) {
	s := start(t, people, nil)
	s.everything(t)
	rules, unused := contract(t)
	sent := make(map[string]bool)
	for _, q := range s.got {
		name := q.form.Get("action") + " " + q.path
		sent[name] = true
		if slices.Contains(unused, q.form.Get("action")) {
			t.Errorf("%s is unused, and sent", name)
		}
		r, ok := rules[name]
		if !ok {
			t.Errorf("%s is not in the table", name)
			continue
		}
		for _, problem := range r.breaks(q) {
			t.Errorf("%s: %s", name, problem)
		}
		if q.path == "/json.php" && q.host != "fallback" {
			t.Errorf("%s went to the %s host", name, q.host)
		}
	}
	for name := range rules {
		if !sent[name] {
			t.Errorf("%s is never sent", name)
		}
	}
}

// everything has the client send all that it can.
func (s *scene) everything(t *testing.T) {
	t.Helper()
	s.read(t)
	if _, err := s.Figures(t.Context()); err != nil {
		t.Error(err)
	}
	for _, step := range story(t) {
		s.apply(t, step.before, step.after)
	}
	ada := &schema.User{Address: "ada@acme.example", Name: "Ada Abdi", Settings: schema.Settings{AccountType: "enhanced", Quota: 5e9}}
	if a := s.Client.Do(t.Context(), emailarray.SetPassword(ada, "new"), hosted.Secrets{"new": "Correct-Horse-9"}); a.Outcome != hosted.Done {
		t.Errorf("set a password: %+v", a)
	}
	keys := []schema.Key{{Kind: schema.KindUser, Name: "ada@acme.example"}} // read one by one, of three pages
	s.options.PageSize = 1
	s.renew(t)
	s.read(t)
	if r, err := s.Read(t.Context(), keys); err != nil || r.State.Find(keys[0]) == nil {
		t.Errorf("read %v, %v", r, err)
	}
	s.quirk(t, "cut,after,only=write") // so that what is asked for is looked for
	for _, step := range story(t) {
		s.apply(t, step.before, step.after)
	}
}

// A step is a change: what it makes of what, and how many requests it takes at
// least.
type step struct {
	name          string
	before, after schema.Resource
	least         int
}

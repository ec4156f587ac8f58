package zohomail

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// everyCall is one call of each kind, by the method of API that builds it.
func everyCall(a API) map[string]hosted.Call {
	id := ID{ZUID: "700000002", Account: "5250000000000008003"}
	const ana, eve, team = schema.Address("ana@acme.example"), schema.Address("eve@elsewhere.example"), "800000003"
	return map[string]hosted.Call{
		"ListUsers": a.ListUsers(0, 200), "GetUser": a.GetUser("ana@acme.example"), "ListGroups": a.ListGroups(), "GetMembers": a.GetMembers(team),
		"CreateUser": a.CreateUser(NewUser{Address: ana, Password: "first", Once: true, DisplayName: "Ana", Role: "superAdmin", Language: "en",
			Timezone: "Europe/Lisbon", Groups: []schema.Address{"team@acme.example"}}),
		"Create":      a.Create(&schema.User{Address: ana}, "first"),
		"DeleteUsers": a.DeleteUsers("700000002", "700000003"), "ChangeRole": a.ChangeRole("admin", "700000002"),
		"SetDisplayName": a.SetDisplayName(id, "Ana"), "ResetPassword": a.ResetPassword(id, "first", false),
		"AddAliases": a.AddAliases(id, ana, "a@acme.example"), "DeleteAliases": a.DeleteAliases(id, ana),
		"SetIMAP": a.SetIMAP(id, true), "SetPOP": a.SetPOP(id, false), "SetActiveSync": a.SetActiveSync(id, true),
		"SetIncoming": a.SetIncoming(id, true), "SetOutgoing": a.SetOutgoing(id, false), "EnableUser": a.EnableUser(id, true), "DisableUser": a.DisableUser(id, true),
		"AddForward": a.AddForward(id, eve), "DeleteForward": a.DeleteForward(id, eve), "EnableForward": a.EnableForward(id, eve), "DisableForward": a.DisableForward(id, eve),
		"SetKeepCopy": a.SetKeepCopy(id, false), "CreateGroup": a.CreateGroup("team@acme.example", ana), "DeleteGroup": a.DeleteGroup(team),
		"AddMembers": a.AddMembers(team, ana, eve), "RemoveMembers": a.RemoveMembers(team, ana), "ChangeMemberRole": a.ChangeMemberRole(team, Moderator, ana),
	}
}

// A term is a line of the contract.
type term struct{ section, name, method, path, body string }

func contract(t *testing.T) (terms []term) {
	t.Helper()
	data, err := os.ReadFile("testdata/contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(§1\.\d) (.+?) +(GET|POST|PUT|DELETE) +(/[^|]*?) *(?:\| (.*))?$`)
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		f := line.FindStringSubmatch(l)
		if f == nil {
			t.Fatalf("cannot be read: %s", l)
		}
		terms = append(terms, term{f[1], f[2], f[3], f[4], f[5]})
	}
	return terms
}

// TestContract sends every call that there is, and holds what arrives against the
// table: method, path with the kind of id, headers, and each key with its type.
func TestContract(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if got, body = r, string(data); r.URL.Path == "/oauth/v2/token" {
			_, _ = w.Write([]byte(`{"access_token":"` + "an-access-token" + `"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":{"code":200,"description":"success"}}`))
	}))
	defer server.Close()
	c, err := New(Options{Organization: "60001234567", Mail: server.URL, Accounts: server.URL, PerMinute: 1000, Credentials: Credentials{"an-id", "a-secret", "a-refresh-token"}})
	if err != nil {
		t.Fatal(err)
	}
	terms, sent := contract(t), make(map[string]bool)
	calls := everyCall(c.API)
	for i := range reflect.TypeFor[API]().NumMethod() {
		m := reflect.TypeFor[API]().Method(i)
		if m.Type.NumOut() == 1 && m.Type.Out(0) == reflect.TypeFor[hosted.Call]() && calls[m.Name].Method == "" {
			t.Errorf("%s builds a call that nobody checks", m.Name)
		}
	}
	for method, call := range calls {
		if answer := c.Do(t.Context(), call, passwords); answer.Outcome != hosted.Done {
			t.Fatalf("%s: %+v", method, answer)
		}
		sent[call.Name] = true
		i := slices.IndexFunc(terms, func(m term) bool { return m.name == call.Name })
		if i < 0 {
			t.Errorf("%s sends %s, which is not in the table", method, call.Name)
			continue
		}
		if problem := terms[i].broken(got, body); problem != "" {
			t.Errorf("%s: %s\n%s %s %s", call.Name, problem, got.Method, got.URL, body)
		}
	}
	for _, m := range terms {
		if !sent[m.name] {
			t.Errorf("%s is in the table, and nothing sends it", m.name)
		}
	}
}

// broken says how a request breaks a term; "" is that it does not.
func (m term) broken(r *http.Request, body string) string {
	if r.Method != m.method {
		return "the method is not " + m.method
	}
	if !pathForm(m.path).MatchString(r.URL.Path) {
		return "the path is not " + m.path
	}
	header := r.Header.Clone()
	for name, want := range map[string]string{"Authorization": "Zoho-oauthtoken an-access-token", "Accept": "application/json", "Content-Type": map[bool]string{true: "application/json"}[body != ""]} {
		if header.Get(name) != want {
			return fmt.Sprintf("the header %s is %q", name, header.Get(name))
		}
		header.Del(name)
	}
	for name := range header {
		if !slices.Contains([]string{"User-Agent", "Accept-Encoding", "Content-Length", "Connection"}, name) {
			return "there is a header " + name
		}
	}
	if m.method == http.MethodGet {
		if body != "" {
			return "there is a body"
		}
		return fields(m.body, question(r.URL.Query()))
	}
	if m.body == "" {
		if body != "" || r.URL.RawQuery != "" {
			return "there is a body or a query"
		}
		return ""
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil || r.URL.RawQuery != "" {
		return "the body is no object, or there is a query"
	}
	return fields(m.body, object)
}

func question(query url.Values) map[string]any {
	out := make(map[string]any)
	for name, values := range query {
		out[name] = strings.Join(values, ",")
	}
	return out
}

// pathForm is what a path looks like. An accountId has 19 digits and a zuid has
// fewer, so that one in the place of the other is found.
func pathForm(path string) *regexp.Regexp {
	p := regexp.QuoteMeta(path)
	for from, to := range map[string]string{"{zoid}": `60001234567`, "{zuid}": `\d{9}`, "{zuid or address}": `(\d{9}|[^/]+@[^/]+)`, "{accountId}": `\d{19}`, "{zgid}": `\d{9}`} {
		p = strings.ReplaceAll(p, regexp.QuoteMeta(from), to)
	}
	return regexp.MustCompile("^" + p + "$")
}

// fields holds an object against the keys and types of a term.
func fields(want string, object map[string]any) string {
	left := make(map[string]bool)
	for name := range object {
		left[name] = true
	}
	for _, f := range strings.Fields(want) {
		name, form, _ := strings.Cut(f, "=")
		name, optional := strings.CutSuffix(name, "?")
		value, there := object[name]
		delete(left, name)
		if !there && optional {
			continue
		}
		if word, isMode := strings.CutPrefix(f, "mode="); isMode && value != word || !isMode && typeOf(value) != form && !(form == "text" && typeOf(value) == "zuid") {
			return fmt.Sprintf("%s is %v, not %s", name, value, form)
		}
	}
	if len(left) > 0 {
		return fmt.Sprintf("there is more: %v", left)
	}
	return ""
}

// typeOf names the type of a value as the table does.
func typeOf(value any) string {
	switch v := value.(type) {
	case bool:
		return "bool"
	case string:
		switch {
		case v == "true" || v == "false":
			return `"bool"`
		case regexp.MustCompile(`^\d{9}$`).MatchString(v):
			return "zuid"
		case regexp.MustCompile(`^\d{1,4}$`).MatchString(v):
			return "number"
		}
		return "text"
	case []any:
		if len(v) == 0 {
			return "nothing"
		}
		return "[" + typeOf(v[0]) + "]"
	case map[string]any:
		var keys []string
		for name := range v {
			keys = append(keys, name)
		}
		slices.Sort(keys)
		return "{" + strings.Join(keys, ",") + "}"
	}
	return fmt.Sprintf("%T", value)
}

// TestTokenContract: how a token is asked for (§1.1).
func TestTokenContract(t *testing.T) {
	s := stage(t)
	if _, err := s.ListUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.tokens.request()
	form, err := url.ParseQuery(string(r.Body))
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	if err != nil || r.Method != "POST" || r.Path != "/oauth/v2/token" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		form.Get("grant_type") != "refresh_token" || fmt.Sprint(names) != "[client_id client_secret grant_type refresh_token]" || len(r.Query) > 0 {
		t.Errorf("got %s %s %v, %v", r.Method, r.Path, names, err)
	}
}

// TestSettingsOfCalls: the forms that are settings.
func TestSettingsOfCalls(t *testing.T) {
	id := ID{"1", "2"}
	for _, c := range []struct {
		s                            Settings
		imap, forward, copies, reset string
	}{
		{Settings{}, `"true"`, `[{"mailForwardTo":"x@y"}]`, `true`, `true`},
		{Settings{Bools: AsStrings}, `"true"`, `[{"mailForwardTo":"x@y"}]`, `"true"`, `"true"`},
		{Settings{Bools: AsBooleans, Forward: AsString}, `true`, `"x@y"`, `true`, `true`},
	} {
		a := API{"7", c.s}
		last := func(call hosted.Call) string { return string(call.Body[len(call.Body)-1].Value) }
		got := []string{last(a.SetIMAP(id, true)), last(a.AddForward(id, "x@y")), last(a.SetKeepCopy(id, false)), last(a.ResetPassword(id, "p", true))}
		if want := []string{c.imap, c.forward, c.copies, c.reset}; !slices.Equal(got, want) {
			t.Errorf("%+v: got %v", c.s, got)
		}
	}
}

package faults

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/zohomail/zohosim"
)

// A zoho is the simulator of Zoho Mail.
type zoho struct{ *zohosim.Server }

func (z zoho) quirk(words ...string) error {
	q, err := zohosim.ParseQuirks(words...)
	if err == nil {
		z.SetQuirks(q)
	}
	return err
}

func (z zoho) add(address string) error {
	_, err := z.AddUser(zohosim.User{Address: address, DisplayName: "Somebody's"})
	return err
}

func (z zoho) changes(r *http.Request) bool {
	return r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/")
}

func (z zoho) holds() any {
	users, groups := z.Users(), z.Groups()
	for i := range users {
		users[i].ZUID, users[i].AccountID = 0, 0
		slices.Sort(users[i].Aliases)
		slices.SortFunc(users[i].Forwards, func(a, b zohosim.Forward) int { return strings.Compare(a.To, b.To) })
		for j := range users[i].Forwards {
			users[i].Forwards[j].Key = ""
		}
	}
	for i := range groups {
		groups[i].ZGID = 0
		slices.SortFunc(groups[i].Members, func(a, b zohosim.Member) int { return strings.Compare(a.Address, b.Address) })
	}
	slices.SortFunc(users, func(a, b zohosim.User) int { return strings.Compare(a.Address, b.Address) })
	slices.SortFunc(groups, func(a, b zohosim.Group) int { return strings.Compare(a.Address, b.Address) })
	return zohosim.State{Users: users, Groups: groups}
}

// zoho starts Zoho Mail.
func (w *world) zoho(t *testing.T) {
	t.Helper()
	s := zohosim.New(zohosim.Options{Now: w.now})
	w.simulator = zoho{s}
	if err := s.Add(zohosim.State{
		Users: []zohosim.User{
			{Address: "ada@acme.example", DisplayName: "Ada Abdi", Role: "super_admin", Aliases: []string{"sales@acme.example"}},
			{Address: "bob@acme.example", DisplayName: "Bob Berg", IMAP: true, Forwards: []zohosim.Forward{{To: "ada@acme.example"}}},
			{Address: "cyd@acme.example", DisplayName: "Cyd Cole", Aliases: []string{"c@acme.example"}},
			{Address: "dan@acme.example", DisplayName: "Dan Diaz", POP: true},
			{Address: "eve@acme.example", DisplayName: "Eve Ek", Disabled: true},
		},
		Groups: []zohosim.Group{
			{Address: "team@acme.example", Members: []zohosim.Member{{Address: "ada@acme.example", Role: "moderator"}, {Address: "bob@acme.example", Role: "member"}}},
			{Address: "old@acme.example", Members: []zohosim.Member{{Address: "ada@acme.example", Role: "member"}}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	c := s.Credentials()
	w.URL, w.Organization = w.serve(t, s), strconv.FormatInt(s.Organization(), 10)
	w.Login = [3]string{c.ClientID, c.ClientSecret, c.RefreshToken}
}

// An array is the simulator of EmailArray.
type array struct{ *arraysim.Server }

func (a array) quirk(words ...string) error {
	q, err := arraysim.ParseQuirks(words...)
	if err == nil {
		a.SetQuirks(q)
	}
	return err
}

func (a array) add(address string) error {
	name, domain, _ := strings.Cut(address, "@")
	return a.Add(arraysim.State{Users: []arraysim.User{{Username: name, Domain: domain, Name: "Somebody's", QuotaMB: 500}}})
}

func (a array) changes(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	form, errForm := url.ParseQuery(string(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	action := form.Get("action")
	return err == nil && errForm == nil && action != "login" && !strings.HasPrefix(action, "get")
}

func (a array) holds() any {
	s := a.State()
	for i := range s.Users {
		slices.Sort(s.Users[i].Forwards)
	}
	for i := range s.Lists {
		slices.Sort(s.Lists[i].Members)
	}
	slices.SortFunc(s.Users, func(a, b arraysim.User) int { return strings.Compare(a.Address(), b.Address()) })
	slices.SortFunc(s.Aliases, func(a, b arraysim.Alias) int { return strings.Compare(a.Address(), b.Address()) })
	slices.SortFunc(s.Lists, func(a, b arraysim.List) int { return strings.Compare(a.Address(), b.Address()) })
	return s
}

// array starts EmailArray.
func (w *world) array(t *testing.T) {
	t.Helper()
	s := arraysim.New(arraysim.Options{Now: w.now})
	w.simulator = array{s}
	const at = "acme.example"
	if err := s.Add(arraysim.State{
		Users: []arraysim.User{
			{Username: "ada", Domain: at, Name: "Ada Abdi"},
			{Username: "bob", Domain: at, Name: "Bob Berg", Forwards: []string{"ada@acme.example"}},
			{Username: "cyd", Domain: at, Name: "Cyd Cole"},
			{Username: "dan", Domain: at, Name: "Dan Diaz"},
			{Username: "eve", Domain: at, Name: "Eve Ek", Disabled: true},
		},
		Aliases: []arraysim.Alias{{Alias: "sales", Domain: at, Forward: "ada@acme.example"}, {Alias: "c", Domain: at, Forward: "cyd@acme.example"}},
		Lists: []arraysim.List{
			{Name: "team", Domain: at, Members: []string{"ada@acme.example", "bob@acme.example"}}, {Name: "old", Domain: at, Members: []string{"ada@acme.example"}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	c := s.Credentials()
	w.URL, w.Fallback, w.Login = w.serve(t, s.Primary()), w.serve(t, s.Fallback()), [3]string{c.Username, c.Password}
}

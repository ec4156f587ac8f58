package zohomail

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

func keyOf(kind schema.Kind, name string) schema.Key { return schema.Key{Kind: kind, Name: name} }

// sent are the requests since so many of the simulator's log, but for tokens: those
// that read users by what they read, others by their last word.
func (s *scene) sent(since int) (out []string) {
	for _, e := range s.Log()[since:] {
		switch {
		case e.Kind == "token":
		case e.Action != "":
			out = append(out, e.Action)
		default:
			out = append(out, e.Method+" "+e.Path[strings.LastIndexByte(e.Path, '/')+1:])
		}
	}
	return out
}

// town is an organization of three pages.
func town(t *testing.T) *scene {
	t.Helper()
	s := stageWith(t, zohosim.Options{}, Options{Settings: Settings{PageSize: 10}})
	s.add(t, zohosim.Sample(25, "acme.example"))
	return s
}

// TestReadKeys: of some keys, what is read is what a reading of everything has of
// them; it takes the requests that were said before, and as few as this.
func TestReadKeys(t *testing.T) {
	const user, alias, list, domain = schema.KindUser, schema.KindAlias, schema.KindList, schema.KindDomain
	const pages = "GET accounts GET accounts GET accounts"
	name := func(name string) (keys []schema.Key) {
		for _, kind := range schema.LiveKinds {
			keys = append(keys, keyOf(kind, name))
		}
		return keys
	}
	var five []schema.Key
	for i := range 5 {
		five = append(five, keyOf(user, fmt.Sprintf("user%d@acme.example", i+1)))
	}
	for _, c := range []struct {
		name string
		keys []schema.Key
		want string // the requests beside those for a token
	}{
		{"nothing", []schema.Key{}, ""},
		{"a domain", []schema.Key{keyOf(domain, "acme.example")}, ""},
		{"a user", five[:1], "GET user1@acme.example"},
		{"as many as pages", five[:3], "GET user1@acme.example GET user2@acme.example GET user3@acme.example"},
		{"more than pages", five, pages},
		{"nobody", []schema.Key{keyOf(user, "nobody@acme.example")}, "GET nobody@acme.example"},
		{"a user by an alias", []schema.Key{keyOf(user, "alias2@acme.example")}, "GET alias2@acme.example"},
		{"who cannot stand in a path", []schema.Key{keyOf(user, "x/../y@acme.example")}, pages},
		{"an alias", []schema.Key{keyOf(alias, "alias2@acme.example")}, pages},
		{"a list", []schema.Key{keyOf(list, "everyone@acme.example")}, "GET groups"},
		{"a user and a list", []schema.Key{five[0], keyOf(list, "everyone@acme.example")}, "GET user1@acme.example GET groups"},
		{"a user's name", name("user2@acme.example"), "GET user2@acme.example"},
		{"an alias's name", name("alias2@acme.example"), "GET alias2@acme.example " + pages},
		{"a list's name", name("everyone@acme.example"), "GET everyone@acme.example " + pages + " GET groups"},
		{"everything", nil, pages + " GET groups"},
	} {
		s := town(t)
		all := s.reading(t, nil)
		said, since := Service{s.Client}.Requests(c.keys, all.State), len(s.Log())
		r := s.reading(t, c.keys)
		sent := s.sent(since)
		if got := strings.Join(sent, " "); got != c.want || len(strings.Fields(got))/2 != said {
			t.Errorf("%s: %d requests were said, and sent were\n%s, want\n%s", c.name, said, got, c.want)
		}
		if diff := cmp.Diff(only(all, c.keys), only(r, c.keys)); diff != "" {
			t.Errorf("%s: (-of everything +of the keys)\n%s", c.name, diff)
		}
	}
}

// only is what a reading has of some keys that calls show.
func only(r piecemeal.Reading, keys []schema.Key) (out []string) {
	for _, is := range r.State {
		key := is.Key()
		if keys != nil && !slices.Contains(keys, key) || key.Kind == schema.KindDomain {
			continue
		}
		o := schema.Observed{}
		if key.Kind == schema.KindUser {
			o = r.Observed[key.Address()]
		}
		out = append(out, fmt.Sprint(key, schema.Version(is), r.Handles[key], r.Unseen[key], o))
	}
	return out
}

// TestRequests: how many requests reading takes is said before, also by a client that
// never read, and once the service has shown fewer users at a time than were asked
// for.
func TestRequests(t *testing.T) {
	for users, quirks := range map[int][]string{0: nil, 1: nil, 9: nil, 10: nil, 11: nil, 25: nil, 30: nil, 26: {"max-limit=4"}, 8: {"max-limit=4"}} {
		s := stageWith(t, zohosim.Options{}, Options{Settings: Settings{PageSize: 10}}, quirks...)
		s.add(t, zohosim.Sample(users, "acme.example"))
		live := s.reading(t, nil).State
		took := s.requests()
		again := Service{s.Client}.Requests(nil, live)
		fresh := Service{s.client(t)}.Requests(nil, live)
		if again != took || fresh != took && quirks == nil && users > 0 {
			t.Errorf("%d users %v: took %d, said %d, and before %d", users, quirks, took, again, fresh)
		}
	}
}

// TestCost: how many requests a change takes is said before.
func TestCost(t *testing.T) {
	s := town(t)
	service, all := Service{s.Client}, s.reading(t, nil)
	eva := storetest.NewUser("eva@acme.example")
	eva.Name, eva.Status, eva.Forwarding.To, eva.MailboxActions.IMAP = "Eva", schema.StatusDeactivated, []schema.Address{"user1@acme.example"}, true
	moved := &schema.Alias{Address: "alias2@acme.example", To: []schema.Address{"user1@acme.example"}}
	for _, c := range []struct {
		before, after schema.Resource
		want          string
	}{
		{nil, eva, "POST accounts disableUser updateIMAPStatus addMailForward deleteZohoMailCopy"},
		{eva, nil, "DELETE accounts"},
		{all.State.Find(moved.Key()), moved, "deleteEmailAlias addEmailAlias"},
		{moved, nil, "deleteEmailAlias"},
		{nil, moved, "addEmailAlias"},
		{nil, &schema.List{Address: "new@acme.example", Members: []schema.Address{"user1@acme.example"}}, "POST groups"},
		{&schema.List{Address: "new@acme.example", Members: []schema.Address{"user1@acme.example"}},
			&schema.List{Address: "new@acme.example", Members: []schema.Address{"user2@acme.example"}}, "addMailGroupMember removeMailGroupMember"},
		{nil, &schema.Domain{Name: "new.example"}, ""},
		{&schema.Domain{Name: "new.example"}, nil, ""},
	} {
		var calls []hosted.Call
		said := func(before, after schema.Resource) {
			operations, err := service.Operations(before, after, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range operations {
				calls = append(calls, o.Call)
			}
		}
		if said(c.before, c.after); c.before == nil {
			said(service.Newcomer(c.after), c.after)
		}
		since := len(s.Log())
		s.apply(t, all.Handles, c.before, c.after)
		if got := s.sent(since); strings.Join(got, " ") != c.want || service.Cost(calls) != len(got) {
			t.Errorf("%v -> %v: %d were said, and sent were %v", c.before, c.after, service.Cost(calls), got)
		}
	}
}

// rows is a service whose list of users is this.
func rows(t *testing.T, list string) Service {
	t.Helper()
	c, err := New(Options{
		Organization: "7", Mail: "https://mail.example", Accounts: "https://accounts.example", Credentials: Credentials{"an-id", "a-secret", "a-refresh-token"},
		Transport: direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := `{"status":{"code":200},"data":[]}`
			switch {
			case r.URL.Path == "/oauth/v2/token":
				body = `{"access_token":"` + "an-access-token" + `"}`
			case r.URL.Query().Get("start") == "0":
				body = `{"status":{"code":200},"data":[` + list + `]}`
			}
			_, _ = w.Write([]byte(body))
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Service{c}
}

// TestReadStrange: what cannot be told apart or has no address is an error, and what
// somebody has elsewhere is none of the organization's.
func TestReadStrange(t *testing.T) {
	const ids = `"zuid":%d,"accountId":"525000000000000800%d"`
	row := func(n int, more string) string { return fmt.Sprintf("{"+ids+","+more+"}", n, n) }
	ana := row(1, `"primaryEmailAddress":"Ana@acme.example","emailAddress":[{"mailId":"ana@ACME.example","isAlias":true},{"mailId":"A@acme.example","isAlias":true},{"mailId":"a@acme.example","isAlias":true}]`)
	for _, c := range []struct {
		name, list string
		want       string
	}{
		{"aliases once", ana, "Domain/acme.example User/ana@acme.example Alias/a@acme.example"},
		{"two of one address", ana + "," + row(2, `"primaryEmailAddress":"ana@acme.example"`), "error"},
		{"an alias that is a user", ana + "," + row(2, `"primaryEmailAddress":"a@acme.example"`), "error"},
		{"no local part", row(1, `"primaryEmailAddress":"@acme.example"`), "error"},
		{"no domain", row(1, `"primaryEmailAddress":"ana@"`), "error"},
		{"a line within", row(1, `"primaryEmailAddress":"an\na@acme.example"`), "error"},
		{"elsewhere", row(1, `"primaryEmailAddress":"ana@gmail.example","type":"IMAP_ACCOUNT"`), ""},
	} {
		service := rows(t, c.list)
		reading, err := service.read(t.Context(), wantOf([]schema.Key{keyOf(schema.KindAlias, "x@acme.example")}))
		got := "error"
		if err == nil {
			var keys []string
			for _, r := range reading.State {
				keys = append(keys, r.Key().String())
			}
			got = strings.Join(keys, " ")
		}
		if got != c.want {
			t.Errorf("%s: got %s, %v", c.name, got, err)
		}
		if twice := errors.Is(err, errTwice); twice != (c.name == "two of one address" || c.name == "an alias that is a user") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

package zohomail

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/zohomail/zohosim"
)

// TestListUsers: whatever the first row is called, whatever comes again and however
// few rows a page has, every user is read once.
func TestListUsers(t *testing.T) {
	for _, quirks := range [][]string{
		nil, {"first-row=1"}, {"repeat-row"}, {"max-limit=3"}, {"one-as-object"}, {"ids=bare"}, {"ids=quoted"}, {"null-strings"},
		{"no-role-name"}, {"no-forward"}, {"errors-in=empty"}, {"repeat-row", "first-row=1"}, {"repeat-row", "max-limit=3"},
		{"first-row=1", "repeat-row", "max-limit=3", "one-as-object", "ids=quoted", "null-strings", "no-role-name", "no-forward"},
		{"cut,only=read,nth=2"}, {"half,only=read,nth=1,times=2"}, {"html,only=read,nth=3"}, {"empty,only=read,nth=1"}, {"fail=500,only=read,nth=2,times=3"},
		{"expire,nth=2,only=read"},
	} {
		for _, n := range []int{1, 2, 3, 7, 8, 9, 24, 25} {
			s := stageWith(t, zohosim.Options{}, Options{Settings: Settings{PageSize: 8}})
			s.add(t, zohosim.Sample(n, "acme.example"))
			s.quirk(t, quirks...)
			users, err := s.ListUsers(t.Context())
			if err != nil {
				t.Errorf("%v of %d: %v", quirks, n, err)
				continue
			}
			var got []string
			for _, u := range users {
				got = append(got, u.Address)
			}
			slices.Sort(got)
			if len(got) != n || len(slices.Compact(got)) != n {
				t.Errorf("%v: %d of %d: %v", quirks, len(got), n, got)
			}
		}
	}
}

// TestListNobody: an organization without users is one, and a service that shows
// the same page again and again is none.
func TestListNobody(t *testing.T) {
	s := stageWith(t, zohosim.Options{}, Options{})
	if users, err := s.ListUsers(t.Context()); err != nil || len(users) != 0 {
		t.Errorf("got %v, %v", users, err)
	}
	for data, want := range map[string]string{
		``:   "not as documented",
		`[]`: "",
		`[{"zuid":1,"accountId":2,"primaryEmailAddress":"a@x.example"}]`: "again and again",
		`[{"zuid":1,"accountId":2}]`:                                     "without zuid",
		`[7]`:                                                            "not as documented",
		`"x"`:                                                            "not as documented",
		`{"groups":[]}`:                                                  "without zuid",
	} {
		c := answering(t, `{"status":{"code":200}`+prefixed(`,"data":`, data)+`}`)
		if _, err := c.ListUsers(t.Context()); fmt.Sprint(err) == "<nil>" != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// TestUser: one user by id and by address, and one who is not there.
func TestUser(t *testing.T) {
	s := stage(t, "ids=quoted", "null-strings")
	for _, name := range []string{"bob@acme.example", s.id(t, "bob@acme.example").ZUID} {
		r, found, err := s.User(t.Context(), name)
		if err != nil || !found || r.ID != s.id(t, "bob@acme.example") || r.Name != "Bob Berg" || r.Language != "" {
			t.Errorf("%s: %+v, %v, %v", name, r, found, err)
		}
	}
	for _, quirk := range []string{"late=0s", "errors-in=empty"} {
		s.quirk(t, quirk)
		if _, found, err := s.User(t.Context(), "eve@acme.example"); found || err != nil {
			t.Errorf("%s: nobody was found: %v", quirk, err)
		}
	}
}

// TestListGroups: the members of each, and whether there may be more.
func TestListGroups(t *testing.T) {
	for _, c := range []struct {
		groups int
		quirk  string
		got    int
		whole  bool
	}{{0, "late=0s", 1, true}, {5, "ids=quoted", 6, true}, {9, "ids=bare", 10, false}, {14, "groups-stop=10", 10, false}, {14, "late=0s", 15, true}} {
		s := stage(t, c.quirk)
		for i := range c.groups {
			s.add(t, zohosim.State{Groups: []zohosim.Group{{Address: fmt.Sprintf("g%d@acme.example", i)}}})
		}
		groups, whole, err := s.ListGroups(t.Context())
		if err != nil || len(groups) != c.got || whole != c.whole {
			t.Fatalf("%d and %s: %d, whole %v, %v", c.groups+1, c.quirk, len(groups), whole, err)
		}
		if l := groups[0].List(); l.Address != "team@acme.example" || fmt.Sprint(l.Members) != "[ada@acme.example bob@acme.example]" {
			t.Errorf("got %+v", l)
		}
	}
	s := stage(t)
	members, err := s.members(t.Context(), fmt.Sprint(s.Groups()[0].ZGID))
	if err != nil || fmt.Sprint(members) != "[{ada@acme.example moderator} {bob@acme.example member}]" {
		t.Errorf("got %v, %v", members, err)
	}
	for _, data := range []string{`[{"zgid":"1"}]`, `{"groups":[{"zgid":"1","emailId":"a@x.example","mailGroupMemberList":[{}]}]}`, `7`} {
		if groups, _, err := answering(t, `{"status":{"code":200},"data":`+data+`}`).ListGroups(t.Context()); err == nil {
			t.Errorf("%s: %v", data, groups)
		}
	}
}

// TestReadOutlasts: a read waits for a lock-out to end, and ends when it never
// does, or when nobody would wait so long.
func TestReadOutlasts(t *testing.T) {
	for _, as := range []string{"429", "429-retry-after", "400", "403"} {
		s := stageWith(t, zohosim.Options{}, Options{PerMinute: 60}, "throttle=4", "lock=20m", "throttled-as="+as)
		s.add(t, zohosim.Sample(20, "acme.example"))
		s.Client.PageSize = 4
		users, err := s.ListUsers(t.Context())
		if err != nil || len(users) != 20 || s.Lockouts() != 1 {
			t.Errorf("%s: %d users, %d lock-outs, %v", as, len(users), s.Lockouts(), err)
		}
	}
	s := stage(t, "fail=429,only=read")
	if _, err := s.ListUsers(t.Context()); err == nil || s.requests() != 1+mostLockouts {
		t.Errorf("%d requests, %v", s.requests(), err)
	}
	s = stageWith(t, zohosim.Options{}, Options{PerMinute: 1, Patience: 1})
	if _, err := s.ListUsers(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := s.ListUsers(t.Context())
	if a, ok := outcomeOf(err); !ok || a.Outcome != hosted.Throttled || a.Until.IsZero() || s.requests() != 1 {
		t.Errorf("got %v, %d requests", err, s.requests())
	}
}

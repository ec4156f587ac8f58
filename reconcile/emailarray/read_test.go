package emailarray_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// show is a reading in lines.
func show(r piecemeal.Reading) string {
	var b strings.Builder
	for _, res := range r.State {
		switch res := res.(type) {
		case *schema.User:
			o := r.Observed[res.Address]
			fmt.Fprintf(&b, "%s %q %s %s %s to %v, used %d, last %d", res.Address, res.Name, res.AccountType, res.Quota, res.Status, res.Forwarding.To, o.StorageUsed, o.LastSignInUnix)
		default:
			fmt.Fprintf(&b, "%s to %v", res.Key(), schema.Targets(res))
		}
		fmt.Fprintf(&b, " %v\n", r.Unseen[res.Key()])
	}
	return b.String()
}

const peopleShown = `Domain/acme.example to [] []
Domain/empty.example to [] []
ada@acme.example "Ada Abdi" enhanced 5GB active to [ada@partner.example bob@acme.example], used 12000000, last 1780000000 []
bob@acme.example "Bob Berg" basic 500MB suspended to [], used 0, last 0 []
Alias/sales@acme.example to [ada@acme.example] []
DistributionList/team@acme.example to [ada@acme.example bob@acme.example] []
`

// allQuirks are those of the service that a client does not have to know of. Each
// of them alone, and all of them together, change nothing of what is read.
var allQuirks = []string{
	"numbers=quoted", "numbers=bare", "member-form=objects", "null-strings", "token-life=1m", "late=30s",
	"expire,nth=4,only=read", "fail=502,host=primary", "cut,host=primary,only=read", "half,host=primary,only=read",
	"throttle=7",
}

// TestRead: everything is read, whatever the quirk, page by page and at once.
func TestRead(t *testing.T) {
	harmless := [][]string{nil}
	for _, word := range allQuirks {
		if !strings.HasPrefix(word, "html") && !strings.HasPrefix(word, "empty") { // which are no JSON: see TestUnreadable
			harmless = append(harmless, []string{word})
		}
	}
	together := []string{"numbers=mixed", "member-form=objects", "null-strings", "token-life=1m", "late=30s",
		"expire,nth=4,only=read", "fail=502,host=primary,nth=3,times=2", "cut,host=primary,nth=6", "half,only=read,nth=9,host=primary", "throttle=20", "throttled-as=403"}
	for _, quirks := range append(harmless, together) {
		for _, page := range []int{0, 1, -1} {
			s := start(t, people, func(o *emailarray.Options) { o.PageSize, o.TokenLife = page, time.Minute }, quirks...)
			r := s.read(t)
			if got := show(r); got != peopleShown {
				t.Errorf("%v, pages of %d:\n%s", quirks, page, got)
			}
			if again := show(s.read(t)); again != peopleShown {
				t.Errorf("%v, pages of %d, again:\n%s", quirks, page, again)
			}
		}
	}
}

// TestReadCount: how many requests reading takes, beside the least that the API
// allows: a login, the domains, five for each domain, one for each list.
func TestReadCount(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1001, 2500} {
		s := start(t, arraysim.Sample(n, acme), nil)
		if n == 0 {
			s = start(t, arraysim.State{Domains: []arraysim.Domain{{Name: acme}}}, nil)
		}
		lists := min(n, 1)
		r := s.read(t)
		users := 0
		for range r.State.Users() {
			users++
		}
		pages := max((n+999)/1000, 1)
		least := 1 + 1 + 4 + pages + lists
		t.Logf("%5d users: %d requests in pages of 1000, %d at least where a page has them all", n, len(s.Log()), 1+1+4+1+lists)
		if users != n || len(s.Log()) != least {
			t.Errorf("%d users: read %d, with %d requests, want %d: %v", n, users, len(s.Log()), least, s.sent(0))
		}
		s.options.PageSize = emailarray.AllAtOnce
		s.renew(t)
		since := len(s.Log())
		if s.read(t); len(s.Log())-since != 1+1+4+1+lists {
			t.Errorf("%d users at once: %v", n, s.sent(since))
		}
	}
}

// TestFigures: the figures of the rule licence-limit.
func TestFigures(t *testing.T) {
	s := start(t, people, nil)
	f, err := s.Figures(t.Context())
	if err != nil || f.Basic != 1 || f.Enhanced != 1 || f.MaxBasic != 5000 || f.Domains != 2 || f.Quota != 5500 {
		t.Errorf("got %+v, %v", f, err)
	}
	if l := f.Licences(); *l.Basic != 5000 || *l.Enhanced != 5000 {
		t.Errorf("got %+v", l)
	}
}

// TestUnreadable: a reading that is not whole is an error, and says which call it
// was; it never looks like an account with fewer users.
func TestUnreadable(t *testing.T) {
	for quirk, want := range map[string]string{
		"html,action=getDomainInfo":         "getDomainInfo: 127.0.0.1",
		"empty,only=read,nth=1":             "getAllDomains: the answer is not one of this API's",
		"half,action=getAllUsersDomain":     "getAllUsersDomain: 127.0.0.1",
		"cut,action=getAllAliasesDomain":    "getAllAliasesDomain: 127.0.0.1",
		"fail=500,action=getListMembers":    "getListMembers: simulator: told to fail",
		"fail=404,action=getAllListsDomain": "getAllListsDomain: simulator: told to fail",
		"huge,action=getAllForwardsDomain":  "getAllForwardsDomain: 127.0.0.1",
		"slow=1h,action=getAllUsersDomain":  "getAllUsersDomain: 127.0.0.1",
		"refuse,action=getAllUsersDomain":   "getAllUsersDomain: simulator: told to refuse",
		"refuse,action=login":               "the login is refused",
		"expire,only=read":                  "simulator: the token is not valid",
		"fail=500":                          "getAllDomains: simulator: told to fail",
	} {
		s := start(t, people, func(o *emailarray.Options) { o.Timeout = time.Second / 2 }, quirk)
		r, err := s.Read(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), want) || len(r.State) > 0 {
			t.Errorf("%s: got %v and %d resources, want %q", quirk, err, len(r.State), want)
		}
		if n := len(s.Log()); n > 16 {
			t.Errorf("%s: it went on for %d requests: %v", quirk, n, s.sent(0))
		}
	}
}

// TestListMoves: a user who goes while the pages are read moves all who follow. A
// list that shows fewer than it says is read anew.
func TestListMoves(t *testing.T) {
	s := start(t, arraysim.Sample(30, acme), func(o *emailarray.Options) { o.PageSize = 10 })
	moved := false
	s.options.Transport = before(func() {
		if !moved && slices.Contains(s.sent(0), "getAllUsersDomain") {
			moved = true
			if err := s.RemoveUser("user3@acme.example"); err != nil {
				t.Error(err)
			}
		}
	})
	s.renew(t)
	users := 0
	for range s.read(t).State.Users() {
		users++
	}
	if users != 29 || !moved {
		t.Errorf("read %d users", users)
	}
}

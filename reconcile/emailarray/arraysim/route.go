package arraysim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mailops/reconcile/simhttp"
)

// The paths of §4.3: administrators ask one, users the other, which only the
// fallback host has.
const (
	adminPath = "/admin/json.php"
	userPath  = "/json.php"
)

// An action is one that §4.3 lists, or the vendor's module sends.
type action struct {
	path  string
	needs []string // parameters that a client always sends
	do    func(*Server, *turn) result
}

var actions = map[string]action{
	"getAllUsersDomain":   {adminPath, []string{"domain"}, (*Server).listUsers},
	"getTotalUsersDomain": {adminPath, []string{"domain", "atype"}, (*Server).countUsers},
	"searchUsers":         {adminPath, []string{"domain", "search"}, (*Server).searchUsers},
	"getUserInfo":         {adminPath, []string{"username", "domain"}, (*Server).oneUser},
	"addUser":             {adminPath, []string{"username", "domain", "account_type", "password", "quota", "uname"}, (*Server).addUser},
	"updateUser":          {adminPath, []string{"editusername", "editdomain"}, (*Server).updateUser},
	"removeUser":          {adminPath, []string{"username", "domain"}, (*Server).removeUser},
	"disableUser":         {adminPath, []string{"username", "domain"}, (*Server).setDisabled},
	"enableUser":          {adminPath, []string{"username", "domain"}, (*Server).setDisabled},
	"getOTPass":           {adminPath, []string{"username", "domain"}, (*Server).oneTimePassword},

	"addAlias":            {adminPath, []string{"alias", "domain", "forward"}, (*Server).addAlias},
	"removeAlias":         {adminPath, []string{"alias", "domain"}, (*Server).removeAlias},
	"getAllAliasesDomain": {adminPath, []string{"domain"}, (*Server).listAliases},

	"addList":           {adminPath, []string{"newlname", "domain", "newlisttype"}, (*Server).addList},
	"removeList":        {adminPath, []string{"lname", "domain"}, (*Server).removeList},
	"getAllListsDomain": {adminPath, []string{"domain"}, (*Server).listLists},
	"getListMembers":    {adminPath, []string{"lname", "domain"}, (*Server).listMembers},
	"addListMember":     {adminPath, []string{"editlname", "editdomain", "newmember"}, (*Server).addMember},
	"removeListMember":  {adminPath, []string{"lname", "domain", "member"}, (*Server).removeMember},

	"getAllForwardsDomain": {adminPath, []string{"domain"}, (*Server).listForwards},
	"addForward":           {userPath, []string{"newforward"}, (*Server).addForward},
	"removeForward":        {userPath, []string{"forward"}, (*Server).removeForward},
	"getForwards":          {userPath, nil, (*Server).ownForwards},

	"getAllDomains":          {adminPath, nil, (*Server).listDomains},
	"getDomainInfo":          {adminPath, []string{"domain"}, (*Server).oneDomain},
	"addDomain":              {adminPath, []string{"newdomain"}, (*Server).addDomain},
	"removeDomain":           {adminPath, []string{"domain"}, (*Server).removeDomain},
	"updateDomain":           {adminPath, []string{"domain", "editdomainactive"}, (*Server).updateDomain},
	"isDomainAvailable":      {adminPath, []string{"domain"}, (*Server).domainAvailable},
	"getDomainAssignedQuota": {adminPath, []string{"domain"}, (*Server).domainQuota},
	"getDomainVerification":  {adminPath, []string{"domain"}, (*Server).domainVerification},
	"getAdminStats":          {adminPath, nil, (*Server).stats},
}

// A turn is an action that is being carried out.
type turn struct {
	now     time.Time
	at      time.Time // reads show how things were then
	action  string
	form    url.Values
	user    string // whose token it is; "" is an administrator's
	changes []string
}

// get is a parameter.
func (t *turn) get(name string) string { return t.form.Get(name) }

// address is what two parameters name.
func (t *turn) address(name, domain string) string { return t.get(name) + "@" + t.get(domain) }

// A result is what an action returns.
type result struct {
	failed bool
	data   any
	meta   any // beside the data, nil is none
}

// done is the result of an action that returns nothing. What the service says
// then is not known.
var done = result{data: ""}

func failed(text string) result { return result{failed: true, data: text} }

// service is the server as simhttp sees it.
type service struct{ *Server }

// Describe says what a request is.
func (s service) Describe(r *simhttp.Request) {
	r.Kind, r.Refusable = simhttp.Write, true
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return
	}
	r.Action, r.Fields = form.Get("action"), simhttp.Form(form)
	reads := func(prefix string) bool { return strings.HasPrefix(r.Action, prefix) }
	switch {
	case r.Action == "login", r.Action == "getOTPass":
		r.Kind = simhttp.Token
	case slices.ContainsFunc([]string{"get", "search", "is"}, reads):
		r.Kind = simhttp.Read
	}
}

// Error is a reply with a status. The service's own failures come as 200.
func (s service) Error(status int, text string) simhttp.Answer {
	a := reply(failed(text))
	a.Status = status
	return a
}

// Serve carries out a request.
func (s service) Serve(r *simhttp.Request, now time.Time) simhttp.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	form, err := url.ParseQuery(string(r.Body))
	switch {
	case r.Path != adminPath && (r.Path != userPath || r.Host != Fallback), r.Method != http.MethodPost:
		return simhttp.Answer{Status: http.StatusNotFound, Body: []byte("{}")}
	case err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return reply(failed("simulator: the body is no form"))
	case r.Refused:
		return reply(failed("simulator: told to refuse"))
	}
	t := &turn{now: now, at: now.Add(-s.quirks.Late), action: r.Action, form: form}
	a := reply(s.carryOut(r, t))
	a.Changes = t.changes
	return a
}

// carryOut checks who asks, and does it.
func (s *Server) carryOut(r *simhttp.Request, t *turn) result {
	if t.action == "login" {
		return s.login(r, t)
	}
	a, known := actions[t.action]
	if !known || a.path != r.Path {
		return failed("simulator: there is no action " + t.action + " here")
	}
	if !s.authorized(r, t) {
		return failed("simulator: the token is not valid")
	}
	for _, name := range a.needs {
		if !t.form.Has(name) {
			return failed("simulator: " + name + " is missing")
		}
	}
	return a.do(s, t)
}

// SetWords replaces the quirks by those that the words name.
func (s service) SetWords(words []string) error {
	q, err := ParseQuirks(words...)
	if err == nil {
		s.SetQuirks(q)
	}
	return err
}

// Shown are the quirks and the state.
func (s service) Shown() (quirks, state any) {
	now := s.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quirks, now
}

// reply is the envelope of §4.3: returncode 1, or 0 with the message in
// returndata, under HTTP 200.
func reply(r result) simhttp.Answer {
	envelope := map[string]any{"returncode": 1, "returndata": r.data}
	if r.failed {
		envelope["returncode"] = 0
	}
	if r.meta != nil {
		envelope["meta"] = r.meta
	}
	data, err := json.Marshal(envelope)
	if err != nil {
		panic(err) // only maps, lists, texts and numbers are encoded
	}
	return simhttp.Answer{Status: http.StatusOK, Body: data}
}

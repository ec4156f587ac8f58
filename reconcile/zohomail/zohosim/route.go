package zohosim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailops/reconcile/simhttp"
)

// A call is one that is documented.
type call struct {
	method string
	path   string // {zoid} is checked; one more segment in braces is looked up as what it says
	mode   string // in the body
	needs  []string
	do     func(*Server, *turn) simhttp.Answer
}

// calls are the documented ones. Which id stands in a path differs from call to
// call (§1.3).
var calls = []call{
	// §1.4
	{"GET", "/api/organization", "", nil, (*Server).organization},
	{"GET", "/api/organization/{zoid}", "", nil, (*Server).organization},
	{"GET", "/api/organization/{zoid}/accounts", "", nil, (*Server).listUsers},
	{"GET", "/api/organization/{zoid}/accounts/{zuid or address}", "", nil, (*Server).oneUser},
	{"GET", "/api/accounts", "", nil, (*Server).ownAccounts},
	{"GET", "/api/accounts/{accountId}", "", nil, (*Server).oneUser},
	// §1.5: the page's own example adds an id to the path of a deletion
	{"POST", "/api/organization/{zoid}/accounts", "", []string{"primaryEmailAddress", "password"}, (*Server).createUser},
	{"DELETE", "/api/organization/{zoid}/accounts", "", nil, (*Server).deleteUsers},
	{"DELETE", "/api/organization/{zoid}/accounts/{zuid or address}", "", nil, (*Server).deleteUsers},
	// §1.6
	{"PUT", account, "updateIMAPStatus", []string{"zuid", "imapAccessEnabled"}, (*Server).toggle},
	{"PUT", account, "updatePOPStatus", []string{"zuid", "popAccessEnabled"}, (*Server).toggle},
	{"PUT", account, "updateMobileSyncStatus", []string{"zuid", "activeSyncEnabled"}, (*Server).toggle},
	{"PUT", account, "updateIncomingStatus", []string{"zuid", "incomingBlocked"}, (*Server).toggle},
	{"PUT", account, "updateOutgoingStatus", []string{"zuid", "outgoingBlocked"}, (*Server).toggle},
	{"PUT", account, "enableMailAccount", []string{"zuid"}, (*Server).mailAccount},
	{"PUT", account, "disableMailAccount", []string{"zuid"}, (*Server).mailAccount},
	{"PUT", account, "enableUser", []string{"zuid", "unblockIncoming"}, (*Server).enableUser},
	{"PUT", account, "disableUser", []string{"zuid"}, (*Server).disableUser},
	{"PUT", account, "addMailForward", []string{"zuid", "mailForward"}, (*Server).addForward},
	{"PUT", account, "verifyMailForward", []string{"zuid", "mailForward"}, (*Server).changeForward},
	{"PUT", account, "resendMailForwardVerficationMail", []string{"zuid", "mailForward"}, (*Server).changeForward},
	{"PUT", account, "enableMailForward", []string{"zuid", "mailForward"}, (*Server).changeForward},
	{"PUT", account, "disableMailForward", []string{"zuid", "mailForward"}, (*Server).changeForward},
	{"PUT", account, "deleteMailForward", []string{"zuid", "mailForward"}, (*Server).deleteForward},
	{"PUT", account, "deleteZohoMailCopy", []string{"zuid", "deleteCopy"}, (*Server).toggle},
	{"PUT", account, "updatePersonalInfo", []string{"zuid", "displayName"}, (*Server).rename},
	// §1.7
	{"PUT", "/api/organization/{zoid}/accounts", "changeRole", []string{"userList", "role"}, (*Server).changeRole},
	{"PUT", "/api/organization/{zoid}/accounts/{zuid}", "resetPassword", []string{"password"}, (*Server).resetPassword},
	{"PUT", "/api/organization/{zoid}/accounts/{zuid}", "addEmailAlias", []string{"zuid", "emailAlias"}, (*Server).addAliases},
	{"PUT", "/api/organization/{zoid}/accounts/{zuid}", "deleteEmailAlias", []string{"zuid", "emailAlias"}, (*Server).deleteAliases},
	{"GET", "/api/organization/{zoid}/groups", "", nil, (*Server).listGroups},
	{"POST", "/api/organization/{zoid}/groups", "", []string{"emailId", "mailGroupMemberList"}, (*Server).createGroup},
	{"GET", group, "", nil, (*Server).oneGroup},
	{"GET", group + "/members", "", nil, (*Server).groupMembers},
	{"DELETE", group, "", nil, (*Server).deleteGroup},
	{"PUT", group, "addMailGroupMember", []string{"mailGroupMemberList"}, (*Server).addMembers},
	{"PUT", group, "removeMailGroupMember", []string{"mailGroupMemberList"}, (*Server).removeMembers},
	{"PUT", group, "changeMemberRole", []string{"mailGroupMemberList"}, (*Server).addMembers},
	{"PUT", group, "updateMailGroup", nil, (*Server).updateGroup},
}

const (
	account = "/api/organization/{zoid}/accounts/{accountId}"
	group   = "/api/organization/{zoid}/groups/{zgid}"
)

// A turn is a call that is being carried out.
type turn struct {
	now     time.Time
	at      time.Time // reads show how things were then
	mode    string
	query   url.Values
	body    body
	refused bool
	user    User  // whom the path names
	group   Group // or which
	changes []string
}

// service is the server as simhttp sees it.
type service struct{ *Server }

// Describe says what a request is.
func (s service) Describe(r *simhttp.Request) {
	if r.Path == tokenPath {
		r.Kind, r.Refusable = simhttp.Token, true
		if form, err := url.ParseQuery(string(r.Body)); err == nil {
			r.Fields = simhttp.Form(form)
		}
		return
	}
	r.Kind, r.Fields = simhttp.Write, simhttp.JSON(r.Body)
	if r.Method == http.MethodGet {
		r.Kind = simhttp.Read
	}
	if fields, err := parse(r.Body); err == nil {
		r.Action, _ = fields.text("mode")
	}
	r.Refusable = r.Action == "changeRole"
}

// Error is an error of §1.2.
func (s service) Error(status int, text string) simhttp.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail(status, text)
}

// Serve carries out a call.
func (s service) Serve(r *simhttp.Request, now time.Time) simhttp.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Path == tokenPath {
		return s.token(r, now)
	}
	if !s.authorized(r, now) {
		return s.fail(http.StatusUnauthorized, "simulator: the access token is not valid")
	}
	fields, err := parse(r.Body)
	if err != nil {
		return s.fail(http.StatusBadRequest, "simulator: the body is not a JSON object")
	}
	t := &turn{now: now, at: now.Add(-s.quirks.Late), mode: r.Action, query: r.Query, body: fields, refused: r.Refused}
	a := s.dispatch(r, t)
	a.Changes = t.changes
	return a
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
	users, groups := s.Users(), s.Groups()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quirks, State{Users: users, Groups: groups}
}

// dispatch finds the documented call that a request is.
func (s *Server) dispatch(r *simhttp.Request, t *turn) simhttp.Answer {
	segments := strings.Split(strings.Trim(r.Path, "/"), "/")
	known := false
	for _, c := range calls {
		id, ok := c.matches(r.Method, segments)
		if !ok {
			continue
		}
		if known = true; c.mode != t.mode {
			continue
		}
		return s.carryOut(c, segments, id, t)
	}
	if known {
		return s.fail(http.StatusBadRequest, "simulator: there is no mode "+strconv.Quote(t.mode)+" here")
	}
	return s.fail(http.StatusNotFound, "URL Rule is not configured") // as a public client saw it
}

// carryOut checks what a call names, and does it.
func (s *Server) carryOut(c call, segments []string, id string, t *turn) simhttp.Answer {
	if strings.Contains(c.path, "{zoid}") && segments[2] != strconv.FormatInt(s.options.Organization, 10) {
		return s.fail(http.StatusNotFound, "simulator: there is no organization "+segments[2])
	}
	if !s.resolve(c, id, t) {
		return s.fail(http.StatusNotFound, "Account id "+id+" is invalid") // as a public client saw it
	}
	for _, key := range c.needs {
		if _, ok := t.body[key]; !ok {
			return s.fail(http.StatusBadRequest, "simulator: "+key+" is missing")
		}
	}
	if zuid, said := t.body.text("zuid"); said && zuid != strconv.FormatInt(t.user.ZUID, 10) {
		return s.fail(http.StatusBadRequest, "simulator: zuid "+zuid+" is not the owner of account "+id)
	}
	return c.do(s, t)
}

// resolve looks up what the path names. Reads see it as it was.
func (s *Server) resolve(c call, id string, t *turn) (ok bool) {
	user, group, byAddress := s.users.Get, s.groups.Get, s.byAddress
	if c.method == http.MethodGet {
		byAddress = func(address string) (User, bool) { return s.byAddressAt(t.at, address) }
		user = func(zuid int64) (User, bool) { return s.users.At(t.at, zuid) }
		group = func(zgid int64) (Group, bool) { return s.groups.At(t.at, zgid) }
	}
	n, _ := strconv.ParseInt(id, 10, 64)
	switch {
	case id == "", c.method == http.MethodDelete && strings.Contains(c.path, "/accounts"):
		return true
	case strings.Contains(c.path, "{zgid}"):
		t.group, ok = group(n)
	case strings.Contains(c.path, "{accountId}"):
		t.user, ok = user(s.account[n])
	case strings.Contains(id, "@"):
		t.user, ok = byAddress(id)
	default:
		t.user, ok = user(n)
	}
	return ok
}

// matches reports whether a request has the call's method and shape, and the id
// in its path.
func (c call) matches(method string, segments []string) (id string, ok bool) {
	want := strings.Split(strings.Trim(c.path, "/"), "/")
	if method != c.method || len(want) != len(segments) {
		return "", false
	}
	for i := range want {
		switch {
		case want[i] == "{zoid}":
		case strings.HasPrefix(want[i], "{"):
			id = segments[i]
		case want[i] != segments[i]:
			return "", false
		}
	}
	return id, true
}

// ok is the envelope of §1.2. Writes often have no data.
func ok(data any) simhttp.Answer { return success(http.StatusOK, data) }

// created is the answer to a creation, whose status clients disagree on (§1.5).
func (s *Server) created(data any) simhttp.Answer {
	return success(max(s.quirks.Created, http.StatusOK), data)
}

func success(status int, data any) simhttp.Answer {
	envelope := map[string]any{"status": map[string]any{"code": status, "description": "success"}}
	if data != nil {
		envelope["data"] = data
	}
	return simhttp.Answer{Status: status, Body: encode(envelope)}
}

// fail is an error of §1.2, with its text where the quirk says.
func (s *Server) fail(status int, text string) simhttp.Answer {
	where := s.quirks.ErrorsIn
	if where == "empty" {
		return simhttp.Answer{Status: status}
	}
	description := http.StatusText(status)
	if status == http.StatusNotFound {
		description = "Invalid Input" // as a public client saw it
	}
	st, data := map[string]any{"code": status, "description": description}, map[string]any{}
	switch {
	case where == "message":
		st["message"] = text
	case slices.Contains(ErrorForms, where):
		data[where] = text
	default:
		data["moreInfo"] = text
	}
	return simhttp.Answer{Status: status, Body: encode(map[string]any{"status": st, "data": data})}
}

// parse reads a JSON object; nothing is an object without fields.
func parse(data []byte) (body, error) {
	if len(data) == 0 {
		return body{}, nil
	}
	out := body{}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	return out, decoder.Decode(&out)
}

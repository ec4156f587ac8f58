package zohosim

import (
	"net/http"

	"mailops/reconcile/simhttp"
)

// A toggle is a setting that is on or off. Of some, true is what is allowed; of
// others, what is blocked (§1.6).
type toggle struct {
	key   string
	field func(*User) *bool
}

var toggles = map[string]toggle{
	"updateIMAPStatus":       {"imapAccessEnabled", func(u *User) *bool { return &u.IMAP }},
	"updatePOPStatus":        {"popAccessEnabled", func(u *User) *bool { return &u.POP }},
	"updateMobileSyncStatus": {"activeSyncEnabled", func(u *User) *bool { return &u.ActiveSync }},
	"updateIncomingStatus":   {"incomingBlocked", func(u *User) *bool { return &u.IncomingBlocked }},
	"updateOutgoingStatus":   {"outgoingBlocked", func(u *User) *bool { return &u.OutgoingBlocked }},
	"deleteZohoMailCopy":     {"deleteCopy", func(u *User) *bool { return &u.DeleteCopy }},
}

// toggle answers PUT …/accounts/{accountId} with one of the modes above (§1.6):
// one setting per request.
func (s *Server) toggle(t *turn) simhttp.Answer {
	setting := toggles[t.mode]
	value, okValue := s.flag(t.body, setting.key)
	if !okValue {
		return s.fail(http.StatusBadRequest, "simulator: "+setting.key+" is no boolean")
	}
	u := t.user
	field := setting.field(&u)
	if *field == value && s.quirks.Already != "" {
		return s.already(value)
	}
	t.set(u, setting.key, *field, value)
	*field = value
	s.save(t.now, u)
	return ok(nil)
}

// already is the error that public clients saw when something was asked for
// twice (§1.2).
func (s *Server) already(on bool) simhttp.Answer {
	texts := [2]string{"NOT ENABLED", "ALREADY ENABLED"}
	if s.quirks.Already == "underscores" {
		texts = [2]string{"ALREADY DISABLED", "ALREADY_ENABLED"}
	}
	if on {
		return s.fail(http.StatusBadRequest, texts[1])
	}
	return s.fail(http.StatusBadRequest, texts[0])
}

// mailAccount answers the modes enableMailAccount and disableMailAccount. They
// are said to work only on accounts other than a user's own, of which there are
// none here (§1.6).
func (s *Server) mailAccount(*turn) simhttp.Answer {
	return s.fail(http.StatusBadRequest, "OPERATION_NOT_PERMITTED")
}

// enableUser answers PUT …/accounts/{accountId}, mode enableUser (§1.6).
func (s *Server) enableUser(t *turn) simhttp.Answer {
	unblock, okValue := s.flag(t.body, "unblockIncoming")
	if !okValue {
		return s.fail(http.StatusBadRequest, "simulator: unblockIncoming is no boolean")
	}
	u := t.user
	if !u.Disabled && s.quirks.Already != "" {
		return s.already(true)
	}
	t.set(u, "disabled", u.Disabled, false)
	u.Disabled = false
	if unblock {
		t.set(u, "incomingBlocked", u.IncomingBlocked, false)
		u.IncomingBlocked = false
	}
	s.save(t.now, u)
	return ok(nil)
}

// disableUser answers PUT …/accounts/{accountId}, mode disableUser, with its four
// optional flags (§1.6). The key is removeMailforward, with a small f.
func (s *Server) disableUser(t *turn) simhttp.Answer {
	flags := make(map[string]bool)
	for _, key := range []string{"blockIncoming", "removeMailforward", "removeGroupMembership", "removeAlias"} {
		value, okValue := s.flag(t.body, key)
		if !okValue {
			return s.fail(http.StatusBadRequest, "simulator: "+key+" is no boolean")
		}
		flags[key] = value
	}
	u := t.user
	if u.Disabled && s.quirks.Already != "" {
		return s.already(false)
	}
	t.set(u, "disabled", u.Disabled, true)
	u.Disabled = true
	if flags["blockIncoming"] {
		t.set(u, "incomingBlocked", u.IncomingBlocked, true)
		u.IncomingBlocked = true
	}
	if flags["removeMailforward"] && len(u.Forwards) > 0 {
		t.changed("%s: forwards removed", u.Address)
		u.Forwards = nil
	}
	if flags["removeAlias"] && len(u.Aliases) > 0 {
		t.changed("%s: aliases removed", u.Address)
		u.Aliases = nil
	}
	if flags["removeGroupMembership"] {
		s.leaveGroups(t.now, t.user)
		t.changed("%s: left all groups", u.Address)
	}
	s.save(t.now, u)
	return ok(nil)
}

// rename answers PUT …/accounts/{accountId}, mode updatePersonalInfo, which one
// public client sends (§1.6).
func (s *Server) rename(t *turn) simhttp.Answer {
	name, okName := t.body.text("displayName")
	if !okName {
		return s.fail(http.StatusBadRequest, "simulator: displayName is a text")
	}
	u := t.user
	t.set(u, "displayName", u.DisplayName, name)
	if name != u.DisplayName {
		u.former, u.renamed = u.DisplayName, t.now
		delete(s.looks, u.ZUID)
	}
	u.DisplayName = name
	s.save(t.now, u)
	return ok(nil)
}

package zohosim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mailops/reconcile/simhttp"
)

// target is the address that a call's mailForward names, and the key beside it:
// a list of objects in the documentation, a plain text in a client that was
// tested against the service (§1.6). A quirk says which is accepted.
func (s *Server) target(b body) (to, key string, okForm bool) {
	if to, plain := b["mailForward"].(string); plain {
		return to, "", s.quirks.ForwardForm != "list" && strings.Contains(to, "@")
	}
	list, okList := b.objects("mailForward")
	if !okList || len(list) != 1 || s.quirks.ForwardForm == "string" {
		return "", "", false
	}
	to, _ = list[0].text("mailForwardTo")
	key, _ = list[0].text("confirmKey")
	return to, key, strings.Contains(to, "@")
}

// badForward is the error of a mailForward that cannot be read.
func (s *Server) badForward() simhttp.Answer {
	return s.fail(http.StatusBadRequest, "simulator: mailForward is not of the form that is accepted")
}

// addForward answers mode addMailForward (§1.6). One to an address outside the
// organization waits until its owner confirms it.
func (s *Server) addForward(t *turn) simhttp.Answer {
	to, _, okForm := s.target(t.body)
	if !okForm {
		return s.badForward()
	}
	u := t.user
	if slices.ContainsFunc(u.Forwards, func(f Forward) bool { return f.To == to }) {
		if s.quirks.Already != "" {
			return s.already(true)
		}
		return ok(nil)
	}
	f := Forward{To: to}
	if _, domain, _ := strings.Cut(to, "@"); !slices.Contains(s.options.Domains, domain) {
		f.Unverified, f.Key = true, fmt.Sprintf("confirm-%d", s.next())
	}
	u.Forwards = append(slices.Clone(u.Forwards), f)
	s.save(t.now, u)
	t.changed("%s: forward to %s added", u.Address, to)
	return ok(nil)
}

// changeForward answers the modes verifyMailForward, enableMailForward,
// disableMailForward and resendMailForwardVerficationMail (§1.6).
func (s *Server) changeForward(t *turn) simhttp.Answer {
	to, key, okForm := s.target(t.body)
	if !okForm {
		return s.badForward()
	}
	u := t.user
	i := slices.IndexFunc(u.Forwards, func(f Forward) bool { return f.To == to })
	if i < 0 {
		return s.fail(http.StatusBadRequest, "simulator: "+u.Address+" is not forwarded to "+to)
	}
	f := u.Forwards[i]
	switch t.mode {
	case "verifyMailForward":
		if f.Unverified && key != f.Key {
			return s.fail(http.StatusBadRequest, "simulator: confirmKey is not what was sent to "+to)
		}
		f.Unverified, f.Key = false, ""
	case "enableMailForward", "disableMailForward":
		off := t.mode == "disableMailForward"
		if f.Off == off && s.quirks.Already != "" {
			return s.already(!off)
		}
		f.Off = off
	}
	if f != u.Forwards[i] {
		t.changed("%s: forward to %s: %s", u.Address, to, t.mode)
	}
	u.Forwards = slices.Clone(u.Forwards)
	u.Forwards[i] = f
	s.save(t.now, u)
	return ok(nil)
}

// deleteForward answers mode deleteMailForward (§1.6).
func (s *Server) deleteForward(t *turn) simhttp.Answer {
	to, _, okForm := s.target(t.body)
	if !okForm {
		return s.badForward()
	}
	u := t.user
	left := slices.DeleteFunc(slices.Clone(u.Forwards), func(f Forward) bool { return f.To == to })
	if len(left) == len(u.Forwards) {
		return s.fail(http.StatusBadRequest, "simulator: "+u.Address+" is not forwarded to "+to)
	}
	u.Forwards = left
	s.save(t.now, u)
	t.changed("%s: forward to %s deleted", u.Address, to)
	return ok(nil)
}

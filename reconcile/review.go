package reconcile

import (
	"fmt"

	"mailops/schema"
)

// Review lists what two wants have different and no plan shows: keys that sign in
// somebody's name, and values that nothing comes of, since mailops leaves the field
// alone. from knows where values come from; nil: nobody does.
func Review(was, will schema.State, org schema.Organization, from Provenance) []Finding {
	var out []Finding
	var leave []schema.Field
	for _, f := range schema.Fields(schema.KindUser) {
		if unmanaged(f.Path, org.Unmanaged) {
			leave = append(leave, f)
		}
	}
	set := make(map[string][]schema.Key)
	for _, r := range will {
		var before schema.Resource
		if before, was = was.Next(r); before == r {
			continue
		}
		u, ok := r.(*schema.User)
		if !ok {
			continue
		}
		old, _ := before.(*schema.User)
		if keys := newKeys(old, u); keys > 0 {
			out = append(out, Loosening(u.Key(), "commits count as those of "+who(u)+" that are signed with "+number(keys, "new key", "new keys")+oldKeys(old, u), settingAt(from, u.Key(), "signingKeys")))
		}
		for _, f := range leave {
			if old != nil && !f.Equal(old, u) {
				set[f.Path] = append(set[f.Path], u.Key())
			}
		}
	}
	for _, path := range sortedKeys(set) {
		out = append(out, unheeded(path, set[path], from))
	}
	return out
}

// number is a number of things.
func number(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", more)
}

// newKeys is how many signing keys somebody gets.
func newKeys(was, will *schema.User) int {
	if was == nil {
		return len(will.SigningKeys)
	}
	return len(without(will.SigningKeys, was.SigningKeys))
}

// oldKeys says that somebody's keys before count no longer.
func oldKeys(was, will *schema.User) string {
	if was == nil {
		return ""
	}
	switch gone := len(without(was.SigningKeys, will.SigningKeys)); {
	case gone == 0:
		return ""
	case gone == 1:
		return ", and no longer with 1 old one"
	default:
		return fmt.Sprintf(", and no longer with %d old ones", gone)
	}
}

// unheeded says that nothing comes of a value that is declared.
func unheeded(path string, of []schema.Key, from Provenance) Finding {
	users := make([]schema.Address, len(of))
	for i, k := range of {
		users[i] = k.Address()
	}
	return Finding{Rule: "field-unmanaged", Severity: Info, Keys: of, Origin: settingAt(from, of[0], path),
		Text: fmt.Sprintf("%s of %s is declared anew, and nothing comes of it: the organization leaves it alone (`unmanaged`)", path, some(users))}
}

// Moved parts drift from what a later commit did: tip is what that asks for, and
// what is live as it asks is nobody's doing by hand.
func Moved(drift []Held, live, tip schema.State) (still, moved []Held) {
	for _, h := range drift {
		is := tip.Find(h.Key)
		ours, theirs := h, h
		ours.Fields, theirs.Fields = nil, nil
		switch {
		case h.Op == OpUpdate && is != nil:
			for _, f := range h.Fields {
				field, ok := schema.FieldAt(h.Kind, f.Path)
				if ok && field.Get(is) == f.Before {
					theirs.Fields = append(theirs.Fields, f)
				} else {
					ours.Fields = append(ours.Fields, f)
				}
			}
		case h.Op == OpCreate && is == nil, h.Op == OpDelete && is != nil:
			theirs.Fields = h.Fields
		default:
			ours.Fields = h.Fields
		}
		if len(theirs.Fields) > 0 {
			moved = append(moved, theirs)
		}
		if len(ours.Fields) > 0 {
			still = append(still, ours)
		}
		if c, differs := h.edited(live.Find(h.Key), is); differs {
			still = append(still, Held{Change: c, Why: h.Why})
		}
	}
	return still, moved
}

// edited is what somebody changed of a resource that a later commit brings.
func (h *Held) edited(live, tip schema.Resource) (Change, bool) {
	if h.Op != OpDelete || live == nil || tip == nil {
		return Change{}, false
	}
	return update(live, tip)
}

package reconcile

import (
	"strings"

	"mailops/schema"
)

// The effects of this file are about domains, lists, and what the live store has
// that nobody asked for.

// domain says when a domain is lost, and where mail to its unknown addresses goes.
func (e *effects) domain(c *Change) {
	if c.Op == OpDelete {
		e.say(Severe, "domain-lost", c.Key, "%s is no longer a domain of the organization: all its mail is refused", c.Name)
		return
	}
	was, will := catchAll(e.before.Find(c.Key)), catchAll(e.after.Find(c.Key))
	switch {
	case was == will:
	case will == "":
		e.say(Warning, "catch-all-lost", c.Key, "mail to unknown addresses of %s is refused; %s got it", c.Name, was)
	case !e.will.IsOurs(will):
		e.say(Warning, "forward-outside", c.Key, "mail to unknown addresses of %s goes out of the organization, to %s", c.Name, will)
	case c.Op == OpUpdate: // of a new domain it is no change
		e.say(Warning, "catch-all-set", c.Key, "mail to unknown addresses of %s goes to %s", c.Name, will)
	}
}

func catchAll(r schema.Resource) schema.Address {
	d, ok := r.(*schema.Domain)
	if !ok {
		return ""
	}
	return d.CatchAll
}

// posting says when others may write to a list.
func (e *effects) posting(c *Change) {
	was, ok := e.before.Find(c.Key).(*schema.List)
	will, still := e.after.Find(c.Key).(*schema.List)
	if !ok || !still || was.Posting == will.Posting {
		return
	}
	allowed := map[string]string{schema.PostingMembers: "its members", schema.PostingOrganization: "people of the organization", schema.PostingAnyone: "anyone"}
	if before, after := allowed[was.Posting], allowed[will.Posting]; will.Posting == schema.PostingAnyone || was.Posting == schema.PostingMembers {
		e.say(Warning, "posting-widened", c.Key, "%s can write to %s, and not only %s", after, c.Name, before)
	} else {
		e.say(Info, "posting-narrowed", c.Key, "only %s can write to %s, and no longer %s", after, c.Name, before)
	}
}

// byHand says when a change overwrites what somebody else has set: a reviewer
// sees what is live and what will be, and expects the first to be what was asked for.
func (e *effects) byHand(c *Change) {
	if e.in.Base == nil || c.Op != OpUpdate {
		return
	}
	was := e.in.Base.Find(c.Key)
	if was == nil {
		return
	}
	var told []string
	for _, f := range c.Fields {
		field, ok := schema.FieldAt(c.Kind, f.Path)
		if !ok || f.Drift {
			continue
		}
		if asked := field.Get(was); asked != f.Before && asked != f.After && !(f.Path == "password" && asked == "") {
			told = append(told, f.Path+overwritten(f, asked))
		}
	}
	if len(told) > 0 {
		e.say(Warning, "by-hand", c.Key, "%s is not as it was asked to be, and this overwrites it: %s", c.Name, strings.Join(told, "; "))
	}
}

// overwritten shows a value that nobody asked for, where it is one to be shown.
func overwritten(f FieldChange, asked schema.Value) string {
	if f.Path == "password" || strings.HasPrefix(string(asked+f.Before), "{") {
		return ""
	}
	return " is " + f.Before.Text() + ", and " + asked.Text() + " was asked for"
}

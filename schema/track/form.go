package track

import (
	"maps"
	"slices"
	"time"

	"mailops/schema"
	"mailops/schema/resolve"
)

// The form of a want on disk: what is coded of each thing, in which order. A test
// holds that no field of a resource is left out. Whoever changes the form changes
// formName with it.

// placed codes a resource with its version and its file, and returns the number
// of the file among those of the section.
func (c *coder) placed(r schema.Resource, version *[16]byte, file *string) int {
	c.bytes(version[:])
	n := named(c, &c.files, file)
	c.resource(r)
	return n
}

// resource codes a resource, when reading into an empty one of its kind.
func (c *coder) resource(r schema.Resource) {
	switch r := r.(type) {
	case *schema.Domain:
		text(c, &r.Name)
		word(c, &r.APIVersion)
		word(c, &r.Kind)
		text(c, &r.CatchAll)
		word(c, &r.Timezone)
	case *schema.User:
		c.user(r)
	case *schema.Alias:
		text(c, &r.Address)
		word(c, &r.APIVersion)
		word(c, &r.Kind)
		some(c, &r.To, &c.addresses, text)
	case *schema.List:
		text(c, &r.Address)
		word(c, &r.APIVersion)
		word(c, &r.Kind)
		some(c, &r.Members, &c.addresses, text)
		word(c, &r.Posting)
	}
}

func (c *coder) user(u *schema.User) {
	text(c, &u.Address)
	text(c, &u.Name)
	text(c, &u.Password)
	word(c, &u.APIVersion)
	word(c, &u.Kind)
	word(c, &u.RenamedFrom)
	list(c, &u.Profiles)
	c.settings(&u.Settings)
	list(c, &u.SigningKeys)
	maybe(c, &u.TravelMode, func(c *coder, t *schema.TravelMode) { word(c, &t.Until) })
	each(c, &u.Schedule, func(c *coder, e *schema.ScheduleEntry) {
		word(c, &e.From)
		word(c, &e.Until)
		word(c, &e.Reason)
		c.settings(&e.Set)
	})
}

func (c *coder) settings(s *schema.Settings) {
	word(c, &s.Role)
	word(c, &s.Status)
	word(c, &s.AccountType)
	integer(c, &s.Quota)
	word(c, &s.Language)
	word(c, &s.Timezone)
	some(c, &s.Forwarding.To, &c.addresses, text)
	p, m := &s.Permissions, &s.MailboxActions
	f, v := &p.Features, &p.Services
	c.flags(&s.Forwarding.KeepCopy, &p.OnlyLocalSMTP,
		&m.Incoming, &m.Outgoing, &m.SpamCheck, &m.IMAP, &m.POP, &m.ActiveSync,
		&f.Autoresponder, &f.Forwarding, &f.Filters, &f.AllowBlockList, &f.SharedFolders, &f.ChangePassword,
		&v.Webmail, &v.SMTP, &v.ManageSieve)
	c.accessHours(&p.AccessHours)
	some(c, &p.SendAs, &c.addresses, text)
	list(c, &p.TrustedNetworks)
	word(c, &s.MailAddOn.Backup)
	word(c, &s.Lock.MailAddOn)
}

// accessHours codes the hours of a week. Many users have the same ones.
func (c *coder) accessHours(p **schema.AccessHours) {
	n, fresh := c.hours.next(c, *p)
	switch {
	case fresh:
		maybe(c, p, week)
		c.hours.known = append(c.hours.known, *p)
	case c.reads && !c.failed:
		*p = c.hours.known[n]
	}
}

func week(c *coder, h *schema.AccessHours) {
	word(c, &h.Timezone)
	for _, day := range h.Days() {
		each(c, day, func(c *coder, h *schema.Hours) {
			integer(c, &h.Start)
			integer(c, &h.End)
		})
	}
}

// rest codes what a want holds beside its resources and times.
func (c *coder) rest(w *Want) {
	each(c, &w.shared.All, func(c *coder, d *schema.Declaration) {
		word(c, &d.Kind)
		text(c, &d.Name)
		word(c, &d.File)
		c.node(&d.Body, maxDepth)
	})
	c.defaults(&w.shared.Defaults)
	each(c, &w.shared.Policies, func(c *coder, s *schema.Source) {
		text(c, &s.File)
		text(c, &s.Text)
	})
	each(c, &w.Unset, func(c *coder, u *resolve.Unset) {
		text(c, &u.Address)
		word(c, &u.Variable)
	})
	c.flags(&w.doubts.exotic, &w.doubts.forwards)
	c.set(&w.doubts.hidden)
}

// maxDepth is more than the depth of any document that is read.
const maxDepth = 64

func (c *coder) node(n *schema.Node, depth int) {
	if integer(c, &n.Kind); n.Kind > schema.Mapping || depth == 0 {
		c.fail()
		return
	}
	word(c, &n.Key)
	text(c, &n.Text)
	for _, at := range []*int32{&n.KeyLine, &n.KeyColumn, &n.Line, &n.Column} {
		integer(c, at)
	}
	each(c, &n.Items, func(c *coder, item *schema.Node) { c.node(item, depth-1) })
}

// defaults codes what the law gives to each kind.
func (c *coder) defaults(of *map[schema.Kind]*schema.Node) {
	kinds := slices.Sorted(maps.Keys(*of))
	each(c, &kinds, word)
	if c.reads {
		*of = make(map[schema.Kind]*schema.Node, len(kinds))
	}
	for _, kind := range kinds {
		if c.reads {
			(*of)[kind] = new(schema.Node)
		}
		c.node((*of)[kind], maxDepth)
	}
}

// set codes texts in order, so that equal sets are equal bytes.
func (c *coder) set(of *map[string]bool) {
	texts := slices.Sorted(maps.Keys(*of))
	each(c, &texts, text)
	if !c.reads {
		return
	}
	*of = make(map[string]bool, len(texts))
	for _, t := range texts {
		(*of)[t] = true
	}
}

// timed codes what changes by itself.
func (c *coder) timed(w *Want) {
	var all []resolve.Transition
	for _, user := range slices.Sorted(maps.Keys(w.Timed)) {
		all = append(all, w.Timed[user])
	}
	each(c, &all, func(c *coder, t *resolve.Transition) {
		text(c, &t.User)
		c.instant(&t.At)
		word(c, &t.Reason)
	})
	if !c.reads {
		return
	}
	w.Timed = make(map[schema.Address]resolve.Transition, len(all))
	for _, t := range all {
		w.Timed[t.User] = t
	}
}

// instant codes a time, and not the zone that it was said in.
func (c *coder) instant(t *time.Time) {
	seconds, nanoseconds := t.Unix(), int64(t.Nanosecond())
	integer(c, &seconds)
	integer(c, &nanoseconds)
	if c.reads {
		*t = time.Unix(seconds, nanoseconds).UTC()
	}
}

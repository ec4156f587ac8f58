package preview

import (
	"cmp"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// renamed are the addresses of users whose mailboxes go on under another one.
func (v *View) renamed() map[string]bool {
	gone := make(map[string]bool)
	for i := range v.Changes {
		if c := &v.Changes[i]; c.Op == reconcile.OpDelete && c.Kind == schema.KindUser {
			gone[c.Name] = true
		}
	}
	out := make(map[string]bool)
	for i := range v.Changes {
		if c := &v.Changes[i]; c.Op == reconcile.OpCreate && gone[string(c.From)] {
			out[string(c.From)] = true
		}
	}
	return out
}

// groups puts resources together to which the same happens: a profile that
// reaches everybody is one group, and a person with changes of their own is another.
func (v *View) groups() []group {
	index, moved := make(map[string]int), v.renamed()
	var out []group
	for i := range v.Changes {
		c := &v.Changes[i]
		if c.Kind == schema.KindUser && c.Op == reconcile.OpDelete && moved[c.Name] {
			continue // told where the mailbox goes on
		}
		fields := v.fields(c)
		op := string(c.Op)
		if c.Op == reconcile.OpCreate && moved[string(c.From)] {
			op = opRenamed
		}
		key := op + "\x00" + string(c.Kind)
		for _, f := range fields {
			key += "\x00" + f.Path + "\x00" + f.Before + "\x00" + f.After
		}
		at, known := index[key]
		if !known {
			at = len(out)
			index[key] = at
			out = append(out, group{Title: op + "\x00" + string(c.Kind), Fields: fields})
		}
		who := v.who(c)
		if op == opRenamed {
			who = string(c.From) + " → " + who + ", with the mailbox"
		}
		out[at].Who = append(out[at].Who, who)
	}
	for i := range out {
		op, kind, _ := strings.Cut(out[i].Title, "\x00")
		words := kindWords[schema.Kind(kind)]
		out[i].Title = opWords[reconcile.Op(op)] + " " + many(len(out[i].Who), words[0], words[1])
		if len(out[i].Who) == 1 {
			out[i].Title = opWords[reconcile.Op(op)] + " " + out[i].Who[0]
		} else {
			for j := range out[i].Fields {
				out[i].Fields[j].Place = shared(out[i].Fields[j].Place)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(len(b.Who), len(a.Who)) })
	return out
}

// shared is a place that holds for many: a line of their own is only the first's.
func shared(place string) string {
	if strings.Contains(place, "(") {
		return place
	}
	return ""
}

// opRenamed is a create that takes over a mailbox.
const opRenamed = "renamed"

var opWords = map[reconcile.Op]string{opRenamed: "Renamed:", reconcile.OpCreate: "New:", reconcile.OpUpdate: "Changed:", reconcile.OpDelete: "Deleted:"}

// fields are those that a preview shows of a change: of what comes, those that
// say something of their own, of what goes, none, unless all are asked for.
func (v *View) fields(c *reconcile.Change) []field {
	var out []field
	for _, f := range c.Fields {
		own := f.Origin != nil && f.Origin.Via != "default"
		if !v.Full && (c.Op == reconcile.OpDelete || c.Op == reconcile.OpCreate && (!own || f.Path == "name")) {
			continue
		}
		before, after := SidesIn(v.Location, f)
		where := place(f.Origin)
		if f.Origin != nil && f.Origin.Via != "" {
			where = strings.TrimSpace(where + " (" + f.Origin.Via + ")")
		}
		out = append(out, field{f.Path, before, after, where})
	}
	return out
}

// who is a resource as people call it.
func (v *View) who(c *reconcile.Change) string {
	for _, s := range []schema.State{v.After, v.Before} {
		if u, ok := s.Find(c.Key).(*schema.User); ok && u.Name != "" {
			return Plain(u.Name + " <" + c.Name + ">")
		}
	}
	return Plain(c.Name)
}

package preview

import (
	"cmp"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A Group is all the resources to which the same happens.
type Group struct {
	Op     reconcile.Op
	Title  string
	Fields []Row
	Who    []string // as people call them; where the values are each their own, with these
	Keys   []schema.Key

	kind schema.Kind
}

// A Row is a field of a group: Before of what is new, and After of what is
// deleted, say nothing.
type Row struct{ Path, Before, After, Place string }

// opRenamed is a create that takes over a mailbox.
const opRenamed reconcile.Op = "renamed"

var opWords = map[reconcile.Op]string{opRenamed: "Renamed:", reconcile.OpCreate: "New:", reconcile.OpUpdate: "Changed:", reconcile.OpDelete: "Deleted:"}

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

// Groups puts resources together to which the same happens: a profile that
// reaches everybody is one group, and a person with changes of their own is another.
func (v *View) Groups() []Group {
	index := make(map[string]int)
	var out []Group
	for _, one := range v.singles() {
		key := one.shape()
		for _, f := range one.Fields {
			key += "\x00" + f.Before + "\x00" + f.After
		}
		at, known := index[key]
		if !known {
			index[key] = len(out)
			out = append(out, one)
			continue
		}
		out[at].add(one)
	}
	out = eachTheirOwn(out)
	for i := range out {
		out[i].Title = opWords[out[i].Op] + " " + out[i].Whom()
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(len(b.Who), len(a.Who)) })
	return out
}

// singles is each change as a group of its own.
func (v *View) singles() []Group {
	moved := v.renamed()
	out := make([]Group, 0, len(v.Changes))
	for i := range v.Changes {
		c := &v.Changes[i]
		if c.Kind == schema.KindUser && c.Op == reconcile.OpDelete && moved[c.Name] {
			continue // told where the mailbox goes on
		}
		g := Group{Op: c.Op, Fields: v.fields(c), Who: []string{v.whose(c)}, Keys: []schema.Key{c.Key}, kind: c.Kind}
		if c.Op == reconcile.OpCreate && moved[string(c.From)] {
			g.Op = opRenamed
			g.Who[0] = string(c.From) + " → " + g.Who[0] + ", with the mailbox"
		}
		out = append(out, g)
	}
	return out
}

// shape is what groups share that change the same fields.
func (g *Group) shape() string {
	shape := string(g.Op) + "\x00" + string(g.kind)
	for _, f := range g.Fields {
		shape += "\x00" + f.Path
	}
	return shape
}

// Whom says how many a group is, or who it is.
func (g *Group) Whom() string {
	if len(g.Who) == 1 {
		return g.Who[0]
	}
	words := kindWords[g.kind]
	return many(len(g.Who), words[0], words[1])
}

// add takes others in. A line of their own is only the first's.
func (g *Group) add(more Group) {
	for i := range g.Fields {
		g.Fields[i].Place = common(g.Fields[i].Place, more.Fields[i].Place)
	}
	g.Who, g.Keys = append(g.Who, more.Who...), append(g.Keys, more.Keys...)
}

// common is what two places have in common: the line, or the file that both are in.
func common(a, b string) string {
	file := func(place string) string {
		at := strings.LastIndexByte(place, ':')
		if at < 0 || strings.Trim(place[at+1:], "0123456789") != "" {
			return place
		}
		return place[:at]
	}
	switch {
	case a == b:
		return a
	case file(a) == file(b):
		return file(a)
	}
	return ""
}

// manyAlike is how many groups that change the same fields, each to values of its
// own, are shown one by one.
const manyAlike = 10

// eachTheirOwn puts groups together that change the same fields, where there are
// many of them: each of who is in them is told with what is their own.
func eachTheirOwn(groups []Group) []Group {
	alike := make(map[string][]Group)
	for i := range groups {
		alike[groups[i].shape()] = append(alike[groups[i].shape()], groups[i])
	}
	var out []Group
	done := make(map[string]bool)
	for _, g := range groups {
		shape := g.shape()
		switch {
		case len(alike[shape]) <= manyAlike || len(g.Fields) == 0:
			out = append(out, g)
		case !done[shape]:
			done[shape] = true
			out = append(out, merged(alike[shape]))
		}
	}
	return out
}

// merged is one group of many that change the same fields.
func merged(groups []Group) Group {
	out := groups[0]
	out.Fields, out.Who, out.Keys = slices.Clone(out.Fields), nil, nil
	own := make([]bool, len(out.Fields)) // fields of which the values differ
	for _, g := range groups[1:] {
		for i, f := range g.Fields {
			own[i] = own[i] || f.Before != groups[0].Fields[i].Before || f.After != groups[0].Fields[i].After
		}
	}
	for _, g := range groups {
		for i := range g.Who {
			g.Who[i] += ": " + g.values(own)
		}
		for i, f := range g.Fields {
			if f.Before != groups[0].Fields[i].Before {
				out.Fields[i].Before = theirOwn
			}
			if f.After != groups[0].Fields[i].After {
				out.Fields[i].After = theirOwn
			}
		}
		out.add(g)
	}
	return out
}

// theirOwn is the value of a field that is another one for each of a group.
const theirOwn = "(each their own)"

// values is what becomes of the first of some fields, in a line.
func (g *Group) values(of []bool) string {
	const shown = 3
	var parts []string
	for i, f := range g.Fields {
		switch {
		case !of[i]:
		case len(parts) == shown:
			return strings.Join(parts, ", ") + ", …"
		case g.Op == reconcile.OpUpdate:
			parts = append(parts, f.Path+" "+f.Before+" → "+f.After)
		default:
			parts = append(parts, f.Path+" "+cmp.Or(f.After, f.Before))
		}
	}
	return strings.Join(parts, ", ")
}

// Table is the fields of a group as rows below a head: without what something new
// was before, what something deleted is after, and places where there are none.
func (g *Group) Table() [][]string {
	if len(g.Fields) == 0 {
		return nil
	}
	was, will := g.Op == reconcile.OpUpdate || g.Op == reconcile.OpDelete, g.Op != reconcile.OpDelete
	placed := slices.ContainsFunc(g.Fields, func(f Row) bool { return f.Place != "" })
	row := func(path, before, after, place string) []string {
		out := []string{path}
		if was {
			out = append(out, before)
		}
		if will {
			out = append(out, after)
		}
		if placed {
			out = append(out, place)
		}
		return out
	}
	before, after := "before", "after"
	if !was || !will {
		before, after = "value", "value"
	}
	out := [][]string{row("field", before, after, "set in")}
	for _, f := range g.Fields {
		out = append(out, row(f.Path, f.Before, f.After, f.Place))
	}
	return out
}

// fields are those that a preview shows of a change: of what comes, those that
// say something of their own, of what goes, none, unless all are asked for.
func (v *View) fields(c *reconcile.Change) []Row {
	var out []Row
	for _, f := range c.Fields {
		own := f.Origin != nil && f.Origin.Via != "default"
		if !v.Full && (c.Op == reconcile.OpDelete || c.Op == reconcile.OpCreate && (!own || f.Path == "name")) {
			continue
		}
		before, after := SidesIn(v.Location, f)
		where := place(f.Origin, v.Folder)
		if f.Origin != nil && f.Origin.Via != "" {
			where = strings.TrimSpace(where + " (" + f.Origin.Via + ")")
		}
		row := Row{f.Path, before, after, where}
		switch c.Op {
		case reconcile.OpCreate:
			row.Before = ""
		case reconcile.OpDelete:
			row.After = ""
		}
		out = append(out, row)
	}
	return out
}

// whose is who changes, as people call them: somebody new by the name that they get.
func (v *View) whose(c *reconcile.Change) string {
	if f := c.Field("name"); c.Op == reconcile.OpCreate && f != nil && f.After != "" {
		return Plain(f.After.Text() + " <" + c.Name + ">")
	}
	return v.who(c.Key)
}

// who is a resource as people call it.
func (v *View) who(key schema.Key) string {
	for _, s := range []schema.State{v.After, v.Before} {
		if u, ok := s.Find(key).(*schema.User); ok && u.Name != "" {
			return Plain(u.Name + " <" + key.Name + ">")
		}
	}
	return Plain(key.Name)
}

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// pathWidth is how wide the column of field paths is: of updates, or in full.
func pathWidth(changes []reconcile.Change, full bool) int {
	width := 0
	for _, c := range changes {
		for _, f := range c.Fields {
			if full || c.Op == reconcile.OpUpdate {
				width = max(width, len(f.Path))
			}
		}
	}
	return width
}

var ops = map[reconcile.Op]struct{ mark, colour, past string }{
	reconcile.OpCreate: {"+", green, "created"},
	reconcile.OpUpdate: {"~", yellow, "updated"},
	reconcile.OpDelete: {"-", red, "deleted"},
}

// manyChanges is how many changes are shown one by one; of more, those that are
// alike are shown together.
const manyChanges = 50

func (a *app) printChanges(v planView) {
	width := pathWidth(v.Changes, v.Full)
	if len(v.Changes) <= manyChanges || v.Full {
		for i := range v.Changes {
			a.printChange(v, &v.Changes[i], width)
		}
		return
	}
	byKey := make(map[schema.Key]*reconcile.Change, len(v.Changes))
	for i := range v.Changes {
		byKey[v.Changes[i].Key] = &v.Changes[i]
	}
	for _, g := range v.Groups() {
		if len(g.Keys) > 1 {
			a.printGroup(g)
			continue
		}
		a.printChange(v, byKey[g.Keys[0]], width)
	}
}

// printGroup shows what happens alike to many.
func (a *app) printGroup(g preview.Group) {
	const named = 5
	op, known := ops[g.Op]
	if !known { // a rename
		op = ops[reconcile.OpUpdate]
		op.past = string(g.Op)
	}
	done := ""
	if g.Op != reconcile.OpUpdate {
		done = " " + op.past
	}
	fmt.Fprintf(a.out, "  %s %s%s\n", a.paint(a.out, op.colour, op.mark), g.Whom(), done)
	width := 0
	for _, f := range g.Fields {
		width = max(width, len(f.Path))
	}
	for _, f := range g.Fields {
		value := f.Before + f.After // of what comes or goes, one of them
		if g.Op == reconcile.OpUpdate {
			value = f.Before + " → " + f.After
		}
		place := ""
		if f.Place != "" {
			place = "   " + a.paint(a.out, dim, f.Place)
		}
		fmt.Fprintf(a.out, "      %s %s  %s%s\n", a.paint(a.out, op.colour, op.mark), pad(f.Path, width), value, place)
	}
	for _, who := range g.Who[:min(named, len(g.Who))] {
		fmt.Fprintf(a.out, "        %s\n", who)
	}
	if more := len(g.Who) - named; more > 0 {
		fmt.Fprintf(a.out, "        and %s more: --full shows each\n", preview.Number(more))
	}
}

func (a *app) printChange(v planView, c *reconcile.Change, width int) {
	op := ops[c.Op]
	fmt.Fprintf(a.out, "  %s %s\n", a.paint(a.out, op.colour, op.mark), preview.Plain(headline(v, c)))
	if c.Op != reconcile.OpUpdate && !v.Full {
		return
	}
	values := make([]string, len(c.Fields))
	valueWidth := 0
	for i, f := range c.Fields {
		values[i] = sides(c.Op, f)
		if n := utf8.RuneCountInString(values[i]); n <= narrow {
			valueWidth = max(valueWidth, n)
		}
	}
	for i, f := range c.Fields {
		line := fmt.Sprintf("      %s %s  %s%s", a.paint(a.out, op.colour, op.mark), pad(f.Path, width), pad(values[i], valueWidth), a.origin(f.Origin))
		fmt.Fprintln(a.out, strings.TrimRight(line, " "))
	}
}

// narrow is the width, in characters, up to which values stand in a column.
const narrow = 32

// sides prints what a field was and will be; only the one of them that there is
// when the resource comes or goes.
func sides(op reconcile.Op, f reconcile.FieldChange) string {
	before, after := preview.Sides(f)
	switch {
	case op == reconcile.OpCreate:
		return after
	case op == reconcile.OpDelete:
		return before
	case utf8.RuneCountInString(before) > narrow:
		return before + "\n          → " + after
	}
	return before + " → " + after
}

// origin says which line set a value.
func (a *app) origin(o *schema.Origin) string {
	if o == nil {
		return ""
	}
	at := fmt.Sprintf("%s:%d", o.File, o.Line)
	if o.Via == "default" { // of the law, which is in no file that a reader has
		at = "(default)"
	} else if o.Via != "" {
		at += " (" + o.Via + ")"
	}
	return "   " + a.paint(a.out, dim, at)
}

// headline names the resource, and says of one that comes or goes what it is.
func headline(v planView, c *reconcile.Change) string {
	name := c.Name
	if u, ok := v.Before.Find(c.Key).(*schema.User); ok && u.Name != "" {
		name += "  " + u.Name
	}
	if f := c.Field("name"); f != nil && f.After != "" && c.Op == reconcile.OpCreate {
		name += "  " + f.After.Text()
	}
	noun := map[schema.Kind]string{schema.KindDomain: "domain", schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}[c.Kind]
	switch c.Op {
	case reconcile.OpCreate:
		return fmt.Sprintf("%s: %s created%s", name, noun, digest(c))
	case reconcile.OpDelete:
		return fmt.Sprintf("%s: %s deleted", name, noun)
	}
	if c.Kind == schema.KindUser {
		return name
	}
	return name + "  " + noun
}

// digest says in a few words what a created resource is like.
func digest(c *reconcile.Change) string {
	var words []string
	add := func(path, format string) {
		if f := c.Field(path); f != nil {
			words = append(words, fmt.Sprintf(format, f.After.Text()))
		}
	}
	add("to", "to %s")
	add("posting", "posting by %s")
	if f := c.Field("members"); f != nil {
		words = append(words, count(len(f.After.Strings()), "member"))
	}
	if c.Kind == schema.KindUser {
		words = append(words, userWords(c)...)
	}
	add("catchAll", "catch-all to %s")
	if c.From != "" {
		words = append(words, "takes over the mailbox of "+string(c.From))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// userWords are what an administrator asks first about a new user: what it
// costs, how they get in, and what is unusual.
func userWords(c *reconcile.Change) []string {
	after := func(path string) string {
		if f := c.Field(path); f != nil {
			return f.After.Text()
		}
		return ""
	}
	words := []string{after("accountType")}
	if q := after("quota"); q != schema.Unlimited.String() {
		words = append(words, q)
	}
	for _, unusual := range []struct{ path, usual string }{{"role", schema.RoleMember}, {"status", schema.StatusActive}} {
		if v := after(unusual.path); v != unusual.usual {
			words = append(words, v)
		}
	}
	for _, way := range []struct{ path, word string }{
		{"mailboxActions.imap", "IMAP"}, {"mailboxActions.pop", "POP"}, {"mailboxActions.activeSync", "ActiveSync"},
	} {
		if after(way.path) == "on" {
			words = append(words, way.word)
		}
	}
	if after("lock.mailAddOn") == schema.Locked {
		words = append(words, "mail add-on locked")
	}
	return words
}

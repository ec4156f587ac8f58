package preview

import (
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// few is how many equal effects are told one by one.
const few = 3

// A meaning is what a preview tells in one line of what a plan means: an effect,
// or several that are one thing to a reader.
type meaning struct {
	reconcile.Effect        // the first
	ids              string // of those that one act has
	lines            int    // that cause it; Origin is the first
	files            int    // in which they are
}

// A likeness is what effects share that are told together: they say the same, of
// one kind of resource, because of one line.
type likeness struct {
	ids, before, after string
	severity           reconcile.Severity
	kind               schema.Kind
	place              string
}

// like takes out of a meaning whom it is about.
func (m *meaning) like() likeness {
	before, after, _ := strings.Cut(m.Text, m.Name)
	if strings.HasPrefix(after, " (") { // the name of a person may hold brackets
		depth := 0
		for i, r := range after {
			switch r {
			case '(':
				depth++
			case ')':
				depth--
			}
			if r == ')' && depth == 0 {
				after = after[i+1:]
				break
			}
		}
	}
	return likeness{m.ids, before, after, m.Severity, m.Kind, place(m.Origin, "")}
}

// anywhere is what is alike wherever it is caused.
func (l likeness) anywhere() likeness {
	l.place = ""
	return l
}

// Gather is effects as people are told of them: what one act does to somebody is
// one, and what happens alike to many as well.
func Gather(effects []reconcile.Effect) []reconcile.Effect {
	told := gather(effects)
	out := make([]reconcile.Effect, len(told))
	for i := range told {
		out[i] = told[i].Effect
	}
	return out
}

// gather puts together what is one thing to a reader: what one act does to
// somebody, and what happens alike to many, because of one line (a profile that
// reaches everybody) or of one each. The order stays.
func gather(effects []reconcile.Effect) []meaning {
	all := fold(effects)
	byLine, apart := make(map[likeness][]int), make(map[likeness][]int)
	for i := range all {
		key := all[i].like()
		byLine[key] = append(byLine[key], i)
	}
	for i := range all {
		if key := all[i].like(); len(byLine[key]) <= few {
			apart[key.anywhere()] = append(apart[key.anywhere()], i)
		}
	}
	var out []meaning
	for i := range all {
		key := all[i].like()
		alike := byLine[key]
		if len(alike) <= few {
			alike = apart[key.anywhere()]
		}
		switch {
		case len(alike) <= few:
			out = append(out, all[i])
		case alike[0] == i:
			out = append(out, together(all, alike, key))
		}
	}
	return out
}

// acts are effects of one resource that one act has together: the ids so far, how
// the text ends, the id that comes, and what the text goes on with.
var acts = []struct{ ids, ends, id, text string }{
	{"sign-in-lost", " sign in", "send-lost", " or send"},
	{"sign-in-lost", "", "mail-refused", "; mail to them is refused"},
	{"sign-in-lost send-lost", "", "mail-refused", "; mail to them is refused"},
	{"send-lost", "", "mail-refused", "; mail to them is refused"},
	{"mailbox-deleted", "", "mail-refused", ", and mail to them is refused"},
}

// fold makes one of what one act does to one resource.
func fold(effects []reconcile.Effect) []meaning {
	out := make([]meaning, 0, len(effects))
	for _, e := range effects {
		if len(out) == 0 || !out[len(out)-1].takes(e) {
			out = append(out, meaning{Effect: e, ids: e.ID})
		}
	}
	return out
}

// takes adds an effect to what is said of the same act; false: it is another one.
func (m *meaning) takes(e reconcile.Effect) bool {
	if m.Key != e.Key || m.Severity != e.Severity || place(m.Origin, "") != place(e.Origin, "") {
		return false
	}
	for _, act := range acts {
		if act.ids == m.ids && act.id == e.ID && strings.HasSuffix(m.Text, act.ends) {
			m.ids += " " + e.ID
			m.Text += act.text
			return true
		}
	}
	return false
}

// together tells what is alike once.
func together(all []meaning, alike []int, like likeness) meaning {
	out := all[alike[0]]
	who := make([]string, len(alike))
	var places, files []string
	for n, i := range alike {
		who[n] = all[i].Name
		o := all[i].Origin
		if place(o, "") == "" {
			continue
		}
		if len(places) == 0 {
			out.Origin = o
		}
		places, files = append(places, place(o, "")), append(files, o.File)
	}
	slices.Sort(places)
	slices.Sort(files)
	words := kindWords[out.Kind]
	out.Text = ofMany.Replace(like.before+many(len(who), words[0], words[1])+like.after) + ": " + firstOf(who)
	out.lines, out.files = len(slices.Compact(places)), len(slices.Compact(files))
	if out.files > 1 {
		out.Text += "; in " + many(out.files, "file", "files")
		if out.Origin.Via == reconcile.ViaBefore {
			out.Text += " " + reconcile.ViaBefore
		}
	}
	return out
}

// ofMany makes a sentence about one into one about many.
var ofMany = strings.NewReplacer("the mailbox of ", "the mailboxes of ", " is deleted with all its mail", " are deleted with all their mail",
	"the mail add-on of ", "the mail add-ons of ", " is locked", " are locked", " is unlocked", " are unlocked",
	" is no longer an administrator", " are no longer administrators", " becomes an administrator", " become administrators", " becomes a super administrator", " become super administrators",
	"the password of ", "the passwords of ", " is set: whoever has it can sign in", " are set: whoever has one can sign in", " is replaced: whoever has the new one", " are replaced: whoever has a new one",
	" travels ", " travel ", " has less room", " have less room")

// firstOf names the first of many.
func firstOf(names []string) string {
	const named = 5
	if more := len(names) - named; more > 1 { // one more takes no more room than its number
		return strings.Join(names[:named], ", ") + " and " + Number(more) + " more"
	}
	return and(names)
}

// where is the place that a meaning is told with: its line, or the file that all
// its lines are in.
func (m *meaning) where(folder string) string {
	switch {
	case m.files > 1:
		return "" // the text says so
	case m.lines <= 1:
		return place(m.Origin, folder)
	}
	at := *m.Origin
	at.Line = 0
	return place(&at, folder)
}

package preview

import (
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// few is how many equal effects are told one by one.
const few = 3

// A likeness is what effects share that are told together: they say the same, of
// one kind of resource, because of one line.
type likeness struct {
	id, before, after string
	kind              schema.Kind
	place             string
}

// like takes out of an effect whom it is about.
func like(e *reconcile.Effect) likeness {
	before, after, _ := strings.Cut(e.Text, e.Name)
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
	return likeness{e.ID, before, after, e.Kind, place(e.Origin)}
}

// gather puts effects together that say the same of several resources, because
// of the same line: a profile that reaches everybody is told once. The order stays.
func gather(all []reconcile.Effect) []reconcile.Effect {
	alike := make(map[likeness][]schema.Key)
	for i := range all {
		key := like(&all[i])
		alike[key] = append(alike[key], all[i].Key)
	}
	var out []reconcile.Effect
	for i := range all {
		e, key := all[i], like(&all[i])
		who := alike[key]
		if len(who) > few {
			if e.Key != who[0] {
				continue
			}
			e.Text = key.before + together(who) + key.after + ": " + firstOf(who)
		}
		out = append(out, e)
	}
	return out
}

// together is a number of resources in words.
func together(who []schema.Key) string {
	words := kindWords[who[0].Kind]
	return many(len(who), words[0], words[1])
}

// firstOf names the first of many.
func firstOf(who []schema.Key) string {
	const named = 5
	names := make([]string, 0, named)
	for _, k := range who[:min(named, len(who))] {
		names = append(names, k.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(who) - named; more > 0 {
		text += fmt.Sprintf(" and %s more", Number(more))
	}
	return text
}

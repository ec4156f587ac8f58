package load

import (
	"fmt"
	"slices"
	"strings"
)

// arrows shows a circle, and of a long one the beginning.
func arrows(loop []string) string {
	const most = 10
	shown := append(slices.Clone(loop[:min(most, len(loop))]), loop[0])
	if len(loop) > most {
		shown[most] = fmt.Sprintf("… (%d in all) → %s", len(loop), loop[0])
	}
	return strings.Join(shown, " → ")
}

// A step is where a walk through a graph stands.
type step struct {
	name  string
	next  int // which of its targets comes next
	found int // the nearest step before that lies on a circle; -1 for none
}

// loops returns circles of a graph, each from its smallest name on, in order. A
// circle that shares a name with one found before is left out: it shows once
// the other is mended, and a graph can have more circles than memory holds.
// Iterative, so that depth costs no stack; linear in names and targets.
func loops(next map[string][]string) [][]string {
	const done = -1
	var out [][]string
	place := make(map[string]int, len(next)) // on the trail, counted from 1; or done
	circle := make(map[string]bool)
	for _, start := range sortedKeys(next) {
		if place[start] != 0 {
			continue
		}
		place[start] = 1
		trail := []step{{name: start, found: -1}}
		for len(trail) > 0 {
			top := &trail[len(trail)-1]
			if top.next == len(next[top.name]) {
				place[top.name] = done
				trail = trail[:len(trail)-1]
				continue
			}
			to := next[top.name][top.next]
			top.next++
			found := top.found
			if circle[top.name] {
				found = len(trail) - 1
			}
			switch at := place[to]; {
			case at == 0 && next[to] != nil:
				place[to] = len(trail) + 1
				trail = append(trail, step{name: to, found: found})
			case at > 0 && found < at-1:
				var loop []string
				for _, s := range trail[at-1:] {
					circle[s.name] = true
					loop = append(loop, s.name)
				}
				out = append(out, fromSmallest(loop))
			}
		}
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

func fromSmallest(loop []string) []string {
	i := slices.Index(loop, slices.Min(loop))
	return append(slices.Clone(loop[i:]), loop[:i]...)
}

func sortedKeys(m map[string][]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

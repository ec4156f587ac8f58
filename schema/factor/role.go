package factor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mailops/schema"
)

// What makes a role worth its place. A reader who meets a name has to look it up,
// so that a role must spare clearly more than it costs, and there must be few.
const (
	maxRoles = 8  // of an organization
	few      = 3  // users, of whom no role is made
	commonly = 24 // how many of the commonest ways to differ are looked at
)

// A grouping is users by how they differ from what all have. Differences are
// numbers of settings, in order.
type grouping struct {
	settings []Setting // that enough users have to be a role's
	groups   []group
}

// A group is users who differ in the same way.
type group struct {
	differ []int
	users  []*schema.User
}

// grouped groups users by the settings in which they differ from base, but those
// that hardly anybody else has. A time zone is the domain's to give, not a role's.
func grouped(users []*schema.User, base *schema.User) *grouping {
	g := &grouping{groups: make([]group, len(users))}
	for i, u := range users {
		g.groups[i].users = []*schema.User{u}
	}
	for _, field := range schema.Fields(schema.KindUser) {
		if personal[field.Path] || field.Path == "timezone" {
			continue
		}
		having := make(map[schema.Value][]int)
		for i, u := range users {
			if !field.Equal(u, base) {
				value := field.Get(u)
				having[value] = append(having[value], i)
			}
		}
		for _, value := range slices.Sorted(maps.Keys(having)) {
			if len(having[value]) < few {
				continue
			}
			for _, i := range having[value] {
				g.groups[i].differ = append(g.groups[i].differ, len(g.settings))
			}
			g.settings = append(g.settings, Setting{field, value})
		}
	}
	g.merge()
	return g
}

// merge makes one group of those that differ in the same way.
func (g *grouping) merge() {
	at := make(map[string]int)
	var merged []group
	for _, one := range g.groups {
		key := fmt.Sprint(one.differ)
		i, known := at[key]
		if !known {
			at[key] = len(merged)
			merged = append(merged, one)
			continue
		}
		merged[i].users = append(merged[i].users, one.users...)
	}
	g.groups = merged
}

// best is the next role: the settings that spare most when a profile says them.
// nil is that none is clearly worth it.
func (g *grouping) best() []int {
	var best []int
	most := 0
	for _, shared := range g.candidates() {
		spares := g.spares(shared)
		if spares > most || spares > 0 && spares == most && slices.Compare(shared, best) < 0 {
			best, most = shared, spares
		}
	}
	return best
}

// spares is how many words a role spares: its users say its name instead of its
// settings, and it takes its own words, a kind, a name and a description. It is
// zero unless the users save twice what the role costs.
func (g *grouping) spares(shared []int) int {
	words, holders := 0, 0
	for _, s := range shared {
		words += g.settings[s].words()
	}
	for i := range g.groups {
		if includes(g.groups[i].differ, shared) {
			holders += len(g.groups[i].users)
		}
	}
	saved, cost := holders*(words-1), words+3
	if holders < few || saved < 2*cost {
		return 0
	}
	return saved - cost
}

// candidates are the commonest ways to differ, and what any two of them have in
// common.
func (g *grouping) candidates() [][]int {
	ways := slices.Clone(g.groups)
	slices.SortFunc(ways, func(a, b group) int {
		return cmp.Or(len(b.users)-len(a.users), slices.Compare(a.differ, b.differ))
	})
	var out [][]int
	for i, way := range ways[:min(len(ways), commonly)] {
		out = append(out, way.differ)
		for _, other := range ways[:i] {
			out = append(out, slices.DeleteFunc(slices.Clone(way.differ), func(s int) bool { return !slices.Contains(other.differ, s) }))
		}
	}
	slices.SortFunc(out, slices.Compare)
	return slices.CompactFunc(out, slices.Equal)
}

// take gives a role to all who have its settings, and returns them. They need not
// say these any more.
func (g *grouping) take(shared []int) []*schema.User {
	var out []*schema.User
	for i := range g.groups {
		group := &g.groups[i]
		if !includes(group.differ, shared) {
			continue
		}
		out = append(out, group.users...)
		group.differ = slices.DeleteFunc(slices.Clone(group.differ), func(s int) bool { return slices.Contains(shared, s) })
	}
	g.merge()
	return out
}

// includes reports whether all of part are in whole; both are in order.
func includes(whole, part []int) bool {
	for _, p := range part {
		i, found := slices.BinarySearch(whole, p)
		if !found {
			return false
		}
		whole = whole[i+1:]
	}
	return true
}

func (g *grouping) settingsOf(shared []int) []Setting {
	out := make([]Setting, len(shared))
	for i, s := range shared {
		out[i] = g.settings[s]
	}
	return out
}

// words is how much there is to read in the value.
func (s *Setting) words() int {
	n, d := 0, json.NewDecoder(strings.NewReader(string(s.Value)))
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		if _, bracket := token.(json.Delim); !bracket {
			n++
		}
	}
	return max(n, 1) // that there is none is said too
}

// role is a profile with a name made of its settings, for a person to replace by
// what its users do.
func (f *Factored) role(settings []Setting) Profile {
	const most = 3 // settings that a name is made of
	var names []string
	for _, s := range settings {
		names = append(names, s.name())
	}
	if len(names) > most {
		names = append(names[:most-1], fmt.Sprintf("and-%d-more", len(settings)-most+1))
	}
	name := strings.Join(names, "-")
	for n := 2; slices.ContainsFunc(f.Profiles, func(p Profile) bool { return p.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", strings.Join(names, "-"), n)
	}
	return Profile{Name: name, Settings: settings}
}

// name is the setting in a word that a profile's name can be made of. Of values
// it tells those alone that the law lists, and amounts.
func (s *Setting) name() string {
	leaf := s.Path[strings.LastIndexByte(s.Path, '.')+1:]
	switch s.Path {
	case "accountType", "quota":
		return s.Value.Text()
	case "lock.mailAddOn":
		return s.Value.Text()
	case "mailAddOn.backup":
		leaf = "backup"
	}
	if text := s.Value.Text(); text == "off" || text == "none" {
		return "no-" + leaf
	}
	return leaf
}

package resolve

import (
	"fmt"
	"slices"

	"mailops/schema"
)

// A Loosening is something that declarations hold people to less than others did.
type Loosening struct {
	Text string
	Pos  schema.Pos
	Gone bool // Pos is in the declarations before: it has no line any more
}

// Loosened lists what a want's policies and enforced profiles hold people to less
// than those of another one did. A policy is a program: of one that is changed,
// nobody can say which way.
func Loosened(was, is *Want) []Loosening {
	var out []Loosening
	for _, p := range was.r.decls.Policies {
		i := slices.IndexFunc(is.r.decls.Policies, func(q schema.Source) bool { return q.File == p.File })
		switch {
		case i < 0:
			out = append(out, Loosening{"the policy " + p.File + " is gone", schema.Pos{File: p.File, Line: 1, Column: 1}, true})
		case is.r.decls.Policies[i].Text != p.Text:
			out = append(out, Loosening{"the policy " + p.File + " is changed: read what it says now", schema.Pos{File: p.File, Line: 1, Column: 1}, false})
		}
	}
	for i := range was.r.decls.All {
		if d := &was.r.decls.All[i]; d.Kind == schema.KindProfile && enforces(d) {
			out = append(out, loosenedProfile(d, is.r.profiles[d.Name])...)
		}
	}
	return append(out, loosenedDefaults(was, is)...)
}

func enforces(d *schema.Declaration) bool { return text(d.Body.Get("enforced")) == "true" }

// loosenedProfile compares a profile that is enforced with what has become of it.
func loosenedProfile(was, is *schema.Declaration) []Loosening {
	switch {
	case is == nil:
		return []Loosening{{"the profile " + was.Name + ", which is enforced, is gone", was.Pos(nil), true}}
	case !enforces(is):
		return []Loosening{{"the profile " + was.Name + " is no longer enforced", is.Pos(is.Body.Get("enforced")), false}}
	}
	var out []Loosening
	leaves(&was.Body, "", func(leaf *schema.Node, path string) {
		switch now := is.Body.At(path); {
		case !isSetting(path):
		case now == nil:
			out = append(out, Loosening{fmt.Sprintf("the profile %s no longer enforces %s %s", was.Name, path, show(leaf)), is.Pos(nil), false})
		case looser(path, leaf, now):
			out = append(out, Loosening{fmt.Sprintf("the profile %s enforces less: %s %s → %s", was.Name, path, show(leaf), show(now)), is.ValuePos(now), false})
		}
	})
	return out
}

// isSetting reports whether a field of a profile is one that users inherit.
func isSetting(path string) bool {
	return !slices.Contains([]string{"apiVersion", "kind", "name", "description", "profiles", "enforced"}, path)
}

// loosenedDefaults says which enforced profiles no longer are everybody's.
func loosenedDefaults(was, is *Want) []Loosening {
	var out []Loosening
	for _, name := range was.Organization.Defaults.Profiles {
		d := was.r.profiles[name]
		if d == nil || !enforces(d) || is.r.profiles[name] == nil || slices.Contains(is.Organization.Defaults.Profiles, name) {
			continue
		}
		l := Loosening{Text: "the profile " + name + ", which is enforced, is no longer one of everybody"}
		if is.r.org != nil {
			l.Pos = is.r.org.Pos(is.r.org.Body.Get("defaults"))
		}
		out = append(out, l)
	}
	return out
}

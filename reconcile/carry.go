package reconcile

import (
	"fmt"
	"maps"
	"strings"

	"mailops/schema"
)

// Carry returns the rows that changes leave, or why no store carries them out: some
// do not fit, or are a *[ConflictError] with the rows as they are. It leaves rows as
// they are.
func Carry(rows map[schema.Key]schema.Resource, changes []Change) (map[schema.Key]schema.Resource, error) {
	next, seen := maps.Clone(rows), make(map[schema.Key]bool)
	if next == nil {
		next = make(map[schema.Key]schema.Resource)
	}
	for i := range changes {
		c := &changes[i]
		if err := checkKey(c.Key); err != nil {
			return nil, err
		}
		if seen[c.Key] {
			return nil, fmt.Errorf("the batch changes %s twice", c.Key)
		}
		seen[c.Key] = true
		after, err := c.leaves(rows[c.Key])
		if err != nil {
			return nil, err
		}
		next[c.Key] = after
		if after == nil {
			delete(next, c.Key)
		}
	}
	if conflicts := conflictsOf(rows, next, changes); len(conflicts) > 0 {
		return nil, &ConflictError{Conflicts: conflicts}
	}
	return next, nil
}

// leaves is the row that a change leaves. That of an update of a row that is
// gone does not matter: it is a conflict.
func (c *Change) leaves(before schema.Resource) (schema.Resource, error) {
	if c.Op == OpUpdate && before == nil {
		return nil, nil
	}
	after, err := c.Apply(before)
	if err != nil || after == nil {
		return nil, err
	}
	schema.Normalize(after)
	for _, f := range c.Fields {
		if strings.Contains(string(f.After), `\u0000`) {
			return nil, fmt.Errorf("%s of %s holds a NUL character", f.Path, c.Key)
		}
	}
	return after, nil
}

// checkKey refuses the names that an address cannot have.
func checkKey(key schema.Key) error {
	local, domain, found := "", key.Name, false
	if key.Kind != schema.KindDomain {
		local, domain, found = key.Address().Local(), key.Address().Domain(), true
	}
	if found != strings.Contains(key.Name, "@") || domain == "" || strings.Contains(local+domain, "\x00") {
		return fmt.Errorf("%q cannot be the name of a %s", key.Name, key.Kind)
	}
	return nil
}

// conflictsOf compares rows with what the changes saw; next are the rows that the
// changes would leave.
func conflictsOf(rows, next map[schema.Key]schema.Resource, changes []Change) []Conflict {
	var out []Conflict
	used := make(map[string]bool) // domains that have addresses in next
	for key := range next {
		if key.Kind != schema.KindDomain {
			used[key.Domain()] = true
		}
	}
	for _, c := range changes {
		if reason := conflictOf(&c, rows[c.Key], next, used); reason != "" {
			out = append(out, Conflict{c.Key, reason})
		}
	}
	return append(out, missingDomains(changes, next, rows)...)
}

func conflictOf(c *Change, before schema.Resource, next map[schema.Key]schema.Resource, used map[string]bool) string {
	switch {
	case c.Op == OpCreate && before != nil:
		return ReasonExists
	case c.Op == OpCreate && taken(c.Key, next):
		return ReasonTaken
	case c.Op == OpCreate:
		return ""
	case before == nil:
		return ReasonGone
	case schema.Version(before) != c.Version:
		return ReasonChanged
	case c.Op == OpDelete && c.Kind == schema.KindDomain && used[c.Name]:
		return ReasonInUse
	}
	return ""
}

// taken reports whether another kind has the address in the end.
func taken(key schema.Key, next map[schema.Key]schema.Resource) bool {
	for _, kind := range schema.LiveKinds[1:] {
		if kind != key.Kind && key.Kind != schema.KindDomain && next[schema.Key{Kind: kind, Name: key.Name}] != nil {
			return true
		}
	}
	return false
}

// missingDomains names the domains that created addresses need: they must be
// there, and may not be on their way out.
func missingDomains(changes []Change, next, rows map[schema.Key]schema.Resource) []Conflict {
	var out []Conflict
	named := make(map[string]bool)
	for _, c := range changes {
		key := schema.Key{Kind: schema.KindDomain, Name: c.Domain()}
		if c.Op != OpCreate || c.Kind == schema.KindDomain || named[key.Name] {
			continue
		}
		named[key.Name] = true
		if next[key] == nil && rows[key] == nil {
			out = append(out, Conflict{key, ReasonGone})
		}
	}
	return out
}

// Package factor finds what users share, and parts it from what is theirs: the
// settings that most of them have become one profile's, those that groups have
// in common become roles, and a user is left with what differs. It is a function
// of values. Imports: schema and the standard library.
package factor

import (
	"slices"

	"mailops/schema"
)

// Everyone is the name of the profile of all users.
const Everyone = "everyone"

// A Setting is a field of users with a value.
type Setting struct {
	schema.Field
	Value schema.Value
}

// A Profile is settings that users share.
type Profile struct {
	Name     string
	Settings []Setting // in the order of the law
}

// Factored is what the users of a state share.
type Factored struct {
	Profiles []Profile // Everyone, and the roles: those that spare most first

	law   schema.User
	roles map[schema.Address][]int
}

// Users factors the users of a state. law is what a user has of whom nothing is
// said. The order of the users does not matter.
func Users(live schema.State, law schema.User) *Factored {
	users := slices.Collect(live.Users())
	everyone := Profile{Name: Everyone, Settings: common(users, &law)}
	f := &Factored{Profiles: []Profile{everyone}, law: law, roles: make(map[schema.Address][]int)}
	base := law
	everyone.over(&base)
	for g := grouped(users, &base); len(f.Profiles) <= maxRoles; {
		shared := g.best()
		if shared == nil {
			break
		}
		for _, u := range g.take(shared) {
			f.roles[u.Address] = append(f.roles[u.Address], len(f.Profiles))
		}
		f.Profiles = append(f.Profiles, f.role(g.settingsOf(shared)))
	}
	return f
}

// Base is what the user has without saying so: what the law and the user's
// profiles give.
func (f *Factored) Base(u *schema.User) schema.User {
	base := f.law
	f.Profiles[0].over(&base)
	for _, role := range f.roles[u.Address] {
		f.Profiles[role].over(&base)
	}
	return base
}

// Names are the profiles of the user, when they are more than Everyone: nil says
// that the user need not name any.
func (f *Factored) Names(u *schema.User) []string {
	if len(f.roles[u.Address]) == 0 {
		return nil
	}
	names := []string{Everyone}
	for _, role := range f.roles[u.Address] {
		names = append(names, f.Profiles[role].Name)
	}
	return names
}

// over sets the profile's settings in a user.
func (p *Profile) over(u *schema.User) {
	for _, s := range p.Settings {
		_ = s.Set(u, s.Value) // the value comes from a user, so that it fits one
	}
}

// personal are the fields that no profile takes over. Some belong to a person;
// others nobody shall get because colleagues are set so: nobody becomes an
// administrator, is locked out, or has mail sent elsewhere by that.
var personal = map[string]bool{
	"name": true, "password": true, "travelMode": true, "forwarding.to": true, "permissions.sendAs": true,
	"role": true, "status": true,
}

// clearable reports whether a user can say to have no value where a profile
// gives one: a text is not declared away.
func clearable(path string) bool { return path != "language" && path != "timezone" }

// common are the settings that at least 60 % of the users share and that are not
// the law's own. One that could not be declared away is common to all.
func common(users []*schema.User, law *schema.User) []Setting {
	var out []Setting
	for _, field := range schema.Fields(schema.KindUser) {
		if personal[field.Path] {
			continue
		}
		counts := make(map[schema.Value]int)
		for _, u := range users {
			counts[field.Get(u)]++
		}
		for value, n := range counts {
			if n*10 >= len(users)*6 && value != field.Get(law) && (clearable(field.Path) || counts[""] == 0) {
				out = append(out, Setting{field, value})
			}
		}
	}
	return out
}

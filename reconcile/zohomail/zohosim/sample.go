package zohosim

import (
	"fmt"
	"slices"
	"strings"
)

// A State is what an organization begins with, and what simhttp.AdminPath shows.
type State struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups,omitempty"`
}

// Domains are the domains of the users and the groups, in the order in which
// they occur.
func (state State) Domains() (out []string) {
	var all []string
	for _, u := range state.Users {
		all = append(append(all, u.Address), u.Aliases...)
	}
	for _, g := range state.Groups {
		all = append(all, g.Address)
	}
	for _, address := range all {
		if _, domain, _ := strings.Cut(address, "@"); !slices.Contains(out, domain) {
			out = append(out, domain)
		}
	}
	return out
}

// Add adds what a state has, beside the API.
func (s *Server) Add(state State) error {
	for _, u := range state.Users {
		if _, err := s.AddUser(u); err != nil {
			return err
		}
	}
	for _, g := range state.Groups {
		if _, err := s.AddGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// The names of sample people.
var (
	given  = []string{"Ada", "Bruno", "Chika", "Dalia", "Emil", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kira", "Luca"}
	family = []string{"Abdi", "Berg", "Costa", "Dufour", "Eriksen", "Fontana", "Gruber", "Horvat", "Ito", "Jansen", "Kovac"}
)

// Sample is an organization of so many people at a domain. The first is its
// super administrator; some have IMAP, an alias or a forward; every tenth is
// disabled. There is a group of all.
func Sample(n int, domain string) State {
	var state State
	all := Group{Address: "everyone@" + domain, Name: "Everyone"}
	for i := range n {
		u := User{
			FirstName: given[i%len(given)], LastName: family[i%len(family)], Address: fmt.Sprintf("user%d@%s", i+1, domain),
			IMAP: i%3 == 0, ActiveSync: i%4 == 0, Disabled: i%10 == 9, TimeZone: "Europe/Vienna", Language: "en", Country: "at",
		}
		if i == 0 {
			u.Role = "super_admin"
		}
		if i%5 == 1 {
			u.Aliases = []string{fmt.Sprintf("alias%d@%s", i+1, domain)}
		}
		if i%7 == 2 {
			u.Forwards = []Forward{{To: "user1@" + domain}}
		}
		state.Users = append(state.Users, u)
		all.Members = append(all.Members, Member{Address: u.Address, Role: "member"})
	}
	if n > 0 {
		state.Groups = []Group{all}
	}
	return state
}

package arraysim

import (
	"fmt"
	"slices"
	"strings"
)

// A State is what an account has.
type State struct {
	Domains []Domain `json:"domains,omitempty"` // those that users, aliases and lists name are there too
	Users   []User   `json:"users"`
	Aliases []Alias  `json:"aliases,omitempty"`
	Lists   []List   `json:"lists,omitempty"`
}

// A Domain is one of the account's.
type Domain struct {
	ID       int    `json:"id,omitempty"`
	Name     string `json:"domain"`
	Inactive bool   `json:"inactive,omitempty"`
}

// A User is a mailbox.
type User struct {
	Username     string   `json:"username"` // the part before @
	Domain       string   `json:"domain"`
	Name         string   `json:"uname,omitempty"`
	AccountType  string   `json:"account_type,omitempty"` // 1 Basic, 2 Enhanced; "" is 1
	QuotaMB      int64    `json:"quota,omitempty"`        // 1000 to the GB; 0 is 1000
	UsageMB      int64    `json:"usage,omitempty"`
	Disabled     bool     `json:"disabled,omitempty"`
	TwoFactor    bool     `json:"twofa_allowed,omitempty"`
	Language     string   `json:"user_language,omitempty"`
	LastAuth     string   `json:"lastauth_timestamp,omitempty"`
	Forwards     []string `json:"forwards,omitempty"`
	PasswordSets int      `json:"passwordSets,omitempty"` // how often a password was set

	password string
}

// Address is the user's address.
func (u User) Address() string { return u.Username + "@" + u.Domain }

func (u User) filled() User {
	if u.AccountType == "" {
		u.AccountType = "1"
	}
	if u.QuotaMB == 0 {
		u.QuotaMB = 1000
	}
	return u
}

// An Alias forwards to a mailbox.
type Alias struct {
	Alias   string `json:"alias"` // the part before @
	Domain  string `json:"domain"`
	Forward string `json:"forward"`
}

// Address is the alias's address.
func (a Alias) Address() string { return a.Alias + "@" + a.Domain }

// A List is a distribution list.
type List struct {
	Name    string   `json:"lname"` // the part before @
	Domain  string   `json:"domain"`
	Type    string   `json:"listtype,omitempty"` // "" is 1, the only one that a client sends
	Members []string `json:"members,omitempty"`
}

// Address is the list's address.
func (l List) Address() string { return l.Name + "@" + l.Domain }

func (l List) filled() List {
	if l.Type == "" {
		l.Type = "1"
	}
	return l
}

// DomainNames are the domains that the state names, in the order in which they
// occur.
func (state State) DomainNames() (out []string) {
	var all []string
	for _, d := range state.Domains {
		all = append(all, d.Name)
	}
	for _, u := range state.Users {
		all = append(all, u.Domain)
	}
	for _, a := range state.Aliases {
		all = append(all, a.Domain)
	}
	for _, l := range state.Lists {
		all = append(all, l.Domain)
	}
	for _, name := range all {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// The names of sample people.
var (
	given  = []string{"Ada", "Bruno", "Chika", "Dalia", "Emil", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kira", "Luca"}
	family = []string{"Abdi", "Berg", "Costa", "Dufour", "Eriksen", "Fontana", "Gruber", "Horvat", "Ito", "Jansen", "Kovac"}
)

// Sample is an account of so many people at a domain: some are Enhanced, have an
// alias or a forward; every tenth is disabled. There is a list of all.
func Sample(n int, domain string) State {
	var state State
	all := List{Name: "everyone", Domain: domain}
	for i := range n {
		u := User{
			Username: fmt.Sprintf("user%d", i+1), Domain: domain, Name: given[i%len(given)] + " " + family[i%len(family)],
			QuotaMB: int64(1+i%4) * 500, UsageMB: int64(i), Disabled: i%10 == 9,
		}
		if i%4 == 3 {
			u.AccountType = "2"
		}
		if i%7 == 2 {
			u.Forwards = []string{"user1@" + domain}
		}
		if i%5 == 1 {
			state.Aliases = append(state.Aliases, Alias{Alias: strings.ToLower(given[i%len(given)]) + fmt.Sprint(i), Domain: domain, Forward: u.Address()})
		}
		state.Users = append(state.Users, u)
		all.Members = append(all.Members, u.Address())
	}
	if n > 0 {
		state.Lists = []List{all}
	}
	return state
}

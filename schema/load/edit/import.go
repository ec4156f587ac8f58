package edit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
	"mailops/schema/factor"
)

// Defaults are what the law gives to a user and a list that say nothing, and
// what the organization says of itself.
type Defaults struct {
	Organization string   // its name
	Unmanaged    []string // fields of users that are left alone
	User         *schema.User
	List         *schema.List
	Stores       []schema.StoreRoute // when it is in several
}

// zone is the time zone of an imported organization. Users in another have it
// said in their own files, or in their domain's.
const zone = "UTC"

// partLimit is the size in bytes from which aliases and lists go on in another
// file; the reader takes four times as much.
const partLimit = 1 << 20

// FileFor is where a new declaration of a resource belongs: users in files of
// their own, by domain, and what else comes one at a time beside them.
func FileFor(key schema.Key) string {
	folder := map[schema.Kind]string{schema.KindUser: "users/", schema.KindAlias: "aliases/", schema.KindList: "lists/", schema.KindDomain: "domains/"}[key.Kind]
	if key.Kind == schema.KindDomain {
		return folder + fileName(key.Name, ".yaml")
	}
	return folder + fileName(key.Domain(), "") + "/" + fileName(key.Address().Local(), ".yaml")
}

// Import writes a whole repository that declares the live state, by file name:
// the organization and its domains, profiles with the settings that users share,
// each user in a file of their own, aliases and lists by domain. A domain that
// only addresses speak of is declared too, since no address may be without one.
// The same state gives the same files.
func Import(live schema.State, d Defaults) map[string][]byte {
	live = slices.Clone(live)
	live.Sort()
	law := *d.User
	law.Timezone = zone
	shared := factor.Users(live, law)
	files := map[string][]byte{
		"mailops.yaml":  organization(live, d),
		"profiles.yaml": profiles(shared.Profiles),
	}
	for _, r := range live {
		key := r.Key()
		switch r := r.(type) {
		case *schema.User:
			files[FileFor(key)] = declaration(r, inherited(r, shared.Base(r), live), shared.Names(r))
		case *schema.Alias:
			appendDocument(files, "aliases/", key.Domain(), Declaration(r, nil))
		case *schema.List:
			appendDocument(files, "lists/", key.Domain(), Declaration(r, d.List))
		}
	}
	return files
}

// inherited is what a user has without saying so. A time zone that no profile
// gives comes from the domain; one that the user lacks cannot be declared away,
// and is left to the plan to show.
func inherited(u *schema.User, base schema.User, live schema.State) *schema.User {
	domain, ok := live.Find(schema.Key{Kind: schema.KindDomain, Name: u.Address.Domain()}).(*schema.Domain)
	switch {
	case u.Timezone == "":
		base.Timezone = ""
	case base.Timezone == zone && ok:
		base.Timezone = cmp.Or(domain.Timezone, zone)
	}
	return &base
}

// appendDocument adds a document to the domain's file in a folder, or to the
// file that it goes on in.
func appendDocument(files map[string][]byte, folder, domain string, doc []byte) {
	name := folder + fileName(domain, ".yaml")
	for part := 2; len(files[name]) > partLimit; part++ {
		name = folder + fileName(domain, fmt.Sprintf("=%d.yaml", part))
	}
	if len(files[name]) > 0 {
		doc = slices.Concat([]byte("---\n"), doc)
	}
	files[name] = append(files[name], doc...)
}

// organization declares the organization and its domains.
func organization(live schema.State, d Defaults) []byte {
	root := &node{kind: mapping}
	root.add([]string{"apiVersion"}, textNode(schema.APIVersion))
	root.add([]string{"kind"}, textNode(string(schema.KindOrganization)))
	root.add([]string{"name"}, textNode(d.Organization))
	root.add([]string{"timezone"}, textNode(zone))
	root.add([]string{"defaults", "profiles"}, valueNode([]string{factor.Everyone}))
	if len(d.Unmanaged) > 0 {
		root.add([]string{"unmanaged"}, valueNode(d.Unmanaged))
	}
	if len(d.Stores) > 0 {
		root.add([]string{"stores"}, routes(d.Stores))
	}
	docs := [][]byte{root.print()}
	for _, domain := range domains(live) {
		docs = append(docs, Declaration(domain, nil))
	}
	return bytes.Join(docs, []byte("---\n"))
}

// routes is which store has what.
func routes(stores []schema.StoreRoute) *node {
	type route struct {
		Store   string        `json:"store"`
		Domains []string      `json:"domains,omitempty"`
		Kinds   []schema.Kind `json:"kinds,omitempty"`
	}
	var out []route
	for _, s := range stores {
		out = append(out, route(s))
	}
	return valueNode(out)
}

// domains are those of the live state, and those that its addresses speak of,
// by name.
func domains(live schema.State) []*schema.Domain {
	found := make(map[string]*schema.Domain)
	for _, r := range live {
		name := r.Key().Domain()
		if d, ok := r.(*schema.Domain); ok {
			found[name] = d
		} else if found[name] == nil {
			found[name] = &schema.Domain{Name: name}
		}
	}
	out := make([]*schema.Domain, 0, len(found))
	for _, d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *schema.Domain) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// profiles declares what users inherit.
func profiles(shared []factor.Profile) []byte {
	docs := make([][]byte, len(shared))
	for i, p := range shared {
		root := &node{kind: mapping}
		root.add([]string{"kind"}, textNode(string(schema.KindProfile)))
		root.add([]string{"name"}, textNode(p.Name))
		description := "What some users have in common; name it after what they do"
		if p.Name == factor.Everyone {
			description = "What most users have; a user's own file says what differs"
		}
		root.add([]string{"description"}, textNode(description))
		for _, s := range p.Settings {
			root.add(strings.Split(s.Path, "."), fieldNode(schema.KindUser, s.Path, s.Value))
		}
		docs[i] = root.print()
	}
	return bytes.Join(docs, []byte("---\n"))
}

package edit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// Everyone is the profile that an import puts the common settings into.
const Everyone = "everyone"

// Defaults are what the law gives to a user and a list that say nothing, and
// the organization's name.
type Defaults struct {
	Organization string
	User         *schema.User
	List         *schema.List
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
// the organization and its domains, a profile with the settings that most
// users share, each user in a file of their own, aliases and lists by domain.
// A domain that only addresses speak of is declared too, since no address may
// be without one. The same state gives the same files.
func Import(live schema.State, d Defaults) map[string][]byte {
	live = slices.Clone(live)
	live.Sort()
	law := *d.User
	law.Timezone = zone
	shared := common(live, &law)
	base := law
	for _, s := range shared {
		_ = s.field.Set(&base, s.value) // the value comes from a user, so that it fits one
	}
	files := map[string][]byte{
		"mailops.yaml":  organization(live, d.Organization),
		"profiles.yaml": profile(shared),
	}
	for _, r := range live {
		key := r.Key()
		switch r := r.(type) {
		case *schema.User:
			files[FileFor(key)] = Declaration(r, inherited(r, base, live))
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
func organization(live schema.State, name string) []byte {
	root := &node{kind: mapping}
	root.add([]string{"apiVersion"}, textNode(schema.APIVersion))
	root.add([]string{"kind"}, textNode(string(schema.KindOrganization)))
	root.add([]string{"name"}, textNode(name))
	root.add([]string{"timezone"}, textNode(zone))
	root.add([]string{"defaults", "profiles"}, valueNode([]string{Everyone}))
	docs := [][]byte{root.print()}
	for _, domain := range domains(live) {
		docs = append(docs, Declaration(domain, nil))
	}
	return bytes.Join(docs, []byte("---\n"))
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

// A setting is a field of users with a value.
type setting struct {
	field schema.Field
	value schema.Value
}

// personal are the settings that no profile takes over: an import shall make
// nobody an administrator, lock nobody out, and send nobody's mail elsewhere
// because others are set so.
var personal = map[string]bool{"role": true, "status": true, "forwarding.to": true, "permissions.sendAs": true}

// common are the settings that at least 60 % of the users share and that are
// not the law's own. A text that some user lacks is left out: nobody can
// inherit it and have none.
func common(live schema.State, law *schema.User) []setting {
	inheritable := shapes()[schema.KindProfile]
	var out []setting
	for _, f := range schema.Fields(schema.KindUser) {
		group, _, _ := strings.Cut(f.Path, ".")
		if group == "name" || inheritable.fields[group] == nil || personal[f.Path] {
			continue
		}
		counts, users := make(map[schema.Value]int), 0
		for u := range live.Users() {
			counts[f.Get(u)]++
			users++
		}
		optional := f.Path == "language" || f.Path == "timezone"
		for value, n := range counts {
			if n*10 >= users*6 && value != f.Get(law) && !(optional && counts[""] > 0) {
				out = append(out, setting{f, value})
			}
		}
	}
	return out
}

// profile declares the settings that users inherit.
func profile(shared []setting) []byte {
	root := &node{kind: mapping}
	root.add([]string{"kind"}, textNode(string(schema.KindProfile)))
	root.add([]string{"name"}, textNode(Everyone))
	root.add([]string{"description"}, textNode("What most users have; a user's own file says what differs"))
	for _, s := range shared {
		root.add(strings.Split(s.field.Path, "."), fieldNode(schema.KindUser, s.field.Path, s.value))
	}
	return root.print()
}

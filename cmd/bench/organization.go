package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What an organization is made of.
const (
	leastUsers    = 10  // the first two are its administrators, and user i may name any before
	perFolder     = 100 // users; folders of many thousand files are slow in editors and forges
	perFile       = 100 // aliases or lists
	usersPerAlias = 20
	usersPerList  = 100
	members       = 20 // of a list
)

// generate writes an organization into dir, a folder that it makes. The same
// number of users gives the same files, byte for byte, and user i is the same
// in every organization.
func generate(dir string, users int) error {
	if users < leastUsers {
		return fmt.Errorf("generate: want %d users or more", leastUsers)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	w := writer{dir: dir}
	w.write("mailops.yaml", organization(users))
	w.write("profiles.yaml", profiles)
	for i := range users {
		w.write(userFile(i), userText(i))
	}
	w.series("aliases", users/usersPerAlias, func(i int) string { return aliasText(i) })
	w.series("lists", users/usersPerList, func(i int) string { return listText(i, users) })
	if w.err != nil {
		return fmt.Errorf("generate: %w", w.err)
	}
	return nil
}

// A writer writes files until one cannot be written.
type writer struct {
	dir    string
	folder string // the one made last
	err    error
}

func (w *writer) write(name, text string) {
	file := filepath.Join(w.dir, filepath.FromSlash(name))
	if folder := filepath.Dir(file); w.err == nil && folder != w.folder {
		w.folder, w.err = folder, os.MkdirAll(folder, 0o755)
	}
	if w.err == nil {
		w.err = os.WriteFile(file, []byte(text), 0o644)
	}
}

// series writes n documents into files of perFile each.
func (w *writer) series(folder string, n int, text func(i int) string) {
	for start := 0; start < n; start += perFile {
		var documents []string
		for i := start; i < min(start+perFile, n); i++ {
			documents = append(documents, text(i))
		}
		w.write(fmt.Sprintf("%s/%04d.yaml", folder, start/perFile), strings.Join(documents, "---\n"))
	}
}

// organization is the root file: what holds for all, and the domains. The
// licences suffice for every user on the largest account and quota.
func organization(users int) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `apiVersion: mailops/v1
kind: Organization
name: Acme Torradores
timezone: Europe/Lisbon
defaults: {profiles: [everyone]}
licences: {basic: %d, enhanced: %d, storage: %dGiB}
guards:
  deletes: {max: 5%%, atLeast: 3}
  lockouts: {max: 10%%, atLeast: 5}
  updates: {max: 40%%, atLeast: 20}
  minAdmins: 2
  liveShrink: 20%%
protected: [%s, %s]
`, users, users, users*largestQuota, address(0), address(1))
	for i, name := range domainNames {
		fmt.Fprintf(&b, "---\nkind: Domain\nname: %s\n", name)
		if i%2 == 0 && i < users {
			fmt.Fprintf(&b, "catchAll: %s\n", address(i)) // user i is in domain i
		}
		if i%4 == 1 {
			b.WriteString("timezone: Europe/Berlin\n")
		}
	}
	return b.String()
}

// largestQuota is the largest of profiles and users, in GiB.
const largestQuota = 50

// profiles are the roles of [roles]: most build on others, and one is enforced.
const profiles = `kind: Profile
name: everyone
description: What everybody starts with, a webmail and nothing else
accountType: basic
quota: 5GiB
mailboxActions: {incoming: true, outgoing: true, spamCheck: true, imap: false, pop: false, activeSync: false}
permissions:
  features: {forwarding: false}
  services: {webmail: true, smtp: false, manageSieve: false}
---
kind: Profile
name: office
description: People with a desk and a mail program
profiles: [everyone]
quota: 20GiB
mailboxActions: {imap: true}
permissions:
  services: {smtp: true, manageSieve: true}
---
kind: Profile
name: sales
description: The sales desks
profiles: [office]
accountType: enhanced
quota: 30GiB
mailboxActions: {activeSync: true}
---
kind: Profile
name: leadership
description: The board and the heads of all houses
profiles: [office]
accountType: enhanced
quota: 50GiB
mailboxActions: {activeSync: true, pop: false}
mailAddOn: {backup: onDeactivation}
---
kind: Profile
name: workshop
description: The floor, which has no mail after hours
profiles: [everyone]
enforced: true
quota: 1GiB
mailboxActions: {imap: false, pop: false, activeSync: false}
permissions:
  services: {smtp: false, manageSieve: false}
  onlyLocalSMTP: true
  accessHours:
    mon: ["07:00-12:00", "12:30-16:30"]
    tue: ["07:00-12:00", "12:30-16:30"]
    wed: ["07:00-12:00", "12:30-16:30"]
    thu: ["07:00-12:00", "12:30-16:30"]
    fri: ["07:00-13:00"]
---
kind: Profile
name: mobile
description: A company phone
accountType: enhanced
mailboxActions: {activeSync: true}
`

// aliasText is an alias of one to three users.
func aliasText(i int) string {
	first := i * usersPerAlias
	to := []string{address(first)}
	for k := 1; k <= i%3; k++ {
		to = append(to, address(first+k))
	}
	return fmt.Sprintf("kind: Alias\naddress: %s\nto: [%s]\n", shared(i, ""), strings.Join(to, ", "))
}

// listText is a list of users from all over the organization.
func listText(i, users int) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "kind: DistributionList\naddress: %s\nmembers:\n", shared(i, "-team"))
	for k := range members {
		fmt.Fprintf(&b, "  - %s\n", address((i*usersPerList+k*users/members)%users))
	}
	fmt.Fprintf(&b, "posting: %s\n", []string{"anyone", "members", "organization"}[i%3])
	return b.String()
}

// shared is the i-th address that belongs to no person.
func shared(i int, suffix string) string {
	return fmt.Sprintf("%s%s-%d@%s", departments[i%len(departments)], suffix, i/len(departments)+1, domainNames[i%len(domainNames)])
}

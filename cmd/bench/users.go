package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
)

// A role is what a user's profiles are, and how common they are.
type role struct {
	profiles string
	share    int // of 100
	enforced bool
}

var roles = []role{
	{profiles: "office", share: 50},
	{profiles: "everyone", share: 15},
	{profiles: "workshop", share: 12, enforced: true},
	{profiles: "sales", share: 10},
	{profiles: "office, mobile", share: 10},
	{profiles: "leadership", share: 3},
}

// person is the name of user i, its parts in lower case. Names repeat once all
// are used, in another domain; once all domains are used, with a number.
func person(i int) (first, last, number string) {
	n, round := i%(len(firstNames)*len(lastNames)), i/(len(firstNames)*len(lastNames))
	f := n % len(firstNames)
	// The last names go round at another pace, so that neighbours differ.
	first, last = firstNames[f], lastNames[(n/len(firstNames)+f*37)%len(lastNames)]
	if again := round / len(domainNames); again > 0 {
		number = fmt.Sprint(again + 1)
	}
	return first, last, number
}

// local is the part of user i's address before the @.
func local(i int) string {
	first, last, number := person(i)
	return first + "." + last + number
}

func domainOf(i int) string {
	round := i / (len(firstNames) * len(lastNames))
	return domainNames[(i%(len(firstNames)*len(lastNames))+round)%len(domainNames)]
}

func address(i int) string { return local(i) + "@" + domainOf(i) }

// userFile is where user i is declared.
func userFile(i int) string {
	return fmt.Sprintf("users/%04d/%s.yaml", i/perFolder, local(i))
}

// userText is the declaration of user i. About one in five has more than the
// usual, which is what makes people's settings differ.
func userText(i int) string {
	rnd := rand.New(rand.NewPCG(uint64(i), 1))
	r := pick(rnd)
	first, last, _ := person(i)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s, %s\nkind: User\naddress: %s\nname: %s %s\n", title(departments[rnd.IntN(len(departments))]), domainOf(i), address(i), title(first), title(last))
	fmt.Fprintf(&b, "profiles: [%s]\nlanguage: %s\n", r.profiles, []string{"pt", "de", "en-GB"}[rnd.IntN(3)])
	fmt.Fprintf(&b, "password:\n  hash: %q\n", hash(i))
	if i < 2 || i%500 == 0 {
		b.WriteString("role: admin\n")
	}
	b.WriteString("mailboxActions:\n  incoming: true\n  outgoing: true\n  spamCheck: true\n")
	permissions := fmt.Sprintf("  features:\n    autoresponder: true\n    sharedFolders: %t\n    filters: %t\n    changePassword: true\n  services:\n    webmail: true\n", rnd.IntN(2) == 0, rnd.IntN(10) > 0)
	if !r.enforced && i >= 2 && rnd.IntN(100) < 23 { // of the 88 per cent that are not enforced
		more := extra(rnd, i)
		b.WriteString(more.top)
		permissions += more.permissions
	}
	b.WriteString("permissions:\n" + permissions)
	return b.String()
}

// pick chooses a role by the shares.
func pick(rnd *rand.Rand) role {
	n := rnd.IntN(100)
	for _, r := range roles {
		if n -= r.share; n < 0 {
			return r
		}
	}
	return roles[0]
}

// An addition is what some users have beside the usual.
type addition struct {
	top         string // of the declaration
	permissions string
}

// extra is one addition. Whoever it names comes before user i, so that they
// exist, and no forwarding leads in a circle.
func extra(rnd *rand.Rand, i int) addition {
	other := rnd.IntN(i)
	switch rnd.IntN(6) {
	case 0:
		return addition{permissions: fmt.Sprintf("  accessHours:\n    mon: [\"08:00-%d:00\"]\n    wed: [\"08:00-12:00\", \"13:00-%[1]d:30\"]\n    fri: [\"09:00-15:00\"]\n", 16+rnd.IntN(4))}
	case 1:
		return addition{permissions: fmt.Sprintf("  sendAs: [%s, %s]\n", address(other), address(i-1))}
	case 2:
		return addition{top: fmt.Sprintf("forwarding:\n  to: [%s]\n  keepCopy: true\n", address(other))}
	case 3:
		return addition{top: fmt.Sprintf("quota: %dGiB\n", 1+rnd.IntN(largestQuota))}
	case 4:
		return addition{permissions: fmt.Sprintf("  trustedNetworks: [10.%d.0.0/16, \"2001:db8:%x::/48\"]\n", rnd.IntN(256), rnd.IntN(1<<16))}
	}
	// Far in the future: the plan is the same whenever the benchmark runs.
	return addition{top: fmt.Sprintf("schedule:\n  - {from: 2090-07-%02d, until: 2090-08-%02d, reason: leave, set: {mailboxActions: {outgoing: false}}}\n", 1+rnd.IntN(31), 1+rnd.IntN(31))}
}

// hash has the form of a password hash (RFC 9106, as Dovecot writes it), and is
// no password's: salt and hash come from the number alone.
func hash(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, "user ", i))
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$%s$%s", text(sum[:16]), text(sum[:]))
}

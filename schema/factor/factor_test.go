package factor_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/factor"
)

// law is a user of whom nothing is said.
func law() schema.User {
	return schema.User{Settings: schema.Settings{
		Role: schema.RoleMember, Status: schema.StatusActive, AccountType: schema.AccountBasic, Timezone: "UTC",
		Forwarding:     schema.Forwarding{KeepCopy: true},
		MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true},
		MailAddOn:      schema.MailAddOn{Backup: schema.BackupOff},
		Lock:           schema.Lock{MailAddOn: schema.Unlocked},
	}}
}

// staff are n users with that in common.
func staff(n int, name string, set ...func(*schema.User)) schema.State {
	var out schema.State
	for i := range n {
		u := law()
		u.Address = schema.Address(fmt.Sprintf("%s%d@acme.example", name, i))
		for _, s := range set {
			s(&u)
		}
		out = append(out, &u)
	}
	return out
}

func imap(u *schema.User)    { u.MailboxActions.IMAP = true }
func pop(u *schema.User)     { u.MailboxActions.POP = true }
func backup(u *schema.User)  { u.MailAddOn.Backup = schema.BackupOnDeactivation }
func locked(u *schema.User)  { u.Lock.MailAddOn = schema.Locked }
func large(u *schema.User)   { u.Quota = 50 << 30 }
func small(u *schema.User)   { u.Quota = 1 << 30 }
func admin(u *schema.User)   { u.Role, u.Status = schema.RoleAdmin, schema.StatusSuspended }
func lisbon(u *schema.User)  { u.Timezone = "Europe/Lisbon" }
func english(u *schema.User) { u.Language = "en" }
func forward(u *schema.User) {
	u.Forwarding.To, u.Permissions.SendAs = []schema.Address{"x@partner.example"}, []schema.Address{"y@acme.example"}
}
func office(u *schema.User) {
	day := []schema.Hours{{Start: 540, End: 1080}}
	u.Permissions.AccessHours = &schema.AccessHours{Timezone: "UTC", Mon: day, Tue: day, Wed: day, Thu: day, Fri: day}
}
func own(u *schema.User) {
	u.Quota = schema.Bytes(1+len(u.Address))<<30 + schema.Bytes(u.Address[len("x")])<<20
}

func TestUsers(t *testing.T) {
	for _, c := range []struct {
		name string
		live schema.State
		want string
	}{
		{"nobody", nil, "everyone:"},
		{"what most have is everyone's", slices.Concat(staff(6, "a", imap), staff(4, "b")), "everyone: mailboxActions.imap=true"},
		{"fewer than most have it", slices.Concat(staff(59, "a", imap), staff(41, "b")), "everyone:"},
		{"what the law says already is not said", staff(9, "a"), "everyone:"},
		{"nobody becomes like others in what is personal", staff(9, "a", admin, forward), "everyone:"},
		{"a language that somebody lacks cannot be declared away", slices.Concat(staff(9, "a", english, lisbon), staff(1, "b", lisbon)),
			"everyone: timezone=Europe/Lisbon"},
		{"two settings together are a role", slices.Concat(staff(10, "a", backup, locked), staff(30, "b")),
			"everyone:\nbackup-locked (10): mailAddOn.backup=onDeactivation lock.mailAddOn=locked"},
		{"of too few it is none", slices.Concat(staff(9, "a", backup, locked), staff(30, "b")), "everyone:"},
		{"one setting alone is no role", slices.Concat(staff(20, "a", pop), staff(30, "b")), "everyone:"},
		{"one with much to say is", slices.Concat(staff(3, "a", office), staff(30, "b")),
			`everyone:` + "\n" + `accessHours (3): permissions.accessHours={"timezone":"UTC","mon":["09:00-18:00"],"tue":["09:00-18:00"],"wed":["09:00-18:00"],"thu":["09:00-18:00"],"fri":["09:00-18:00"]}`},
		{"who differs in more has the role too", slices.Concat(staff(10, "a", backup, locked, small), staff(10, "b", backup, locked, large), staff(20, "c", large), staff(20, "d")),
			"everyone:\nbackup-locked (20): mailAddOn.backup=onDeactivation lock.mailAddOn=locked"},
		{"what each has of their own hides nothing", slices.Concat(staff(9, "a", backup, locked, own), staff(3, "b", backup, locked), staff(20, "c")),
			"everyone:\nbackup-locked (12): mailAddOn.backup=onDeactivation lock.mailAddOn=locked"},
		{"a user may have two", slices.Concat(staff(10, "a", backup, locked, imap, pop), staff(30, "b", backup, locked), staff(20, "c", imap, pop), staff(60, "d")),
			"everyone:\nbackup-locked (40): mailAddOn.backup=onDeactivation lock.mailAddOn=locked\nimap-pop (30): mailboxActions.imap=true mailboxActions.pop=true"},
		{"a role can take back what is everyone's", slices.Concat(staff(70, "a", imap, backup, large), staff(30, "b")),
			"everyone: quota=50GiB mailboxActions.imap=true mailAddOn.backup=onDeactivation\nunlimited-no-imap-no-backup (30): quota=unlimited mailboxActions.imap=false mailAddOn.backup=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(factor.Users(c.live, law()), c.live)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// told is what is shared, and how many have each role.
func told(f *factor.Factored, live schema.State) string {
	having := map[string]int{}
	for u := range live.Users() {
		for _, name := range f.Names(u) {
			having[name]++
		}
	}
	var lines []string
	for _, p := range f.Profiles {
		line := p.Name
		if p.Name != factor.Everyone {
			line += fmt.Sprintf(" (%d)", having[p.Name])
		}
		line += ":"
		for _, s := range p.Settings {
			line += " " + s.Path + "=" + strings.Trim(string(s.Value), `"`)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestEveryFieldHasAPlace: a field is everyone's when all have it, or a person's own.
func TestEveryFieldHasAPlace(t *testing.T) {
	odd := law()
	for _, f := range schema.Fields(schema.KindUser) {
		if value := f.Get(&odd); value == "true" || value == "false" {
			if err := f.Set(&odd, map[schema.Value]schema.Value{"true": "false", "false": "true"}[value]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, set := range []func(*schema.User){imap, pop, backup, locked, large, admin, lisbon, english, forward, office} {
		set(&odd)
	}
	odd.Address, odd.Name, odd.Password, odd.TravelMode = "a@acme.example", "Ana", "sha256:00", &schema.TravelMode{Until: "2026-12-10T23:59:59Z"}
	odd.AccountType, odd.Permissions.TrustedNetworks = schema.AccountEnhanced, []string{"10.0.0.0/8"}
	odd.MailboxActions.IMAP, odd.MailboxActions.POP = true, true
	var own []string
	base := factor.Users(schema.State{&odd}, law()).Base(&odd)
	for _, f := range schema.Fields(schema.KindUser) {
		if !f.Equal(&base, &odd) {
			own = append(own, f.Path)
		}
	}
	want := []string{"name", "role", "status", "forwarding.to", "permissions.sendAs", "password", "travelMode"}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Errorf("a person's own (-want +got)\n%s", diff)
	}
}

var nameLaw = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// FuzzUsers: what 60 % have is everyone's, and nothing else is; a role says what
// its users have; more is never said than when each says all; and the order of
// the users is nothing.
func FuzzUsers(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed*7), uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, users, kinds uint8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		live := crowd(rng, int(users)/2, 1+int(kinds%6))
		got := factor.Users(live, law())
		checkEveryone(t, got.Profiles[0], live)
		checkRoles(t, got, live)
		said, alone, bare := 0, 0, law()
		for _, p := range got.Profiles[1:] {
			said += 3 + wordsOf(p.Settings)
		}
		for u := range live.Users() {
			base := got.Base(u)
			said += max(len(got.Names(u))-1, 0) + wordsOf(differing(u, &base))
			alone += wordsOf(differing(u, &bare))
		}
		if said > alone {
			t.Errorf("%d words are said, and each alone said %d", said, alone)
		}
		rng.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
		if diff := cmp.Diff(told(got, live), told(factor.Users(live, law()), live)); diff != "" {
			t.Errorf("another order of users (-sorted +shuffled)\n%s", diff)
		}
	})
}

// crowd is users of some kinds, the first of which is the commonest, and each
// with some things of their own.
func crowd(rng *rand.Rand, users, kinds int) schema.State {
	sets := []func(*schema.User){imap, pop, backup, locked, large, small, admin, lisbon, english, forward, office,
		func(u *schema.User) { u.MailboxActions = schema.MailboxActions{} },
		func(u *schema.User) { u.Forwarding.KeepCopy = false },
		func(u *schema.User) { u.AccountType = schema.AccountEnhanced },
		func(u *schema.User) { u.Permissions.Features.Filters = true },
		func(u *schema.User) { u.Permissions.TrustedNetworks = []string{"10.0.0.0/8", "192.0.2.0/24"} },
		func(u *schema.User) { u.Quota = schema.Bytes(1+rng.IntN(1000)) << 20 },
	}
	of := make([][]func(*schema.User), kinds)
	for i := range of {
		for range rng.IntN(6) {
			of[i] = append(of[i], sets[rng.IntN(len(sets))])
		}
	}
	var out schema.State
	for i := range users {
		set := slices.Clone(of[rng.IntN(1+rng.IntN(kinds))])
		for rng.IntN(4) == 0 {
			set = append(set, sets[rng.IntN(len(sets))])
		}
		out = append(out, staff(1, fmt.Sprintf("x%d.", i), set...)...)
	}
	return out
}

// checkEveryone holds that a profile has what 60 % have, where the law has
// another value and all can say theirs.
func checkEveryone(t *testing.T, p factor.Profile, live schema.State) {
	t.Helper()
	bare, all := law(), len(slices.Collect(live.Users()))
	for _, f := range schema.Fields(schema.KindUser) {
		counts := map[schema.Value]int{}
		for u := range live.Users() {
			counts[f.Get(u)]++
		}
		at := slices.IndexFunc(p.Settings, func(s factor.Setting) bool { return s.Path == f.Path })
		if at >= 0 && counts[p.Settings[at].Value]*10 < all*6 {
			t.Errorf("%s is everyone's, and %d of %d have it", f.Path, counts[p.Settings[at].Value], all)
		}
		own := []string{"role", "status", "forwarding.to", "permissions.sendAs"}
		lacking := (f.Path == "language" || f.Path == "timezone") && counts[""] > 0
		for value, n := range counts {
			if n*10 >= all*6 && value != f.Get(&bare) && !lacking && !slices.Contains(own, f.Path) && (at < 0 || p.Settings[at].Value != value) {
				t.Errorf("%s is not everyone's, and %d of %d have %s", f.Path, n, all, value)
			}
		}
	}
}

// checkRoles holds that roles are few, have names that the law takes, and say
// nothing that their users have to take back.
func checkRoles(t *testing.T, got *factor.Factored, live schema.State) {
	t.Helper()
	names := map[string]bool{}
	for _, p := range got.Profiles {
		if names[p.Name] || !nameLaw.MatchString(p.Name) || len(got.Profiles) > 9 {
			t.Errorf("profile %q of %d", p.Name, len(got.Profiles))
		}
		names[p.Name] = true
		for u := range live.Users() {
			if p.Name == factor.Everyone || !slices.Contains(got.Names(u), p.Name) {
				continue
			}
			for _, s := range p.Settings {
				if s.Get(u) != s.Value {
					t.Errorf("%s has %s, which says another %s", u.Address, p.Name, s.Path)
				}
			}
		}
	}
}

// differing are the settings that a user has and base has not.
func differing(u, base *schema.User) []factor.Setting {
	var out []factor.Setting
	for _, f := range schema.Fields(schema.KindUser) {
		if !f.Equal(u, base) {
			out = append(out, factor.Setting{Field: f, Value: f.Get(u)})
		}
	}
	return out
}

// wordsOf is how many words the values have: what is in quotes, or a number, on or off.
func wordsOf(settings []factor.Setting) int {
	n := 0
	for _, s := range settings {
		n += max(len(word.FindAllString(string(s.Value), -1)), 1)
	}
	return n
}

var word = regexp.MustCompile(`"[^"]*"|[a-z0-9]+`)

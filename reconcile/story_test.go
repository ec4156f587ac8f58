package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// now is the instant of every plan of the tests.
var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// standard is a user with the defaults of the law.
func standard(a schema.Address) *schema.User {
	u := &schema.User{Kind: schema.KindUser, Address: a}
	u.Role, u.Status, u.AccountType = schema.RoleMember, schema.StatusActive, schema.AccountBasic
	u.Forwarding.KeepCopy = true
	u.MailboxActions = schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true}
	u.Permissions.Features = schema.Features{Autoresponder: true, Forwarding: true, Filters: true, AllowBlockList: true, SharedFolders: true, ChangePassword: true}
	u.Permissions.Services = schema.Services{Webmail: true, SMTP: true, ManageSieve: true}
	u.MailAddOn.Backup, u.Lock.MailAddOn = schema.BackupOff, schema.Unlocked
	return u
}

// lenient is an organization whose guards refuse nothing.
func lenient() schema.Organization {
	all := schema.Guard{Max: 1000}
	return schema.Organization{
		Guards: schema.Guards{Deletes: all, Lockouts: all, Updates: all, LiveShrink: 1000},
		Rules:  schema.Switches{BackupPOPOnly: "on"},
	}
}

var (
	words = regexp.MustCompile(`[^\s="]+="[^"]*"|\S+`)
	span  = regexp.MustCompile(`\{(\d+)\.\.(\d+)\}`)
	kinds = map[string]schema.Kind{"domain": schema.KindDomain, "user": schema.KindUser, "alias": schema.KindAlias, "list": schema.KindList}
)

// edit changes a state by the lines of a story, each about one resource:
//
//	user ana@acme.example role=admin name="Ana Silva"   made if it is new
//	- user u{1..20}@acme.example                        taken out; {1..20} is twenty of them
//
// A new user has the defaults of the law. A value is JSON, a text, or texts
// joined by commas, whichever the field takes.
func edit(t *testing.T, s schema.State, lines string) schema.State {
	t.Helper()
	byKey := make(map[schema.Key]schema.Resource)
	for _, r := range s {
		byKey[r.Key()] = r
	}
	for line := range strings.Lines(lines) {
		for _, line := range spread(line) {
			editOne(t, byKey, words.FindAllString(line, -1))
		}
	}
	var out schema.State
	for _, r := range byKey {
		out = append(out, r)
	}
	out.Sort()
	return out
}

// spread writes a line once for each number of its {from..to}.
func spread(line string) []string {
	found := span.FindStringSubmatch(line)
	if found == nil {
		return []string{line}
	}
	from, _ := strconv.Atoi(found[1])
	to, _ := strconv.Atoi(found[2])
	var out []string
	for n := from; n <= to; n++ {
		out = append(out, strings.ReplaceAll(line, found[0], strconv.Itoa(n)))
	}
	return out
}

func editOne(t *testing.T, byKey map[schema.Key]schema.Resource, word []string) {
	t.Helper()
	if len(word) == 0 {
		return
	}
	remove := word[0] == "-"
	if remove {
		word = word[1:]
	}
	key := schema.Key{Kind: kinds[word[0]], Name: word[1]}
	was := byKey[key]
	switch {
	case remove && was == nil:
		t.Fatalf("there is no %s to take out", key)
	case remove:
		delete(byKey, key)
		return
	case was != nil:
		byKey[key] = schema.Clone(was)
	case key.Kind == schema.KindUser:
		byKey[key] = standard(key.Address())
	default:
		fresh, err := schema.New(key)
		if err != nil {
			t.Fatal(err)
		}
		byKey[key] = fresh
	}
	for _, w := range word[2:] {
		if err := set(byKey[key], w); err != nil {
			t.Fatal(err)
		}
	}
	schema.Normalize(byKey[key])
}

func set(r schema.Resource, word string) error {
	path, value, _ := strings.Cut(word, "=")
	value = strings.Trim(value, `"`)
	if path == "renamedFrom" {
		r.(*schema.User).RenamedFrom = schema.Address(value)
		return nil
	}
	field, ok := schema.FieldAt(r.Key().Kind, path)
	if !ok {
		return fmt.Errorf("%s has no field %s", r.Key(), path)
	}
	text, _ := json.Marshal(value)
	list, _ := json.Marshal(strings.Split(value, ","))
	var err error
	for _, v := range []schema.Value{schema.Value(value), schema.Value(text), schema.Value(list)} {
		if err = field.Set(r, v); err == nil {
			return nil
		}
	}
	return err
}

// organization reads the lines of a story, such as "deletes 5% atLeast 3",
// "minAdmins 2", "protected ceo@acme.example" and "unmanaged name quota".
func organization(t *testing.T, lines string) schema.Organization {
	t.Helper()
	org := lenient()
	for line := range strings.Lines(lines) {
		word := strings.Fields(line)
		if len(word) < 2 {
			continue
		}
		if err := organizationLine(&org, word[0], word[1:]); err != nil {
			t.Fatal(err)
		}
	}
	return org
}

func organizationLine(org *schema.Organization, name string, args []string) (err error) {
	guards := map[string]*schema.Guard{"deletes": &org.Guards.Deletes, "lockouts": &org.Guards.Lockouts, "updates": &org.Guards.Updates}
	switch name {
	case "minAdmins":
		org.Guards.MinAdmins, err = strconv.ParseInt(args[0], 10, 64)
	case "liveShrink":
		org.Guards.LiveShrink, err = schema.ParsePercent(args[0])
	case "licences": // licences 10 20 5GiB: basic, enhanced, storage
		if len(args) != 3 {
			return fmt.Errorf("licences: want 10 20 5GiB")
		}
		basic, bad := strconv.ParseInt(args[0], 10, 64)
		enhanced, wrong := strconv.ParseInt(args[1], 10, 64)
		org.Licences.Basic, org.Licences.Enhanced = &basic, &enhanced
		org.Licences.Storage, err = schema.ParseBytes(args[2])
		err = errors.Join(bad, wrong, err)
	case "unmanaged":
		org.Unmanaged = args
	case "backup-pop-only":
		org.Rules.BackupPOPOnly = args[0]
	case "window": // window 24h 10% 20%: deletes and lockouts
		if len(args) != 3 {
			return fmt.Errorf("window: want 24h 10%% 20%%")
		}
		w := &org.Guards.Window
		err = errors.Join(w.Per.UnmarshalText([]byte(args[0])), w.Deletes.UnmarshalText([]byte(args[1])), w.Lockouts.UnmarshalText([]byte(args[2])))
	case "protected":
		for _, a := range args {
			org.Protected = append(org.Protected, schema.Address(a))
		}
	default:
		guard := guards[name]
		if guard == nil || len(args) != 3 {
			return fmt.Errorf("cannot read the organization's %q", name)
		}
		if guard.Max, err = schema.ParsePercent(args[0]); err == nil {
			guard.AtLeast, err = strconv.ParseInt(args[2], 10, 64)
		}
	}
	return err
}

// observed reads lines such as {"ana@acme.example": {"addOnSharing": "private"}}.
func observed(t *testing.T, data []byte) map[schema.Address]schema.Observed {
	t.Helper()
	var out map[schema.Address]schema.Observed
	if len(data) == 0 {
		return out
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// ask puts the flags of a section's name into a plan's input, such as
// "--allow deletes=7 --only User/* --actor ana@acme.example --last 100".
func ask(t *testing.T, in reconcile.Input, flags []string) reconcile.Input {
	t.Helper()
	for len(flags) > 1 {
		value := flags[1]
		switch flags[0] {
		case "--allow":
			a, err := reconcile.ParseAllowance(value)
			if err != nil {
				t.Fatal(err)
			}
			in.Allow = append(in.Allow, a)
		case "--only":
			in.Only = append(in.Only, value)
		case "--exclude":
			in.Exclude = append(in.Exclude, value)
		case "--actor":
			in.Actor = schema.Address(value)
		case "--spent": // deletes and lockouts of a run an hour ago
			n, _ := strconv.Atoi(value)
			in.Runs = append(in.Runs, reconcile.Run{ID: 6, At: now.Add(-time.Hour), LiveUsers: 1, Counts: reconcile.Counts{Deletes: n, Lockouts: n}})
		case "--last":
			users, _ := strconv.Atoi(value)
			in.Runs = []reconcile.Run{{ID: 7, LiveUsers: users}}
		default:
			t.Fatalf("unknown flag %s", flags[0])
		}
		flags = flags[2:]
	}
	return in
}

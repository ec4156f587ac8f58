package resolve_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// weakenings is which values loosen an enforced one, and which do not, for
// every inheritable field.
var weakenings = []struct {
	path, enforced string
	allowed        []string
	looser         []string
}{
	{"role", "admin", []string{"admin", "member"}, []string{"superAdmin"}},
	{"role", "member", []string{"member"}, []string{"admin", "superAdmin"}},
	{"status", "suspended", []string{"suspended", "deactivated"}, []string{"active"}},
	{"status", "active", []string{"active", "suspended", "deactivated"}, nil},
	{"accountType", "basic", []string{"basic", "enhanced"}, nil},
	{"quota", "5GiB", []string{"5GiB", "5120MiB", "1MB"}, []string{"5.5GiB", "unlimited"}},
	{"quota", "unlimited", []string{"1GiB", "unlimited"}, nil},
	{"language", "pt", []string{"en"}, nil},
	{"timezone", "UTC", []string{"Asia/Tokyo"}, nil},
	{"forwarding.to", "[a@x.example, b@x.example]", []string{"[a@x.example]", "[B@x.example, a@x.example]", "[]"}, []string{"[c@x.example]", "[a@x.example, c@x.example]"}},
	{"forwarding.to", "[]", []string{"[]"}, []string{"[a@x.example]"}},
	{"forwarding.keepCopy", "true", []string{"false", "true"}, nil},
	{"forwarding.keepCopy", "false", []string{"false", "true"}, nil},
	{"mailboxActions.incoming", "false", []string{"false"}, []string{"true"}},
	{"mailboxActions.outgoing", "false", []string{"false"}, []string{"true"}},
	{"mailboxActions.spamCheck", "true", []string{"true"}, []string{"false"}},
	{"mailboxActions.spamCheck", "false", []string{"true", "false"}, nil},
	{"mailboxActions.imap", "false", []string{"false"}, []string{"true"}},
	{"mailboxActions.imap", "true", []string{"false", "true"}, nil},
	{"mailboxActions.pop", "false", []string{"false"}, []string{"true"}},
	{"mailboxActions.activeSync", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.autoresponder", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.forwarding", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.filters", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.allowBlockList", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.sharedFolders", "false", []string{"false"}, []string{"true"}},
	{"permissions.features.changePassword", "false", []string{"false"}, []string{"true"}},
	{"permissions.services.webmail", "false", []string{"false"}, []string{"true"}},
	{"permissions.services.smtp", "false", []string{"false"}, []string{"true"}},
	{"permissions.services.manageSieve", "false", []string{"false"}, []string{"true"}},
	{"permissions.onlyLocalSMTP", "true", []string{"true"}, []string{"false"}},
	{"permissions.onlyLocalSMTP", "false", []string{"true", "false"}, nil},
	{"permissions.accessHours", `{mon: ["09:00-12:00", "12:00-17:00"], tue: ["00:00-24:00"]}`,
		[]string{`{mon: ["09:00-17:00"]}`, `{mon: ["10:00-11:00", "13:00-17:00"], tue: ["23:00-24:00"]}`, "{}", "{wed: []}"},
		[]string{"unrestricted", `{mon: ["08:59-12:00"]}`, `{mon: ["16:00-17:01"]}`, `{wed: ["09:00-09:01"]}`, `{timezone: Asia/Tokyo, mon: ["10:00-11:00"]}`}},
	{"permissions.accessHours", "unrestricted", []string{"{}", "unrestricted"}, nil},
	{"permissions.sendAs", "[boss@acme.example]", []string{"[boss@acme.example]", "[]"}, []string{"[boss@acme.example, other@acme.example]"}},
	{"permissions.trustedNetworks", `[10.0.0.0/8, "2001:db8::/32"]`,
		[]string{"[10.1.0.0/16]", "[10.0.0.0/8]", "[10.9.9.9]", `["2001:db8:1::/48", 10.0.0.0/9]`},
		[]string{"[]", "[10.0.0.0/7]", "[192.0.2.1]", "[10.0.0.0/8, 192.0.2.1]", `["2001:db9::/32"]`, `["::/0"]`}},
	{"permissions.trustedNetworks", "[]", []string{"[]", "[192.0.2.1]"}, nil},
	{"mailAddOn.backup", "onDeactivation", []string{"onDeactivation"}, []string{"off"}},
	{"mailAddOn.backup", "off", []string{"onDeactivation", "off"}, nil},
	{"lock.mailAddOn", "locked", []string{"locked"}, []string{"unlocked"}},
	{"lock.mailAddOn", "unlocked", []string{"locked", "unlocked"}, nil},
}

// setting writes a value at a path as YAML.
func setting(path, value string) string {
	steps := strings.Split(path, ".")
	return strings.Join(steps, ": {") + ": " + value + strings.Repeat("}", len(steps)-1) + "\n"
}

// TestWeakening holds the table.
func TestWeakening(t *testing.T) {
	var text strings.Builder
	text.WriteString("kind: User\naddress: boss@acme.example\n---\nkind: User\naddress: other@acme.example\n---\n")
	want := make(map[string]string)
	for i, row := range weakenings {
		fmt.Fprintf(&text, "kind: Profile\nname: p%d\nenforced: true\n%s---\n", i, setting(row.path, row.enforced))
		for j, value := range slices.Concat(row.allowed, row.looser) {
			address := fmt.Sprintf("u%d.%d@acme.example", i, j)
			fmt.Fprintf(&text, "kind: User\naddress: %s\nprofiles: [p%d]\n%s---\n", address, i, setting(row.path, value))
			want[address] = fmt.Sprintf("%s: %s under %s", row.path, value, row.enforced)
			if j < len(row.allowed) {
				want[address] += " is allowed"
			}
		}
	}
	decls, problems, err := load.FS(t.Context(), fstest.MapFS{load.Root: {Data: []byte(root)}, "x.yaml": {Data: []byte(text.String())}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	_, problems = resolve.At(decls, time.Now(), nil)
	for _, p := range problems {
		if p.Rule == "weakening" && strings.HasSuffix(want[p.Name], "allowed") {
			t.Errorf("%s; and yet: %s", want[p.Name], p)
		}
		delete(want, p.Name)
	}
	for _, what := range want {
		if !strings.HasSuffix(what, "allowed") {
			t.Errorf("%s was not found", what)
		}
	}
}

// TestWeakeningOfEveryField: the table forgets no field.
func TestWeakeningOfEveryField(t *testing.T) {
	for _, f := range schema.Fields(schema.KindUser) {
		if slices.Contains([]string{"name", "password", "travelMode"}, f.Path) {
			continue // no profile sets these
		}
		found := false
		for _, row := range weakenings {
			found = found || row.path == f.Path
		}
		if !found {
			t.Errorf("%s is not in the table", f.Path)
		}
	}
}

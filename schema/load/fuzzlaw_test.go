package load

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"mailops/schema"
)

// FuzzLaw: the law that was taken apart accepts what CUE accepts when it judges
// the whole document, and nothing else: but for what Go refuses beyond the law.
func FuzzLaw(f *testing.F) {
	for i := range 40 {
		f.Add([]byte(fmt.Sprintf("%c seed %d of the mutations: %c%c%c", i, i*7919, 200-i, i*5, 91+i)))
	}
	f.Add([]byte{})
	both := newBoth(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := mutator{data: data}
		both.compare(t, m.document(t))
	})
}

// TestLaw: the same for each valid document, and for it with each of its values
// in turn left out or replaced.
func TestLaw(t *testing.T) {
	both := newBoth(t)
	for _, text := range valid {
		nodes, problems := parse("x.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if !both.compare(t, nodes[0]) {
			t.Errorf("is refused:\n%s", text)
		}
		for i := range count(&nodes[0]) {
			for _, with := range []*schema.Node{nil, {}, {Kind: schema.Bool, Text: "true"}, {Kind: schema.Int, Text: "-1"}, {Kind: schema.Float, Text: "1.5"},
				{Kind: schema.String}, {Kind: schema.Sequence}, {Kind: schema.Mapping}} {
				body, at := clone(nodes[0]), i
				replace(&body, &at, with)
				if kind := body.Get("kind"); kind != nil && kind.Kind == schema.String && kind.Text != "" {
					both.compare(t, body)
				}
			}
		}
	}
}

// count counts the nodes below n.
func count(n *schema.Node) int {
	out := len(n.Items)
	for i := range n.Items {
		out += count(&n.Items[i])
	}
	return out
}

// replace puts another value in the place of the node of that number, or takes
// it out.
func replace(n *schema.Node, number *int, with *schema.Node) {
	for i := range n.Items {
		if *number == 0 && with == nil {
			n.Items = append(n.Items[:i:i], n.Items[i+1:]...)
		} else if *number == 0 {
			key := n.Items[i].Key
			n.Items[i] = *with
			n.Items[i].Key = key
		}
		if *number--; *number < 0 {
			return
		}
		if replace(&n.Items[i], number, with); *number < 0 {
			return
		}
	}
}

// A both judges by the law in both forms.
type both struct {
	law  *law
	root cue.Value
}

func newBoth(t testing.TB) both {
	t.Helper()
	l, err := compileLaw()
	if err != nil {
		t.Fatal(err)
	}
	root, err := buildLaw(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	return both{l, root}
}

// compare reports whether both accept a document.
func (b both) compare(t *testing.T, body schema.Node) bool {
	t.Helper()
	def := b.root.LookupPath(cue.MakePath(cue.Def(body.Get("kind").Text)))
	whole := cueErrors(def, b.root.Context().BuildExpr(expr(&body)))
	_, problems := b.law.declaration("x.yaml", clone(body))
	switch {
	case len(problems) == 0 && len(whole) > 0:
		t.Fatalf("CUE refuses what was accepted: %v\n%s", whole, show(&body, ""))
	case len(whole) == 0:
		for _, p := range problems {
			if !beyond(p) {
				t.Fatalf("CUE accepts what was refused: %s\n%s", p, show(&body, ""))
			}
		}
	}
	return len(problems) == 0 && len(whole) == 0
}

// beyond reports whether a problem is one that Go finds beyond the law.
func beyond(p schema.Problem) bool {
	return p.Rule == "password-plain" || strings.Contains(p.Message, "RFC 5") || strings.Contains(p.Message, "holds more than")
}

// valid are documents to begin with, which between them set every field.
var valid = []string{
	`kind: User
apiVersion: mailops/v1
address: ana.silva@acme.example
name: Ana Silva
role: admin
status: active
profiles: [everyone, sales]
accountType: enhanced
quota: 50GiB
language: pt
timezone: Europe/Lisbon
password: {hash: "{ARGON2ID}$argon2id$v=19$x"}
signingKeys: ["ssh-ed25519 AAAA ana"]
forwarding: {to: [ana@partner.example], keepCopy: true}
mailboxActions: {incoming: true, outgoing: true, spamCheck: true, imap: true, pop: false, activeSync: true}
permissions:
  features: {autoresponder: true, forwarding: false, filters: true, allowBlockList: true, sharedFolders: true, changePassword: true}
  services: {webmail: true, smtp: true, manageSieve: true}
  onlyLocalSMTP: false
  accessHours: {timezone: Europe/Lisbon, mon: ["09:00-13:00", "14:00-18:00"], tue: [], wed: ["00:00-24:00"], thu: [], fri: [], sat: [], sun: []}
  sendAs: [bruno@acme.example]
  trustedNetworks: [10.0.0.0/8]
travelMode: {until: 2026-12-10}
mailAddOn: {backup: onDeactivation}
lock: {mailAddOn: locked}
schedule: [{from: 2026-12-24T18:00, until: 2027-01-04T08:00, reason: leave, set: {mailboxActions: {outgoing: false}, permissions: {accessHours: unrestricted}}}]
renamedFrom: a.silva@acme.example
`,
	"kind: User\naddress: bruno@acme.example\npassword: {fromEnv: BRUNO}\npermissions: {accessHours: unrestricted}\n",
	"kind: Profile\nname: sales\ndescription: Sells.\nprofiles: [everyone]\nenforced: true\nquota: unlimited\nmailboxActions: {imap: true}\n",
	"kind: Domain\nname: acme.example\ncatchAll: office@acme.example\ntimezone: UTC\n",
	"kind: Alias\naddress: office@acme.example\nto: [ana@acme.example, bruno@acme.example]\n",
	"kind: DistributionList\naddress: team@acme.example\nmembers: [ana@acme.example]\nposting: members\n",
	`kind: Organization
apiVersion: mailops/v1
name: acme
timezone: UTC
defaults: {profiles: [everyone]}
licences: {basic: 400, enhanced: 50, storage: 4TiB}
unmanaged: [mailboxActions.spamCheck]
guards: {deletes: {max: 5%, atLeast: 3}, lockouts: {max: 10%, atLeast: 5}, updates: {max: 40.5%, atLeast: 20}, minAdmins: 2, liveShrink: 20%}
protected: [ana@acme.example]
rules: {backup-pop-only: off}
`,
}

// words are values at the edge of what the law allows, and keys.
var words = []string{"", "x", "true", "unrestricted", "unlimited", "member", "off", "on", "locked", "anyone", "mailops/v1", "mailops/v2", "5%", "100.1%", "0.5%", "100%", "5GiB", "05GiB", "0.0GiB", "0.10GiB", "0.000001B",
	"2026-12-24", "2026-12-24T24:00", "2026-12-24T18:00+01:00", "2026-02-31", "09:00-24:00", "24:00-24:00", "ana@acme.example", "ANA@Acme.Example", "jo\u0301@b\u00fccher.example", "a@b", "a@b.c.", strings.Repeat("x", 70) + "@acme.example",
	"acme.example", "xn--a.example", "Europe/Lisbon", "pt-BR", "p", "10.0.0.1/33", "::1", "1.2.3.4.5", "{X}y", "{PLAIN}secret", "ssh-rsa AAAA", strings.Repeat("n", 200), strings.Repeat("n", 201), "line\nbreak", "\u0085", "\u202e", "a\x00b",
	"address", "name", "kind", "to", "members", "profiles", "hash", "fromEnv", "plain", "mon", "timezone", "until", "from", "set", "max", "atLeast", "imap", "apiVersion", "accessHours", "a.b", "_hidden", "#Def", "$ref", "backup-pop-only", "basic"}

// numbers are whole ones at the edge of what the law allows.
var numbers = []string{"0", "-1", "1", "10000", "10001", "10000000", "10000001", "1000000", "1000001", "9223372036854775807", "99999999999999999999999999", "-0", "007", "00"}

// A mutator makes documents out of fuzz bytes.
type mutator struct{ data []byte }

func (m *mutator) byte() int {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return int(b)
}

// document is one of the valid ones with some mutations.
func (m *mutator) document(t *testing.T) schema.Node {
	t.Helper()
	nodes, problems := parse("x.yaml", []byte(valid[m.byte()%len(valid)]))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	body := nodes[0]
	for len(m.data) > 0 {
		at := &body
		for len(at.Items) > 0 {
			next := &at.Items[m.byte()%len(at.Items)]
			if m.byte()%4 == 0 {
				break
			}
			at = next
		}
		last := len(body.Items) - 1
		switch {
		case at != &body && at.Key != "kind":
			m.mutate(at)
			continue
		case at == &body && m.byte()%3 == 0 && body.Items[last].Key != "kind":
			body.Items = body.Items[:last]
			continue
		case at == &body && m.byte()%3 == 0 && len(body.Items) > 2:
			body.Items = append(body.Items[:1:1], body.Items[2:]...) // behind the kind
			continue
		}
		if name := m.word(); body.Get(name) == nil {
			body.Items = append(body.Items, m.value(name, 0))
		}
	}
	return body
}

// mutate changes a node, or what it holds.
func (m *mutator) mutate(n *schema.Node) {
	switch m.byte() % 5 {
	case 0:
		*n = m.value(n.Key, 0)
	case 1:
		if len(n.Items) > 0 {
			i := m.byte() % len(n.Items)
			n.Items = append(n.Items[:i:i], n.Items[i+1:]...)
		}
	case 2:
		if n.Kind == schema.Sequence {
			n.Items = append(n.Items, m.value("", 0))
		}
	case 3:
		name := m.word()
		if n.Kind == schema.Mapping && n.Get(name) == nil {
			n.Items = append(n.Items, m.value(name, 0))
		}
	case 4:
		if n.Kind == schema.String {
			n.Text = m.word()
		}
	}
}

// word is one of the words, or some of the fuzz bytes.
func (m *mutator) word() string {
	i := m.byte()
	if i < len(words) || len(m.data) == 0 {
		return words[i%len(words)]
	}
	some := m.data[:min(len(m.data), i%16)]
	m.data = m.data[len(some):]
	if !utf8.Valid(some) {
		return fmt.Sprintf("%x", some)
	}
	return string(some)
}

func (m *mutator) value(key string, depth int) schema.Node {
	n := schema.Node{Key: key}
	switch kind := schema.NodeKind(m.byte() % 7); {
	case kind == schema.Bool:
		n.Kind, n.Text = schema.Bool, []string{"true", "false"}[m.byte()%2]
	case kind == schema.Int:
		n.Kind, n.Text = schema.Int, numbers[m.byte()%len(numbers)]
	case kind == schema.Float:
		n.Kind, n.Text = schema.Float, "1.5"
	case kind == schema.String:
		n.Kind, n.Text = schema.String, m.word()
	case kind == schema.Sequence && depth < 3:
		n.Kind = schema.Sequence
		for range m.byte() % 3 {
			n.Items = append(n.Items, m.value("", depth+1))
		}
	case kind == schema.Mapping && depth < 3:
		n.Kind = schema.Mapping
		for range m.byte() % 3 {
			if name := m.word(); n.Get(name) == nil {
				n.Items = append(n.Items, m.value(name, depth+1))
			}
		}
	}
	return n
}

func clone(n schema.Node) schema.Node {
	items := make([]schema.Node, len(n.Items))
	for i := range n.Items {
		items[i] = clone(n.Items[i])
	}
	n.Items = items
	return n
}

// show prints a document for a failure.
func show(n *schema.Node, indent string) string {
	out := fmt.Sprintf("%s%q: %s %q\n", indent, n.Key, n.Kind, n.Text)
	for i := range n.Items {
		out += show(&n.Items[i], indent+"  ")
	}
	return out
}

package schema_test

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]schema.Bytes{
		"unlimited":            schema.Unlimited,
		"1B":                   1,
		"5GiB":                 5 << 30,
		"5GB":                  5e9,
		"0.5KiB":               512,
		"1.5GB":                15e8,
		"0.000001MB":           1,
		"1TiB":                 1 << 40,
		"1024MiB":              1 << 30,
		"9223372036854775807B": math.MaxInt64,
	} {
		if got, err := schema.ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "GiB", "5 GiB", "5gib", "-5GiB", "+5GiB", "0GiB", "0.0GiB", "0.1B", "1.5B",
		"1e3GiB", "0x10GiB", "0b1GiB", "1_000GiB", "1/2GiB", "9223372036854775808B", "9000000TiB", ".5GiB", "5.GiB",
		"1..5GiB", "NaNGiB", "infGiB", "Unlimited", "5GiBB", "٥GiB"} {
		if got, err := schema.ParseBytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]schema.Percent{"0%": 0, "5%": 50, "2.5%": 25, "100%": 1000, "0.1%": 1, "99.9%": 999} {
		if got, err := schema.ParsePercent(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "5", "-1%", "-0%", "100.1%", "101%", "NaN%", "Inf%", "0x1p2%", "1e1%", "1_0%", "+5%", "5%%", "5 %", "2.55%", ".5%", "5.%"} {
		if got, err := schema.ParsePercent(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestPercentOf(t *testing.T) {
	for _, c := range []struct {
		share schema.Percent
		n     int
		want  int
	}{{50, 100, 5}, {50, 19, 0}, {50, 20, 1}, {25, 1000, 25}, {1000, 7, 7}, {0, 1000, 0}, {1, 999, 0}, {1, 1000, 1}, {999, 10_000_000, 9_990_000}} {
		if got := c.share.Of(c.n); got != c.want {
			t.Errorf("%s of %d: got %d, want %d", c.share, c.n, got, c.want)
		}
	}
	guard := schema.Guard{Max: 50, AtLeast: 3}
	for n, want := range map[int]int{0: 3, 10: 3, 60: 3, 80: 4, 1000: 50} {
		if got := guard.Limit(n); got != want {
			t.Errorf("the guard's limit of %d: got %d, want %d", n, got, want)
		}
	}
}

func TestParseHours(t *testing.T) {
	for text, want := range map[string]schema.Hours{
		"09:00-17:30": {Start: 540, End: 1050}, "00:00-24:00": {Start: 0, End: 1440}, "23:59-24:00": {Start: 1439, End: 1440},
		"17:00-09:00": {Start: 1020, End: 540}, // the order is the rule window-order's to judge
	} {
		got, err := schema.ParseHours(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "09:00", "09:00-", "9-10", "09:60-10:00", "24:01-24:02", "25:00-26:00", "-1:00-10:00", "+9:00-10:00", "09:00-17:00-18:00", "09.00-10.00", "9:00-10:00", "09:0-10:00"} {
		if got, err := schema.ParseHours(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

// FuzzValues holds that what parses prints, and reads back as the same value,
// and that what the law's patterns accept parses.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"5GiB", "0.5KB", "unlimited", "2.5%", "100%", "09:00-17:30", "00:00-24:00", "NaN%", "1e9TiB", "999999999999999999.999999TiB"} {
		f.Add(seed)
	}
	root := law(&testing.T{})
	pattern := func(definition string) *regexp.Regexp {
		_, args := root.LookupPath(cue.MakePath(cue.Def(definition))).Expr()
		text, _ := args[len(args)-1].String()
		return regexp.MustCompile(text)
	}
	percent, hours, quota := pattern("Percent"), pattern("Hours"), pattern("Quota")
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := schema.ParseBytes(text); err == nil {
			again, err := schema.ParseBytes(b.String())
			if err != nil || again != b || b < 0 {
				t.Errorf("%q is %d, prints as %s, which is %d, %v", text, b, b, again, err)
			}
			if !quota.MatchString(b.String()) {
				t.Errorf("%q prints as %s, which the law refuses", text, b)
			}
		}
		p, err := schema.ParsePercent(text)
		if again, errAgain := schema.ParsePercent(p.String()); err == nil && (errAgain != nil || again != p || p < 0 || p > 1000) {
			t.Errorf("%q is %d, prints as %s, which is %d, %v", text, p, p, again, errAgain)
		}
		if err != nil && percent.MatchString(text) {
			t.Errorf("%q: the law accepts what ParsePercent does not: %v", text, err)
		}
		h, err := schema.ParseHours(text)
		if again, errAgain := schema.ParseHours(h.String()); err == nil && (errAgain != nil || again != h) {
			t.Errorf("%q is %v, prints as %s, which is %v, %v", text, h, h, again, errAgain)
		}
		if err != nil && hours.MatchString(text) {
			t.Errorf("%q: the law accepts what ParseHours does not: %v", text, err)
		}
	})
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		address       schema.Address
		local, domain string
	}{
		{"ana@acme.example", "ana", "acme.example"},
		{`a@b@acme.example`, "a@b", "acme.example"},
		{"@acme.example", "", "acme.example"},
		{"acme.example", "", "acme.example"}, // a domain's name, as a key holds it
		{"", "", ""},
	} {
		if c.address.Local() != c.local || c.address.Domain() != c.domain {
			t.Errorf("%q: got %q and %q, want %q and %q", c.address, c.address.Local(), c.address.Domain(), c.local, c.domain)
		}
	}
	got := []schema.Address{"b@b.example", "a@b.example", "z@a.example", "a@a.example"}
	slices.SortFunc(got, schema.Address.Compare)
	want := []schema.Address{"a@a.example", "z@a.example", "a@b.example", "b@b.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSecrets(t *testing.T) {
	secrets := schema.Secrets{}
	const hash = "{ARGON2ID}$argon2id$v=19$canary"
	f := secrets.Add(hash)
	if secrets[f] != hash || f != schema.Fingerprint(hash) || f == schema.Fingerprint(hash+"x") {
		t.Errorf("the fingerprint is %q", f)
	}
	if strings.Contains(string(f), "canary") || secrets.Add("") != "" || len(secrets) != 1 {
		t.Errorf("the fingerprint %q, and %d secrets", f, len(secrets))
	}
}

func TestValueText(t *testing.T) {
	for value, want := range map[schema.Value]string{
		"": "none", "true": "on", "false": "off", `"5GiB"`: "5GiB", `["a","b"]`: "a, b", `[]`: "", "7": "7", `{"until":"x"}`: `{"until":"x"}`,
	} {
		if got := value.Text(); got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

// TestValueJSON: a value that went through a file, indented and escaped
// otherwise, is the same value.
func TestValueJSON(t *testing.T) {
	for _, value := range []schema.Value{"", "true", `"a \u003cb\u003e"`, `["ana@acme.example"]`, `{"mon":["09:00-17:00"]}`} {
		data, err := json.MarshalIndent(map[string]schema.Value{"v": value}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]schema.Value
		if err := json.Unmarshal(data, &back); err != nil || back["v"] != value {
			t.Errorf("%s: got %s, %v", value, back["v"], err)
		}
	}
	var v schema.Value
	if err := json.Unmarshal([]byte(`{`), &v); err == nil {
		t.Error("broken JSON was read")
	}
}

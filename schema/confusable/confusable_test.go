package confusable_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mailops/schema/confusable"
)

func TestPair(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"admin", "аdmin", true},               // Cyrillic а
		{"paypal", "pаypаl", true},             // two Cyrillic а
		{"аdmin", "admіn", true},               // Cyrillic а; Cyrillic і
		{"sosa", "ѕоѕа", true},                 // Cyrillic throughout
		{"office", "οffice", true},             // Greek omicron
		{"joao", "jοaο", true},                 // Greek omicrons
		{"info", "ınfo", true},                 // dotless ı
		{"marta", "rnаrta", true},              // rn for m, and a Cyrillic а
		{"sales", "ｓales", true},               // fullwidth s
		{"acme.example", "acmе.example", true}, // Cyrillic е
		{"team", "te\u034fam", true},           // an invisible joiner
		{"ana\u0301", "an\u00e1", true},        // one text, decomposed and not
		{"admin", "admin", false},
		{"marta", "rnarta", false}, // ASCII alone
		{"l0", "1o", false},
		{"anna1", "annal", false},
		{"joao", "joão", false},
		{"andre", "andré", false},
		{"muller", "müller", false},
		{"mueller", "müller", false},
		{"strasse", "straße", false},
		{"acucar", "açúcar", false},
		{"jorgen", "jørgen", false},
		{"lukasz", "łukasz", false},
		{"елена", "elena", false},
		{"γιώργος", "giorgos", false},
		{"γιώργος", "γιωργος", false},
		{"田中", "田口", false},
		{"はなこ", "ハナコ", false},
	}
	for _, tt := range tests {
		if got := confusable.Pair(tt.a, tt.b); got != tt.want {
			t.Errorf("Pair(%+q, %+q) = %v: %q, %q", tt.a, tt.b, got, confusable.Skeleton(tt.a), confusable.Skeleton(tt.b))
		}
		if confusable.Pair(tt.a, tt.b) != confusable.Pair(tt.b, tt.a) {
			t.Errorf("Pair(%+q, %+q) depends on the order", tt.a, tt.b)
		}
	}
}

// ordinary are names as they stand in address books, each in one language.
var ordinary = strings.Fields(`
	joão.gonçalves inês conceição antónio.magalhães são.josé ângela simões avô àqueda lisboa
	jürgen.groß müller käthe größe österreich weiß straße schäfer bärbel
	γιώργος.παπαδόπουλος ελένη αλέξανδρος μαρία οικονόμου δημήτρης
	田中太郎 山田はなこ 佐藤マリコ スズキ さくら 高橋ひろし 東京office ドメイン 渡辺 田中tanaka
	김철수 이영희 korea한국 王小明 李娜 張偉 ㄅㄆㄇ注音
	елена иван пётр олена.шевченко ђорђе łukasz žižek çelik ışık åse øystein nuñez
	שלום محمد आशा สมชาย`)

func TestOrdinary(t *testing.T) {
	seen := make(map[string]string)
	for _, name := range ordinary {
		if confusable.MixedScript(name) {
			t.Errorf("%s is said to mix scripts", name)
		}
		skeleton := confusable.Skeleton(name)
		if other, ok := seen[skeleton]; ok && confusable.Pair(name, other) {
			t.Errorf("%s is said to look like %s", name, other)
		}
		seen[skeleton] = name
	}
}

func TestMixedScript(t *testing.T) {
	for s, want := range map[string]bool{
		"":            false,
		"ana.silva+1": false,
		"123":         false,
		"аdmin":       true, // Cyrillic, Latin
		"pаypаl":      true,
		"οffice":      true, // Greek, Latin
		"иvan":        true,
		"αлфа":        true, // Greek, Cyrillic
		"сосо":        false,
		"東京tokyoさくら":  false,
		"東京ㄅa":        false,
		"東京한국a":       false,
		"ㄅさ":          true, // Bopomofo, Hiragana
		"한さ":          true, // Hangul, Hiragana
		"東京б":         true, // Han, Cyrillic
		"e\u0301µ²":   false,
		"ana.αβγ":     true,

		"елена@acme.example":   false, // each part in one script
		"елена@пример.example": false,
		"ana@acmе.example":     true, // Cyrillic е
		"еlena@пример.example": true,
	} {
		if got := confusable.MixedScript(s); got != want {
			t.Errorf("MixedScript(%q) = %v", s, got)
		}
	}
}

// TestASCII ties the short cut for ASCII to the table.
func TestASCII(t *testing.T) {
	for c := byte('!'); c <= '~'; c++ {
		if 'A' <= c && c <= 'Z' || strings.IndexByte("\"(),:;<>[\\]`", c) >= 0 {
			continue // not in a canonical address
		}
		long := strings.TrimSuffix(confusable.Skeleton(string(c)+"世"), "世")
		if short := confusable.Skeleton(string(c)); short != long {
			t.Errorf("Skeleton(%q) = %q, by the table %q", c, short, long)
		}
	}
}

// TestTable: every line of the embedded table is used, and it stays small.
func TestTable(t *testing.T) {
	data, err := os.ReadFile("confusables.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 100_000 {
		t.Errorf("%d bytes", len(data))
	}
	for line := range strings.Lines(string(data)) {
		var from rune
		if strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%X ", &from); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if s := string(from); from >= utf8.RuneSelf && confusable.Skeleton(s) == s {
			t.Errorf("%U is not replaced", from)
		}
	}
}

// FuzzSkeleton: no input panics; a text and its decomposition are one; a text
// looks like itself and is never a pair with itself.
func FuzzSkeleton(f *testing.F) {
	for _, s := range append(ordinary, "аdmin", "a\xff", "\u0345\u0301", "ǆ", "\U0001D400") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		skeleton := confusable.Skeleton(s)
		if utf8.ValidString(s) && confusable.Skeleton(norm.NFD.String(s)) != skeleton {
			t.Errorf("%+q and its decomposition differ", s)
		}
		if confusable.Pair(s, s) {
			t.Errorf("%+q is a pair with itself", s)
		}
		confusable.MixedScript(s)
	})
}

func BenchmarkSkeletonASCII(b *testing.B) {
	for b.Loop() {
		confusable.Skeleton("ana.silva@acme.example")
	}
}

func BenchmarkSkeleton(b *testing.B) {
	for b.Loop() {
		confusable.Skeleton("joão.gonçalves@acme.example")
	}
}

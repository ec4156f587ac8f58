package load_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

const mib = 1 << 20

// fill repeats a text up to the size of the largest file that is read.
func fill(text string) string { return strings.Repeat(text, 4*mib/len(text)) }

// each repeats a text n times, with a number in it.
func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// hostile are texts that are small and cost much, to naive readers at least:
// time and memory that grow faster than the text, or errors that do.
var hostile = map[string]func() string{
	"duplicate keys, 30 KB":   func() string { return strings.Repeat("a: 1\n", 6000) },
	"duplicate keys, 2 MB":    func() string { return strings.Repeat("a: 1\n", 290_000) },
	"duplicate keys, 4 MB":    func() string { return fill("a: 1\n") },
	"flow duplicate keys":     func() string { return "{" + strings.Repeat("a: 1,", 290_000) + "}" },
	"100,000 keys":            func() string { return each(100_000, "key%d: 1\n") },
	"40,000 users in one map": func() string { return "users:\n" + each(40_000, "  u%d: {quota: 5GiB, imap: true}\n") },
	"billion laughs": func() string {
		return "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" + laughs(20, "a%d: &a%d [*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d]\n")
	},
	"merge bomb":                 func() string { return "a0: &a0 {k: v}\n" + laughs(200, "a%d: &a%d {<<: [*a%[3]d,*a%[3]d]}\n") },
	"cyclic anchors":             func() string { return "a: &a [*a]\nb: &b {<<: *b, c: *a}\n" },
	"many anchors":               func() string { return each(200_000, "- &a%d x\n") },
	"one anchor, many aliases":   func() string { return "- &a x\n" + strings.Repeat("- *a\n", 290_000) },
	"unknown aliases":            func() string { return fill("- *b\n") },
	"open brackets":              func() string { return fill("[") },
	"open braces":                func() string { return fill("{a: ") },
	"brackets in brackets":       func() string { return strings.Repeat("[", 999) + strings.Repeat("]", 999) },
	"brackets beside brackets":   func() string { return strings.Repeat("- "+strings.Repeat("[", 900)+strings.Repeat("]", 900)+"\n", 300) },
	"steps of blocks":            func() string { return steps(2800, "a:\n") },
	"dashes of blocks":           func() string { return strings.Repeat("- ", 300_000) + "a" },
	"question marks":             func() string { return fill("? ") },
	"question marks in lines":    func() string { return strings.Repeat("? a\n", 290_000) },
	"numbers in brackets":        func() string { return "[" + fill("1,")[2:] },
	"numbers, under the limit":   func() string { return "[" + strings.Repeat("1,", 590_000) + "1]" },
	"dashes in lines":            func() string { return fill("- a\n") },
	"dashes, under the limit":    func() string { return strings.Repeat("- a\n", 290_000) },
	"a long plain text":          func() string { return "a: " + fill("x")[4:] },
	"a long quoted text":         func() string { return `a: "` + fill("x")[8:] + `"` },
	"escapes in quotes":          func() string { return `a: "` + fill(`\u0041`)[12:] + `"` },
	"a long key":                 func() string { return fill("x")[4:] + ": 1" },
	"a long block":               func() string { return "a: |\n" + strings.Repeat("  x\n", 590_000) },
	"a long folded block":        func() string { return "a: >\n" + strings.Repeat("  x\n\n", 290_000) },
	"a plain text in lines":      func() string { return "a: b\n" + strings.Repeat("  x\n", 590_000) },
	"an open quote":              func() string { return `a: "` + strings.Repeat("x y\n", 590_000) },
	"small documents":            func() string { return fill("---\n") },
	"documents, under the limit": func() string { return strings.Repeat("---\na\n", 110_000) },
	"unknown kinds":              func() string { return strings.Repeat("kind: Usr\n---\n", 90_000) },
	"colons":                     func() string { return fill(":") },
	"colons with blanks":         func() string { return fill(": ") },
	"keys of keys":               func() string { return fill("a: ") },
	"comments":                   func() string { return fill("#\n") },
	"comments, under the limit":  func() string { return strings.Repeat("# x\n", 590_000) },
	"one comment":                func() string { return "#" + fill("x")[4:] },
	"comments behind items":      func() string { return strings.Repeat("- a # c\n", 290_000) },
	"comments before items":      func() string { return strings.Repeat("# c\n- a\n", 190_000) },
	"comments in brackets":       func() string { return "[" + strings.Repeat("a, # c\n", 290_000) + "]" },
	"blanks":                     func() string { return fill(" ") },
	"line breaks":                func() string { return strings.Repeat("\n", 590_000) },
	"tabs":                       func() string { return fill("\t") },
	"tags":                       func() string { return fill("!a ") },
	"directives":                 func() string { return strings.Repeat("%TAG !a! b\n", 200_000) },
	"empty braces":               func() string { return fill("{}") },
	"letters of four bytes":      func() string { return "a: " + fill("🦊")[4:] },
	"unknown fields":             func() string { return user("ana") + each(140_000, "x%d: 1\n") },
	"unknown fields of many": func() string {
		return each(30_000, "kind: User\naddress: u%d@acme.example\nnmae: x\ncolour: red\n---\n")
	},
	"a long list of members": func() string {
		return "kind: DistributionList\naddress: l@acme.example\nmembers:\n" + each(99_000, "- u%d@partner.example\n")
	},
	"a long list of targets": func() string {
		return "kind: Alias\naddress: l@acme.example\nto:\n" + each(99_000, "- u%d@partner.example\n")
	},
	"wrong members": func() string { return "kind: Alias\naddress: l@acme.example\nto:\n" + each(99_000, "- u%d\n") },
	"unknown members": func() string {
		return "kind: Alias\naddress: l@acme.example\nto:\n" + each(99_000, "- u%d@acme.example\n")
	},
	"unknown targets of many": func() string {
		return each(40_000, "kind: Alias\naddress: a%d@acme.example\nto: [nobody@acme.example]\n---\n")
	},
	"unknown domains of many": func() string { return each(60_000, "kind: User\naddress: u%d@acmee.example\n---\n") },
	"domains and wrong domains": func() string {
		return each(20_000, "kind: Domain\nname: d%[1]d.example\n---\nkind: User\naddress: u@e%[1]d.example\n---\n")
	},
	"one address, many times": func() string { return strings.Repeat(user("ana")+"---\n", 90_000) },
	"many circles": func() string {
		return "kind: Alias\naddress: a0@acme.example\nto: [a1@acme.example]\n" + chain(40_000, "---\nkind: Alias\naddress: a%d@acme.example\nto: [a%d@acme.example, a0@acme.example]\n")
	},
	"a long circle of profiles": func() string { return chain(40_000, "---\nkind: Profile\nname: p%d\nprofiles: [p%d, p1]\n") },
	"a list for a boolean":      func() string { return user("ana") + "mailboxActions: {imap: [" + strings.Repeat("1,", 290_000) + "]}" },
	"a list for a password":     func() string { return user("ana") + "password: {hash: [" + strings.Repeat("1,", 290_000) + "]}" },
	"a list for a number": func() string {
		return "kind: Organization\nname: x\nlicences: {basic: [" + strings.Repeat("1,", 290_000) + "]}"
	},
	"unknown unmanaged fields": func() string {
		return "kind: Organization\nname: x\nunmanaged:\n" + strings.Repeat("- mailboxActions.imp\n", 99_000)
	},
	"a huge number": func() string {
		return "kind: Organization\nname: x\nlicences: {basic: " + strings.Repeat("9", 65_000) + "}"
	},
	"a huge hex number": func() string {
		return "kind: Organization\nname: x\nlicences: {basic: 0x" + strings.Repeat("f", 65_000) + "}"
	},
	"many distinct numbers": func() string {
		return each(40_000, "kind: Organization\nname: x\nguards: {minAdmins: %d}\nlicences: {basic: 99999999999}\n---\n")
	},
	"time zones that are not": func() string {
		return each(10_000, "kind: User\naddress: u%[1]d@acme.example\ntimezone: Z%[1]d\n---\n")
	},
	"hours of a day": func() string {
		return user("ana") + "permissions: {accessHours: {mon: [" + strings.Repeat(`"09:00-10:00",`, 100_000) + "]}}"
	},
}

// laughs writes lines of which each names the one before it.
func laughs(n int, format string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, format, i, i, i-1)
	}
	return b.String()
}

// chain writes documents of which each names the next.
func chain(n int, format string) string {
	var b strings.Builder
	for i := 1; i <= n && b.Len() < 4*mib-200; i++ {
		fmt.Fprintf(&b, format, i, i+1)
	}
	return b.String()
}

// steps writes lines of which each is indented deeper.
func steps(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + line)
	}
	return b.String()
}

// TestHostile (a share of each text is enough under the race detector, which
// makes all of it ten times slower): each hostile text ends in problems or loads, and all of them
// together never take more memory than one large file may. 256 MiB is what a
// small CI runner can spare for it.
func TestHostile(t *testing.T) {
	const limit = 256 * mib
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit * 5 / 8)) // collect in time: what is live counts
	loader := newLoader(t)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			data := text()
			if len(data) > 4*mib {
				t.Fatalf("the text is of %d bytes: only its size would be looked at", len(data))
			}
			fsys := texts(map[string]string{"x.yaml": data[:len(data)/share]})
			data = ""
			runtime.GC()
			start := time.Now()
			_, problems, err := loader.FS(t.Context(), fsys)
			if err != nil {
				t.Fatal(err)
			}
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			if mem.HeapSys > limit {
				t.Errorf("the heap has grown to %d MiB", mem.HeapSys/mib)
			}
			for _, p := range problems[:min(len(problems), 10)] {
				checkPlace(t, fsys, p)
				if len(p.String()) > 2000 {
					t.Errorf("a problem of %d bytes: %.100s…", len(p.String()), p)
				}
			}
			t.Logf("%d problems in %v, heap %d MiB", len(problems), time.Since(start).Round(time.Millisecond), mem.HeapSys/mib)
		})
	}
}

package confusable

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// together are the scripts that one language mixes: those that UTS #39, section
// 5.2, allows at the restriction level Highly Restrictive.
var together = [][]string{
	{"Latin", "Han", "Hiragana", "Katakana"},
	{"Latin", "Han", "Bopomofo"},
	{"Latin", "Han", "Hangul"},
}

// MixedScript reports whether the local part of an address, or a label of its
// domain, has letters of scripts that no language writes together, such as a
// Cyrillic letter among Latin ones. A text without @ is taken as one such part.
// Letters that several scripts share count for none.
func MixedScript(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return mixed(s)
	}
	return mixed(s[:at]) || slices.ContainsFunc(strings.Split(s[at+1:], "."), mixed)
}

func mixed(part string) bool {
	var scripts []string
	for _, r := range part {
		if name := script(r); name != "" && !slices.Contains(scripts, name) {
			scripts = append(scripts, name)
		}
	}
	return len(scripts) > 1 && !slices.ContainsFunc(together, func(allowed []string) bool {
		return !slices.ContainsFunc(scripts, func(name string) bool { return !slices.Contains(allowed, name) })
	})
}

// script names the script of a letter; "" for all else, and for letters that
// belong to no one script or are not known.
func script(r rune) string {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return "Latin"
		}
		return ""
	}
	if !unicode.IsLetter(r) || unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	for name, letters := range unicode.Scripts {
		if unicode.Is(letters, r) {
			return name
		}
	}
	return ""
}

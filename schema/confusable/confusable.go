// Package confusable says which addresses can be taken for one another by
// people, after Unicode Technical Standard #39 (Unicode Security Mechanisms).
//
// Addresses are expected as schema has them, in lower case and NFC, but with
// the domain in its Unicode form, as people see it (the labels of a canonical
// address are ASCII; golang.org/x/net/idna gives their Unicode form back).
//
// Imports: the standard library and golang.org/x/text/unicode/norm.
package confusable

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run generate.go $CONFUSABLES

//go:embed confusables.txt
var table string

// prototypes maps a character to what it is mistaken for (UTS #39, section 4).
var prototypes = sync.OnceValue(func() map[rune]string {
	out := make(map[rune]string, strings.Count(table, "\n"))
	for line := range strings.Lines(table) {
		if codes := strings.Fields(line); codes[0] != "#" {
			out[character(codes[0])] = characters(codes[1:])
		}
	}
	return out
})

// character reads a code; that the embedded table is well-formed is tested.
func character(code string) rune {
	r, err := strconv.ParseUint(code, 16, 32)
	if err != nil {
		panic("confusable: " + err.Error())
	}
	return rune(r)
}

func characters(codes []string) string {
	var b strings.Builder
	for _, code := range codes {
		b.WriteRune(character(code))
	}
	return b.String()
}

// Pair reports whether two different texts look alike. Two texts of ASCII
// alone never do: rn and m, or l and 1, are for the reader to tell apart, and
// alarms about them would be about ordinary names.
func Pair(a, b string) bool {
	return a != b && !(isASCII(a) && isASCII(b)) && Skeleton(a) == Skeleton(b)
}

// Skeleton is equal for texts that look alike (UTS #39, section 4: decompose,
// drop what is invisible, replace by prototypes, decompose). To find the pairs
// among many texts, group them by skeleton and ask [Pair] within each group. A
// skeleton is for comparing only, and changes with the version of Unicode.
func Skeleton(s string) string {
	if isASCII(s) {
		return ascii.Replace(s)
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if invisible(r) {
			continue
		}
		if prototype, ok := prototypes()[r]; ok {
			b.WriteString(prototype)
			continue
		}
		b.WriteRune(r)
	}
	return norm.NFD.String(b.String())
}

// ascii are the prototypes of ASCII characters: a test ties them to the table.
var ascii = strings.NewReplacer("%", "º/₀", "0", "O", "1", "l", "m", "rn", "|", "l")

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// invisible reports whether a character of an address has the property
// Default_Ignorable_Code_Point (DerivedCoreProperties.txt), as far as letters
// and marks have it.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

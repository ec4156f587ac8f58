package main

import (
	"strings"
	"unicode/utf8"
)

// nearest is the name that was probably meant, of those that there are; "" when
// none is near.
func nearest(got string, names []string) string {
	local, _, _ := strings.Cut(got, "@") // the domain of an address is mostly right
	best, most := "", 1                  // about as many slips as a typing hand makes
	for _, length := range []int{4, 16} {
		if utf8.RuneCountInString(local) >= length {
			most++
		}
	}
	for _, name := range names {
		if d := slips(got, name, most); d <= most && d > 0 {
			best, most = name, d-1
		}
	}
	return best
}

// slips counts the letters to insert, delete or replace between two names; more
// than most is said as most+1.
func slips(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > most || -d > most {
		return most + 1
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			replaced := diagonal
			if x[i] != y[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(y)], most+1)
}

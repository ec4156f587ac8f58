//go:build ignore

// This program makes confusables.txt from the data file of the same name of
// Unicode Technical Standard #39:
//
//	go run generate.go DATAFILE
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// punctuation is what may stand in an address beside letters, marks and digits:
// #Address of the law.
const punctuation = "!#$%&'*+/=?^_{|}~-.@"

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run generate.go DATAFILE")
	}
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	lines, err := table(string(data))
	if err != nil {
		log.Fatal(err)
	}
	text := header(string(data)) + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile("confusables.txt", []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}

// header names the source and the terms under which it is used.
func header(data string) string {
	version := regexp.MustCompile(`(?m)^# Version: (.+)$`).FindStringSubmatch(data)
	date := regexp.MustCompile(`(?m)^# Date: (.+)$`).FindStringSubmatch(data)
	if version == nil || date == nil {
		log.Fatal("the data file names no version or date")
	}
	return "# Made by generate.go; do not edit. Each line: a character, what it is mistaken for.\n" +
		"# Source: Unicode Security Mechanisms for UTS #39, confusables.txt,\n" +
		"# version " + strings.TrimSpace(version[1]) + ", " + strings.TrimSpace(date[1]) + ", reduced to what can occur in an address.\n" +
		"# © 2025 Unicode, Inc. Unicode License V3 (SPDX: Unicode-3.0), see LICENSE-Unicode.\n"
}

func table(data string) ([]string, error) {
	var out []string
	lines := bufio.NewScanner(strings.NewReader(strings.TrimPrefix(data, "\ufeff")))
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Split(text, ";")
		if len(fields) < 2 {
			continue
		}
		from, err := characters(fields[0])
		if err != nil {
			return nil, err
		}
		to, err := characters(fields[1])
		if err != nil {
			return nil, err
		}
		if len(from) == 1 && inAddress(from[0]) {
			out = append(out, fmt.Sprintf("%05X %s", from[0], codes(to)))
		}
	}
	slices.Sort(out)
	return out, lines.Err()
}

// inAddress reports whether an address in lower case has the character once it
// is decomposed.
func inAddress(r rune) bool {
	s := string(r)
	return (unicode.In(r, unicode.L, unicode.M, unicode.N) || strings.ContainsRune(punctuation, r)) &&
		strings.ToLower(s) == s && norm.NFD.String(s) == s
}

func characters(codes string) ([]rune, error) {
	var out []rune
	for _, code := range strings.Fields(codes) {
		r, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			return nil, err
		}
		out = append(out, rune(r))
	}
	return out, nil
}

func codes(characters []rune) string {
	out := make([]string, len(characters))
	for i, r := range characters {
		out[i] = fmt.Sprintf("%X", r)
	}
	return strings.Join(out, " ")
}

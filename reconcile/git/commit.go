package git

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A commit is what its object says.
type commit struct {
	tree      id
	parents   []id
	author    person
	committer person
	message   string
}

// A person is who did something, and when.
type person struct {
	name, email string
	when        time.Time
}

// parseCommit reads a commit. Headers that git and other programs read in
// different ways are refused: what was reviewed would not be what is read.
func parseCommit(data []byte) (c commit, err error) {
	head, message, _ := bytes.Cut(data, []byte("\n\n"))
	seen := make(map[string]bool)
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		name, value, _ := strings.Cut(string(line), " ")
		if name == "" {
			continue // goes on with the header before
		}
		once := name == "tree" || name == "author" || name == "committer" || name == "gpgsig" || name == "encoding"
		if once && seen[name] {
			return c, fmt.Errorf("%w: a commit has two headers %s", ErrDamaged, name)
		}
		seen[name] = true
		ok := true
		switch name {
		case "tree":
			c.tree, ok = parseID(value)
		case "parent":
			var parent id
			parent, ok = parseID(value)
			ok = ok && seen["tree"] && !seen["author"]
			c.parents = append(c.parents, parent)
		case "author":
			c.author = parsePerson(value)
		case "committer":
			c.committer = parsePerson(value)
		}
		if !ok {
			return c, fmt.Errorf("%w: a commit has a wrong header %s", ErrDamaged, name)
		}
	}
	if !seen["tree"] || !seen["author"] || !seen["committer"] {
		return c, fmt.Errorf("%w: a commit lacks a header", ErrDamaged)
	}
	c.message = clean(string(message))
	return c, nil
}

// parsePerson reads "Ana Silva <ana@acme.example> 1767225600 +0100". What people
// have put there by accident is taken as it is; it only is shown.
func parsePerson(s string) (p person) {
	open, end := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return person{name: clean(s)}
	}
	p.name, p.email = clean(strings.TrimSpace(s[:open])), clean(s[open+1:end])
	seconds, zone, _ := strings.Cut(strings.TrimSpace(s[end+1:]), " ")
	if at, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		p.when = time.Unix(at, 0).In(parseZone(zone))
	}
	return p
}

func parseZone(s string) *time.Location {
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != 5 || n <= -2400 || n >= 2400 {
		return time.UTC
	}
	return time.FixedZone("", (n/100*60+n%100)*60)
}

// clean makes text that can be shown: what cannot be seen, or would turn the
// text around, is left out.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r <= 0x9f,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func (c commit) revision(i id) Revision {
	subject, _, _ := strings.Cut(strings.TrimLeft(c.message, "\n"), "\n")
	return Revision{Commit: i.String(), Tree: c.tree.String(), Author: c.author.name, Email: c.author.email,
		When: c.author.when, Committed: c.committer.when, Subject: subject}
}

// commit reads a commit.
func (r *Repository) commit(i id) (commit, error) {
	data, err := r.objects.read(i, kindCommit)
	if err != nil {
		return commit{}, err
	}
	c, err := parseCommit(data)
	if err != nil {
		err = fmt.Errorf("read commit %s: %w", i, err)
	}
	return c, err
}

func (r *Repository) revision(i id) (Revision, error) {
	c, err := r.commit(i)
	if err != nil {
		return Revision{}, err
	}
	return c.revision(i), nil
}

// of is the commit that a revision is. A revision may have been kept since a run
// of long ago, so only its name counts.
func (r *Repository) of(rev Revision) (id, commit, error) {
	i, ok := parseID(rev.Commit)
	if !ok {
		return id{}, commit{}, fmt.Errorf("%w: %q is not a full commit name", ErrNoRevision, rev.Commit)
	}
	if _, err := r.objects.kindOf(i); errors.Is(err, errMissing) {
		return id{}, commit{}, fmt.Errorf("%w: %s is not here", ErrNoRevision, i)
	}
	c, err := r.commit(i)
	return i, c, err
}

// Package mailserver holds the settings of a Dovecot and a Postfix against what
// a store of mailops needs of them. Reading them asks the programs themselves
// (doveconf, postconf); what is wrong is a function of what they say.
// Imports: the standard library.
package mailserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A Block is a section of Dovecot's settings: the whole, or what stands between
// braces. Settings of one name that stand there more than once are in order.
type Block struct {
	Kind     string // such as passdb, or service auth
	Settings map[string]string
	Blocks   []Block
}

// All are the blocks inside a block, at any depth, whose kind begins with a word.
func (b Block) All(kind string) []Block {
	var out []Block
	for _, inner := range b.Blocks {
		if inner.Kind == kind || strings.HasPrefix(inner.Kind, kind+" ") {
			out = append(out, inner)
		}
		out = append(out, inner.All(kind)...)
	}
	return out
}

// A Listener is a service of Postfix's master.cf with its own settings.
type Listener struct {
	Name     string // such as submission/inet
	Settings map[string]string
}

// Settings is what the mail servers of a machine are set to.
type Settings struct {
	Dovecot   Block
	Postfix   map[string]string // of main.cf, defaults included
	Listeners []Listener        // those of smtpd
	Queries   map[string]Query  // the files that ask the store, by path
}

// A Query is a file with which a mail server asks the store.
type Query struct {
	Text string
	Mode os.FileMode
	Err  error // why it could not be read
}

// Paths says where settings are.
type Paths struct {
	Dovecot string // dovecot.conf
	Postfix string // the folder of main.cf
}

// Read asks the programs for the settings, and reads the files that they name.
func Read(ctx context.Context, at Paths) (Settings, error) {
	dovecot, err := output(ctx, "doveconf", "-c", at.Dovecot)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{Dovecot: ParseDovecot(dovecot), Queries: make(map[string]Query)}
	main, err := output(ctx, "postconf", "-c", at.Postfix)
	if err != nil {
		return Settings{}, err
	}
	s.Postfix = parsePairs(main)
	services, err := output(ctx, "postconf", "-c", at.Postfix, "-M")
	if err != nil {
		return Settings{}, err
	}
	own, err := output(ctx, "postconf", "-c", at.Postfix, "-P")
	if err != nil {
		return Settings{}, err
	}
	s.Listeners = parseListeners(services, own)
	s.readQueries(at)
	return s, nil
}

// output runs a program of the mail servers.
func output(ctx context.Context, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil { // not every shell has it on its way
		path = filepath.Join("/usr/sbin", name)
	}
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return "", fmt.Errorf("%s %s: %s", name, strings.Join(args, " "), strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", name, err)
	}
	return string(out), nil
}

// ParseDovecot reads what doveconf prints.
func ParseDovecot(text string) Block {
	root := Block{Settings: make(map[string]string)}
	open := []*Block{&root}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line, top := strings.TrimSpace(lines.Text()), open[len(open)-1]
		switch name, value, pair := strings.Cut(line, " ="); {
		case strings.HasPrefix(line, "#"):
		case line == "}" && len(open) > 1:
			open = open[:len(open)-1]
			parent := open[len(open)-1]
			parent.Blocks = append(parent.Blocks, *top)
		case strings.HasSuffix(line, "{") && !pair:
			open = append(open, &Block{Kind: strings.TrimSpace(strings.TrimSuffix(line, "{")), Settings: make(map[string]string)})
		case pair:
			top.Settings[name] = strings.TrimSpace(value)
		}
	}
	return root
}

// parsePairs reads lines of name = value.
func parsePairs(text string) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, " ="); ok {
			out[name] = strings.TrimSpace(value)
		}
	}
	return out
}

// parseListeners reads what postconf -M and -P print.
func parseListeners(services, own string) []Listener {
	var out []Listener
	for line := range strings.Lines(services) {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[1] != "inet" || fields[7] != "smtpd" {
			continue
		}
		l := Listener{Name: fields[0] + "/inet", Settings: make(map[string]string)}
		for name, value := range parsePairs(own) {
			if setting, ok := strings.CutPrefix(name, l.Name+"/"); ok {
				l.Settings[setting] = value
			}
		}
		out = append(out, l)
	}
	return out
}

// mapFile finds the files behind Postfix's maps.
var mapFile = regexp.MustCompile(`(?:proxy:)?(?:sqlite|pgsql):([^\s,{}]+)`)

// readQueries reads the files that Dovecot's databases and Postfix's maps name.
func (s *Settings) readQueries(at Paths) {
	for _, kind := range []string{"passdb", "userdb"} {
		for _, db := range s.Dovecot.All(kind) {
			s.readQuery(at.Dovecot, db.Settings["args"])
		}
	}
	for _, dict := range s.Dovecot.All("dict") {
		for _, uri := range dict.Settings {
			_, file, _ := strings.Cut(uri, ":")
			s.readQuery(at.Dovecot, file)
		}
	}
	for _, m := range s.maps() {
		if found := mapFile.FindStringSubmatch(m); found != nil {
			s.readQuery(at.Dovecot, found[1])
		}
	}
}

// include finds the files that a query file of Dovecot takes in.
var include = regexp.MustCompile(`(?m)^\s*!include(?:_try)?\s+(\S+)`)

func (s *Settings) readQuery(dovecot, file string) {
	if !filepath.IsAbs(file) {
		return
	}
	if _, known := s.Queries[file]; known {
		return
	}
	text, err := os.ReadFile(file)
	q := Query{Text: string(text), Err: err}
	if info, err := os.Stat(file); err == nil {
		q.Mode = info.Mode().Perm()
	}
	s.Queries[file] = q
	for _, taken := range include.FindAllStringSubmatch(q.Text, -1) {
		name := taken[1]
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		s.readQuery(dovecot, name)
	}
}

// maps are all tables that Postfix is told to ask, as they are written with
// parameters put in.
func (s *Settings) maps() []string {
	var out []string
	for _, text := range s.texts() {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,{}", r) }) {
			if mapFile.MatchString(word) {
				out = append(out, word)
			}
		}
	}
	return out
}

// texts are the values of settings that can name a table.
func (s *Settings) texts() []string {
	var out []string
	for name, value := range s.Postfix {
		if strings.HasSuffix(name, "_maps") && name != "proxy_read_maps" && name != "proxy_write_maps" || strings.HasSuffix(name, "_restrictions") ||
			strings.HasSuffix(name, "_domains") || s.isClass(name) {
			out = append(out, s.expand(value, nil))
		}
	}
	for _, l := range s.Listeners {
		for _, value := range l.Settings {
			out = append(out, s.expand(value, l.Settings))
		}
	}
	return out
}

func (s *Settings) isClass(name string) bool {
	for _, class := range strings.FieldsFunc(s.Postfix["smtpd_restriction_classes"], func(r rune) bool { return r == ' ' || r == ',' }) {
		if class == name {
			return true
		}
	}
	return false
}

var parameter = regexp.MustCompile(`\$(?:\{(\w+)\}|\((\w+)\)|(\w+))`)

// expand puts the values of parameters into a text: those of a listener before
// those of main.cf, as Postfix does.
func (s *Settings) expand(text string, own map[string]string) string {
	for range 8 { // deeper nesting is none that people write
		next := parameter.ReplaceAllStringFunc(text, func(ref string) string {
			name := strings.Trim(ref, "${}()")
			if value, ok := own[name]; ok {
				return value
			}
			return s.Postfix[name]
		})
		if next == text {
			break
		}
		text = next
	}
	return text
}

// of is a setting of a listener: its own, or main.cf's.
func (s *Settings) of(l Listener, name string) string {
	value, ok := l.Settings[name]
	if !ok {
		value = s.Postfix[name]
	}
	return s.expand(value, l.Settings)
}

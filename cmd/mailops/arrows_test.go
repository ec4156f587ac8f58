package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows are the imports that the layout allows between packages of this
// module, and the modules from outside that only some may use. A package that
// is not listed may import nothing of this module.
var arrows = []struct {
	from    string   // a pattern of path.Match
	to      []string // packages of this module
	because string
}{
	{"schema", nil, "what a mail user is depends on nothing"},
	{"schema/confusable", nil, "a table"},
	{"schema/load", []string{"schema", "schema/confusable", "schema/window"}, "declarations come from any fs.FS, not from git or a store"},
	{"schema/factor", []string{"schema"}, "what users share is a function of values"},
	{"schema/load/edit", []string{"schema", "schema/factor"}, "writing YAML needs the words, and what of them users share"},
	{"schema/policy", []string{"schema"}, "the child judges values"},
	{"schema/resolve", []string{"schema"}, "merging and time are functions of values"},
	{"schema/window", []string{"schema"}, "when changes may be applied is a function of values"},
	{"schema/track", []string{"schema", "schema/load", "schema/resolve", "schema/policy"}, "it keeps what loading, resolving and judging say, and reads any fs.FS"},
	{"reconcile", []string{"schema"}, "the pure middle sees no CUE, YAML, SQL, git or terminal"},
	{"reconcile/internal/sqlstore", []string{"schema", "reconcile"}, "what the SQL stores share"},
	{"reconcile/internal/hosted", []string{"schema", "reconcile"}, "what stores over HTTP share knows HTTP and no service"},
	{"reconcile/internal/hosted/piecemeal", []string{"schema", "reconcile", "reconcile/internal/hosted", "reconcile/internal/sqlstore", "reconcile/sqlite"}, "a store without transactions knows operations and no service; its ledger is a sqlite store"},
	{"reconcile/mem", []string{"schema", "reconcile"}, "stores never see each other, CUE, YAML or git"},
	{"reconcile/sqlite", []string{"schema", "reconcile", "reconcile/internal/sqlstore"}, "stores never see each other, CUE, YAML or git"},
	{"reconcile/several", []string{"schema", "reconcile", "reconcile/internal/hosted", "reconcile/sqlite"}, "it joins any stores that others open; its ledger and journal are a sqlite store, as those of a store without transactions"},
	{"reconcile/preview", []string{"schema", "reconcile"}, "the words of a plan are a function of values"},
	{"reconcile/enforce", []string{"schema", "reconcile"}, "it knows a store by its gate, and a mail server by its HTTP interface"},
	{"reconcile/postgres", []string{"schema", "reconcile", "reconcile/internal/sqlstore"}, "stores never see each other, CUE, YAML or git"},
	{"reconcile/postgres/pgtest", nil, "starting servers for tests needs nothing of this module"},
	{"reconcile/backup", []string{"schema", "reconcile"}, "copying mail needs a mail server and files; a store only to mark a state"},
	{"reconcile/backup/pop3sim", nil, "a mail server for tests needs nothing of this module"},
	{"reconcile/simhttp", nil, "faults and logs of a simulated service know HTTP and no service"},
	{"reconcile/zohomail", []string{"schema", "reconcile", "reconcile/internal/hosted", "reconcile/internal/hosted/piecemeal"}, "stores never see each other, CUE, YAML or git; nor their own simulator"},
	{"reconcile/zohomail/zohosim", []string{"reconcile/simhttp"}, "a store cannot lean on a mistake that it shares with its simulator"},
	{"reconcile/emailarray", []string{"schema", "reconcile", "reconcile/internal/hosted", "reconcile/internal/hosted/piecemeal"}, "stores never see each other, CUE, YAML or git, nor the service that tests simulate"},
	{"reconcile/emailarray/arraysim", []string{"reconcile/simhttp"}, "a store cannot lean on a mistake that it shares with its simulator"},
	{"reconcile/storetest", []string{"schema", "reconcile", "reconcile/mem"}, "the suite knows stores by their interface, and compares each with mem"},
	{"reconcile/sign", nil, "a signature is of bytes, whatever they say"},
	{"reconcile/snapshot", []string{"schema", "reconcile", "reconcile/sign"}, "a snapshot is of any store, and plans against it are made elsewhere"},
	{"reconcile/git", nil, "a revision is files and who committed them, whatever they say"},
	{"reconcile/agent", []string{"schema", "schema/load", "schema/load/edit", "schema/resolve", "schema/track", "schema/window", "reconcile", "reconcile/git", "reconcile/snapshot", "reconcile/agent/folder"}, "it joins a source, the want and a store; which, others say"},
	{"reconcile/agent/news", []string{"schema", "reconcile", "reconcile/agent", "reconcile/agent/notify", "reconcile/agent/forge", "reconcile/preview"}, "what an agent reports becomes what people are told"},
	{"reconcile/agent/publish", []string{"reconcile/agent", "reconcile/git", "reconcile/sign", "reconcile/snapshot"}, "a snapshot goes into a file or a branch, and what is in it others say"},
	{"reconcile/agent/folder", nil, "following a folder needs the system and nothing of this module"},
	{"reconcile/agent/hook", nil, "a webhook says that something was pushed, and what that is, others find out"},
	{"reconcile/agent/notify", nil, "people are told what an event says, and nothing else"},
	{"reconcile/agent/forge", nil, "a forge knows commits, texts and HTTP"},
	{"reconcile/agent/web", []string{"schema", "reconcile", "reconcile/agent", "reconcile/preview"}, "the page shows what an agent says of itself, and asks nobody else"},
	{"examples/agent", nil, "a demonstration runs the program"},
	{"examples/zoho", nil, "a demonstration runs the program"},
	{"examples/panel", []string{"schema", "reconcile", "reconcile/sqlite"}, "a panel writes what users own, through the store"},
	{"reconcile/mailserver", nil, "settings are judged by what mail servers print of them"},
	{"examples/mailserver", nil, "settings are files"},
	{"examples/mailserver/stack", []string{"schema", "reconcile", "reconcile/sqlite", "reconcile/postgres", "reconcile/postgres/pgtest", "examples/mailserver"}, "a mail server for tests obeys any store that mail servers read"},
	{"cmd/*", []string{"*", "*/*", "*/*/*"}, "commands tie everything together"},
}

// owners are the packages that may import a module from outside.
var owners = map[string][]string{
	"cuelang.org/go":                {"schema/load", "schema/policy"},
	"gopkg.in/yaml.v3":              {"schema/load", "schema/load/edit", "cmd/bench"},
	"github.com/ncruces/go-sqlite3": {"reconcile/sqlite"},
	"github.com/fsnotify/fsnotify":  {"reconcile/agent/folder", "reconcile/git"},
	"github.com/go-git":             {"reconcile/git"},
	"github.com/jackc/pgx/v5":       {"reconcile/postgres", "reconcile/postgres/pgtest"},
	"github.com/spf13/cobra":        {"cmd/mailops"},
	"github.com/robfig/cron/v3":     {"schema/window"},
	"github.com/prometheus":         {"reconcile/agent/web"},
	"github.com/hiddeco/sshsig":     {"reconcile/sign"},
	"golang.org/x/crypto/ssh":       {"reconcile/sign", "reconcile/git"},
	"github.com/chromedp":           {}, // tests alone drive a browser
	"github.com/rhysd/actionlint":   {}, // tests alone read workflows
	"github.com/owenrumney":         {}, // tests alone know the schema of SARIF
	"github.com/knadh/go-pop3":      {"reconcile/backup", "examples/mailserver/stack"},
	"github.com/emersion":           {"reconcile/backup", "examples/mailserver/stack"},
}

const module = "mailops/"

func TestArrows(t *testing.T) {
	for pkg, imports := range productionImports(t, "../..") {
		rule := slices.IndexFunc(arrows, func(a struct {
			from    string
			to      []string
			because string
		}) bool {
			return matches(a.from, pkg)
		})
		if rule < 0 {
			t.Errorf("%s is in no arrow: say in arrows what it may import, and why", pkg)
			continue
		}
		for _, imported := range imports {
			inner, ours := strings.CutPrefix(imported, module)
			if ours && !slices.ContainsFunc(arrows[rule].to, func(to string) bool { return matches(to, inner) }) {
				t.Errorf("%s imports %s: %s", pkg, inner, arrows[rule].because)
			}
			for outside, allowed := range owners {
				if (imported == outside || strings.HasPrefix(imported, outside+"/")) && !slices.Contains(allowed, pkg) {
					t.Errorf("%s imports %s: only %s may", pkg, imported, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

func matches(pattern, pkg string) bool {
	ok, err := path.Match(pattern, pkg)
	return ok && err == nil
}

// productionImports parses the imports of every package below root, tests left
// out.
func productionImports(t *testing.T, root string) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") && file != root || e.Name() == "testdata"):
			return fs.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		if len(parsed.Comments) > 0 && strings.HasPrefix(parsed.Comments[0].List[0].Text, "//go:build ignore") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		out[pkg] = append(out[pkg], nil...)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			out[pkg] = append(out[pkg], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTopLevel holds the layout's first line: nothing else lies at the top.
func TestTopLevel(t *testing.T) {
	entries, err := filepath.Glob("../../[^.]*")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"cmd", "schema", "reconcile", "examples", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE"}
	for _, e := range entries {
		if !slices.Contains(allowed, filepath.Base(e)) {
			t.Errorf("%s lies at the top level; does it belong inside one of %s?", filepath.Base(e), strings.Join(allowed[:4], ", "))
		}
	}
}

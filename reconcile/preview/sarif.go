package preview

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"mailops/schema"
)

// mostResults is how many results a run may have: GitHub takes 25,000, and shows
// 5,000 (its limits for SARIF files).
const mostResults = 5_000

// The parts of SARIF 2.1.0 (OASIS, §3.13 and on) that are used here.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string     `json:"id"`
		Short *sarifText `json:"shortDescription,omitempty"`
		Full  *sarifText `json:"fullDescription,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     Level           `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

// SARIF writes notes as a SARIF 2.1.0 log. folder is where the declarations lie in
// their repository. Notes without a place are at the organization's file.
func SARIF(w io.Writer, notes []Note, version, folder string) error {
	ids := make([]string, 0, len(notes))
	for _, n := range notes {
		ids = append(ids, n.Rule)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "mailops", Version: version, Rules: make([]sarifRule, len(ids))}}, Results: []sarifResult{}}
	for i, id := range ids {
		run.Tool.Driver.Rules[i] = sarifRule{ID: id}
		if short, full := described(id); full != "" {
			run.Tool.Driver.Rules[i].Short, run.Tool.Driver.Rules[i].Full = &sarifText{short}, &sarifText{full}
		}
	}
	for i, n := range notes {
		if i == mostResults {
			n.Text, n.Hint, n.Pos = fmt.Sprintf("%s are left out here; the plan has all of them", many(len(notes)-i, "note", "notes")), "", schema.Pos{}
		}
		at, _ := slices.BinarySearch(ids, n.Rule)
		run.Results = append(run.Results, sarifResult{n.Rule, at, n.Level, sarifText{plainText.Replace(n.said())}, []sarifLocation{location(n.Pos, folder)}})
		if i == mostResults {
			break
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// plainText keeps a text from being read as one with links or placeholders (SARIF
// 2.1.0 §3.11.5 and §3.11.6).
var plainText = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}")

func location(at schema.Pos, folder string) sarifLocation {
	at = inRepository(at, folder)
	uri := url.URL{Path: at.File}
	l := sarifLocation{sarifPhysical{Artifact: sarifArtifact{uri.EscapedPath()}}}
	if at.Line > 0 {
		l.Physical.Region = &sarifRegion{at.Line, at.Column}
	}
	return l
}

// inRepository is a place as the repository knows it: with the folder of the
// declarations, and never none.
func inRepository(at schema.Pos, folder string) schema.Pos {
	if at.File == "" {
		at = schema.Pos{File: "mailops.yaml", Line: 1, Column: 1}
	}
	at.File = path.Join(folder, at.File)
	return at
}

package preview

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The parts of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes notes as failed test cases, one for each; without any, as one that
// passed.
func JUnit(w io.Writer, notes []Note, folder string) error {
	suite := junitSuite{Name: "mailops validate"}
	for _, n := range notes {
		at := inRepository(n.Pos, folder)
		suite.Cases = append(suite.Cases, junitCase{Class: strip(at.File), Name: strip(fmt.Sprintf("%s at line %d", n.Rule, at.Line)), File: strip(at.File),
			Failure: &junitFailure{n.Rule, strip(n.Text), strip(fmt.Sprintf("%s:%d:%d: %s", at.File, at.Line, at.Column, n.said()))}})
	}
	suite.Tests, suite.Failures = max(1, len(notes)), len(notes)
	if len(notes) == 0 {
		suite.Cases = []junitCase{{Class: "mailops", Name: "the declarations are right"}}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// strip takes out what XML 1.0 §2.2 has no way to write.
func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0xFFFE || r == 0xFFFF || r < 0x20 && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

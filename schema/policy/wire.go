package policy

import (
	"time"

	"mailops/schema"
)

// ChildArg is the only argument of a program that is to run [Child].
const ChildArg = "policy-child"

// An order is the first thing that a child reads; units follow.
type order struct {
	Memory   int64           `json:"memory"`
	CPU      time.Duration   `json:"cpu"`
	Policies []schema.Source `json:"policies"`
}

// A report is one line of what a child writes: exactly one field is set.
type report struct {
	Compiling *string `json:"compiling,omitempty"` // the file that is parsed next; "" when they are built together
	Survey    *survey `json:"survey,omitempty"`
	At        *at     `json:"at,omitempty"` // what is judged next
	Found     *found  `json:"found,omitempty"`
	Next      *int    `json:"next,omitempty"` // the last report: so many units were judged
}

// A survey is what the policies are about.
type survey struct {
	Problems []Violation          `json:"problems,omitempty"` // without a key
	Suspects []Violation          `json:"suspects,omitempty"` // with the kind of their definition, which they break without any resource
	Views    map[schema.Kind]view `json:"views"`              // of the kinds that some policy judges
}

// A view is what policies look at in a resource. What they do not look at
// cannot change the verdict, and is not sent.
type view struct {
	Whole  bool     `json:"whole,omitempty"`  // policies may look at fields that they do not name
	Fields []string `json:"fields,omitempty"` // else the top-level fields that they do name, in order
}

// at is a policy and the unit that it judges.
type at struct {
	Unit   int        `json:"unit"`
	Policy schema.Pos `json:"policy"`
}

// found is a violation by a unit.
type found struct {
	Unit      int       `json:"unit"`
	Violation Violation `json:"violation"`
}

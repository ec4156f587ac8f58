// Package policy judges effective resources by the organization's own CUE.
//
// A policy file says what must hold of each resource of a kind:
//
//	#User: mailboxActions: pop: false
//
// CUE cannot be interrupted (cue-lang/cue issue 2489), and whoever can open a
// pull request can write a policy. So no policy is even parsed in this process:
// [Check] starts the same program again, where [Child] takes on limits of
// memory and CPU time first, and the death of the child is an answer too.
//
// Imports: schema, the standard library, and CUE in the files that only the
// child runs (compile.go, screen.go, survey.go, judge.go, message.go).
package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// A Violation is a policy that a resource breaks, or a mistake in a policy.
type Violation struct {
	Key     schema.Key `json:"key"`    // of the resource; zero for a mistake in the policy itself
	Path    string     `json:"path"`   // of the field, such as mailboxActions.pop; "" is the whole resource
	Policy  schema.Pos `json:"policy"` // where the policy says so
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty"`
}

// compare orders violations by resource, field and policy.
func (v Violation) compare(w Violation) int {
	return cmp.Or(v.Key.Compare(w.Key), strings.Compare(v.Path, w.Path),
		v.Policy.Compare(w.Policy), strings.Compare(v.Message, w.Message))
}

// Limits bound the child. A field of zero is its default.
type Limits struct {
	Memory int64         // bytes that one child may use; 512 MiB
	CPU    time.Duration // processor time of one child, in whole seconds; 10 s
	Wall   time.Duration // how long one child may run; 2 min
	Deaths int           // how many children may die before judging is given up; 3
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Memory: cmp.Or(l.Memory, 512<<20),
		CPU:    max(cmp.Or(l.CPU, 10*time.Second).Round(time.Second), time.Second),
		Wall:   cmp.Or(l.Wall, 2*time.Minute),
		Deaths: cmp.Or(l.Deaths, 3),
	}
}

// What one child is given. It hands back early when it has used half of its
// memory or CPU time, so that no resource is blamed for what others used up.
const (
	batchUnits = 2000    // CUE remembers what it has judged; a new child forgets it
	batchBytes = 8 << 20 // of JSON
)

// Check judges every resource by every policy and returns all violations, by
// resource, field and policy. Each file is a policy on its own, but helpers are
// shared between files. A mistake in any policy is reported alone: nothing is
// judged then. A child that dies is a violation that names the policy and the
// resource at which it died. Policies see a resource as its declaration would
// be written, with every list present, and never its password or schedule.
//
// An error says that judging itself was not possible, as when ctx ended.
func Check(ctx context.Context, policies []schema.Source, resources schema.State, limits Limits) ([]Violation, error) {
	if len(policies) == 0 {
		return nil, nil
	}
	c := checker{policies: policies, limits: limits.orDefaults(), seen: make(map[[sha256.Size]byte]int)}
	s, err := c.survey(ctx)
	if err == nil && len(c.violations) == 0 {
		err = c.checkAll(ctx, resources, s)
	}
	if err != nil {
		return nil, fmt.Errorf("judge policies: %w", err)
	}
	slices.SortFunc(c.violations, Violation.compare)
	return slices.Compact(c.violations), nil
}

// A checker is one Check under way.
type checker struct {
	policies   []schema.Source
	limits     Limits
	deaths     int
	seen       map[[sha256.Size]byte]int // the unit that shows a policy the same
	keys       [][]schema.Key            // of each unit, whom it stands for
	verdicts   map[int][]Violation       // of units that break a policy
	violations []Violation
}

// survey compiles the policies in a child. Mistakes in them, and the child's
// death, become violations.
func (c *checker) survey(ctx context.Context) (survey, error) {
	out, err := c.run(ctx, c.policies, nil)
	if err != nil {
		return survey{}, err
	}
	if out.death != "" {
		file, err := c.culprit(ctx, out.compiling)
		c.violations = append(c.violations, Violation{Policy: schema.Pos{File: file}, Message: "this policy " + out.death})
		return survey{}, err
	}
	c.violations = out.survey.Problems
	return out.survey, nil
}

// culprit finds the file that kills a child while it compiles: the one that it
// was parsing, or else the one without which the files before it compile.
func (c *checker) culprit(ctx context.Context, parsing string) (string, error) {
	if parsing != "" || len(c.policies) == 1 {
		return cmp.Or(parsing, c.policies[0].File), nil
	}
	for i := 1; i < len(c.policies); i++ {
		out, err := c.run(ctx, c.policies[:i], nil)
		if err != nil || out.death != "" {
			return c.policies[i-1].File, err
		}
	}
	return c.policies[len(c.policies)-1].File, nil
}

// checkAll judges resources in batches. Resources that a policy cannot tell
// apart are one unit, judged once: a hundred thousand users are a few hundred.
func (c *checker) checkAll(ctx context.Context, resources schema.State, s survey) error {
	c.verdicts = make(map[int][]Violation)
	var batch []unit
	size, first := 0, 0
	for _, r := range resources {
		v, judged := s.Views[r.Key().Kind]
		if !judged {
			continue
		}
		text := v.appendResource(nil, r)
		if !c.admit(text, r.Key()) {
			continue
		}
		batch = append(batch, unit{Kind: r.Key().Kind, Resource: json.RawMessage(text)})
		if size += len(text); len(batch) < batchUnits && size < batchBytes {
			continue
		}
		if err := c.judge(ctx, batch, first); err != nil {
			return err
		}
		batch, size, first = nil, 0, len(c.keys)
	}
	if err := c.judge(ctx, batch, first); err != nil {
		return err
	}
	c.spread(s.Suspects)
	return nil
}

// admit reports whether the text is a unit that was not seen before.
func (c *checker) admit(text []byte, key schema.Key) bool {
	sum := sha256.Sum256(text)
	i, known := c.seen[sum]
	if !known {
		i = len(c.keys)
		c.seen[sum], c.keys = i, append(c.keys, nil)
	}
	c.keys[i] = append(c.keys[i], key)
	return !known
}

// judge has a batch judged, by a new child each time that one dies or hands
// back; first is the number of the batch's first unit.
func (c *checker) judge(ctx context.Context, batch []unit, first int) error {
	for len(batch) > 0 && c.deaths < c.limits.Deaths {
		out, err := c.run(ctx, c.policies, batch)
		if err != nil {
			return err
		}
		for _, f := range out.found {
			c.verdicts[first+f.Unit] = append(c.verdicts[first+f.Unit], f.Violation)
		}
		if out.death != "" {
			out.next = c.bury(out, first)
		}
		first, batch = first+out.next, batch[out.next:]
	}
	return nil
}

// bury records the death of a child and returns how many units it is done with:
// all up to the one that killed it.
func (c *checker) bury(out outcome, first int) int {
	c.deaths++
	n := first + out.at.Unit
	c.verdicts[n] = append(c.verdicts[n], Violation{Policy: out.at.Policy, Message: "judging this policy " + out.death})
	if c.deaths == c.limits.Deaths {
		c.violations = append(c.violations, Violation{
			Policy:  out.at.Policy,
			Message: fmt.Sprintf("judging was given up after it had to be ended %d times: not all resources were judged", c.deaths),
			Hint:    "make the policy cheaper: it must not count, build or repeat large things",
		})
	}
	return out.at.Unit + 1
}

// spread gives every resource the verdict of its unit. A suspect that stands in
// every verdict of its kind is a mistake in the policy: it is told once.
func (c *checker) spread(suspects []Violation) {
	suspects = slices.DeleteFunc(suspects, func(s Violation) bool { return !c.everywhere(s) })
	for _, s := range suspects {
		s.Key = schema.Key{}
		c.violations = append(c.violations, s)
	}
	for i, verdict := range c.verdicts {
		for _, key := range c.keys[i] {
			for _, v := range verdict {
				v.Key = key
				if !slices.ContainsFunc(suspects, v.says) {
					c.violations = append(c.violations, v)
				}
			}
		}
	}
}

// everywhere reports whether all resources of a kind, and more than one, have
// the violation.
func (c *checker) everywhere(s Violation) bool {
	n := 0
	for i, keys := range c.keys {
		if s.Key.Kind != keys[0].Kind {
			continue
		}
		if n += len(keys); !slices.ContainsFunc(c.verdicts[i], s.says) {
			return false
		}
	}
	return n > 1
}

// says reports whether w says the same at the same place of the policy.
func (v Violation) says(w Violation) bool { return v.Policy == w.Policy && v.Message == w.Message }

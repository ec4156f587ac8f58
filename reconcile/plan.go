package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"mailops/schema"
)

// Format names the JSON form of plans. Readers ignore keys that they do not
// know; [ParsePlan], whose plans are carried out, knows them all.
const Format = "mailops.plan/v1"

// A Plan is the ordered changes from live to want, with what they mean to
// people and what the rules say of them. It is plain data: it can be saved,
// compared, shown, and carried out later.
type Plan struct {
	Format   string        `json:"format"`
	ID       string        `json:"id"`       // digest of all the rest
	Approval string        `json:"approval"` // digest of what it changes: the same for a plan made again that does the same
	Revision string        `json:"revision"` // of the declarations
	Want     string        `json:"want"`     // digest of the want
	Store    string        `json:"store"`    // where it is to be applied, without credentials
	At       time.Time     `json:"at"`       // the instant that the want was resolved at
	Undoes   int64         `json:"undoes,omitempty"`
	Summary  Summary       `json:"summary"`
	Counts   Counts        `json:"counts"`
	Changes  []Change      `json:"changes"`
	Effects  []Effect      `json:"effects"`
	Findings []Finding     `json:"findings"`
	Routes   []RouteChange `json:"routes,omitempty"`   // addresses whose mail ends up elsewhere; the first 200 that change
	Recorded []string      `json:"recorded,omitempty"` // fields that it sets and the store only records
	Unseen   []string      `json:"unseen,omitempty"`   // fields that the store cannot observe: what others did to them is not known
	Cost     *Cost         `json:"cost,omitempty"`     // where requests are counted

	Later     []Later `json:"later,omitempty"`     // what the declarations do by themselves later; see Foretell
	LaterMore int     `json:"laterMore,omitempty"` // how much more of it there is
	Covers    bool    `json:"covers,omitempty"`    // the approval covers that, and what is loosened, too; see Cover
}

// A Summary counts the changes.
type Summary struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
}

// Summarize counts changes by operation.
func Summarize(changes []Change) Summary {
	var s Summary
	for _, c := range changes {
		switch c.Op {
		case OpCreate:
			s.Create++
		case OpUpdate:
			s.Update++
		case OpDelete:
			s.Delete++
		}
	}
	return s
}

// Counts is what the guards count of a plan.
type Counts struct {
	Deletes  int `json:"deletes"`         // users, aliases and lists that go; a renamed user does not
	Lockouts int `json:"lockouts"`        // users who lose every way to sign in, or to send
	Updates  int `json:"updates"`         // users, aliases and lists that change
	Drift    int `json:"drift,omitempty"` // resources in which something is taken back that nobody asked for
}

// Total is the number of changes.
func (s Summary) Total() int { return s.Create + s.Update + s.Delete }

// An Effect is what the plan means to people.
type Effect struct {
	Severity Severity `json:"severity"`
	ID       string   `json:"effect"` // such as sign-in-lost
	schema.Key
	Text   string         `json:"text"`
	Origin *schema.Origin `json:"origin,omitempty"` // the line that causes it, where one is known
}

// A Severity orders effects and findings.
type Severity string

// The severities. A finding that refuses makes apply exit 5.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Severe  Severity = "severe"
	Refuse  Severity = "refuse"
)

// A Finding is what a rule or guard says of a plan.
type Finding struct {
	Rule     string       `json:"rule"`
	Severity Severity     `json:"severity"`
	Text     string       `json:"text"`
	Allow    string       `json:"allow,omitempty"` // the flag that lifts it for this plan, such as deletes=7; "" when nothing does
	Lifted   bool         `json:"lifted,omitempty"`
	Keys     []schema.Key `json:"keys,omitempty"` // what it is about

	Origin *schema.Origin `json:"origin,omitempty"` // the line that causes it, where one is known
}

// ErrRefused says that a guard or rule refuses the plan.
var ErrRefused = errors.New("refused")

// Refusals are the findings that refuse the plan.
func (p *Plan) Refusals() []Finding {
	var out []Finding
	for _, f := range p.Findings {
		if f.Severity == Refuse && !f.Lifted {
			out = append(out, f)
		}
	}
	return out
}

// Seal sets the format, the summary and the id of a finished plan.
func (p *Plan) Seal() {
	p.Format, p.Summary, p.Approval, p.ID = Format, Summarize(p.Changes), p.approval(), ""
	p.ID = p.digest()
}

// Cover makes the approval of a pull request's plan cover what it does by itself
// later, and what it loosens, and seals the plan again. The plan of all that is
// asked for cannot tell what of that is anybody's in particular.
func (p *Plan) Cover() {
	p.Covers = true
	p.Seal()
}

// approval hashes what the plan does to whom: not when and where it was made, nor
// how the rows were. Who approves a preview approves this.
func (p *Plan) approval() string {
	sum := sha256.New()
	if p.Covers {
		p.cover(sum)
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		fmt.Fprintf(sum, "%q %q %q\n", c.Key, c.Op, c.From)
		for _, f := range c.Fields {
			fmt.Fprintf(sum, " %q %q\n", f.Path, f.After)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func (p *Plan) cover(sum hash.Hash) {
	for i := range p.Later {
		l := &p.Later[i]
		fmt.Fprintf(sum, "later %d %q %t\n", l.At.Unix(), l.Key, l.Cancelled)
		for _, f := range l.Fields {
			fmt.Fprintf(sum, " %q %q\n", f.Path, f.After)
		}
	}
	if p.LaterMore > 0 {
		fmt.Fprintf(sum, "more %d\n", p.LaterMore)
	}
	for _, f := range p.Findings {
		if f.Rule == "guard-loosened" {
			fmt.Fprintf(sum, "loosens %q\n", f.Text)
		}
	}
}

// digest hashes the plan change by change: the whole of a large one as JSON
// would take more memory than all the rest.
func (p *Plan) digest() string {
	head := *p
	head.ID, head.Changes = "", nil
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	err := enc.Encode(head)
	for i := range p.Changes {
		err = errors.Join(err, enc.Encode(&p.Changes[i]))
	}
	if err != nil {
		panic(fmt.Sprintf("reconcile: a plan cannot be printed: %v", err)) // it is plain data
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Write prints the plan as JSON, change by change.
func (p *Plan) Write(w io.Writer) error {
	const indent = "  "
	head := *p
	head.Changes = []Change{}
	text, err := pretty(head, "", indent)
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(text, []byte(`"changes": [`)) // no text within holds a bare quote
	_, err = fmt.Fprintf(w, `%s"changes": [`, before)
	for i := range p.Changes {
		change, failed := pretty(&p.Changes[i], indent+indent, indent)
		comma := ","
		if i == len(p.Changes)-1 {
			comma = "\n" + indent
		}
		_, wrong := fmt.Fprintf(w, "\n%s%s%s", indent+indent, change, comma)
		err = errors.Join(err, failed, wrong)
	}
	_, wrong := fmt.Fprintf(w, "%s\n", after)
	return errors.Join(err, wrong)
}

func pretty(v any, prefix, indent string) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, indent)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// ErrPlanFile says that a plan file is not one, or was edited.
var ErrPlanFile = errors.New("not a plan file of this program")

// ParsePlan reads a saved plan and checks that it is as it was sealed. Errors
// wrap ErrPlanFile.
func ParsePlan(data []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlanFile, err)
	}
	if p.Format != Format {
		return nil, fmt.Errorf("%w: its format is %q, not %q", ErrPlanFile, p.Format, Format)
	}
	if p.ID != p.digest() || p.Approval != p.approval() || p.Summary != Summarize(p.Changes) || !p.prints(data) {
		return nil, fmt.Errorf("%w: it was changed after it was written", ErrPlanFile)
	}
	for i := range p.Changes {
		if err := p.Changes[i].check(); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrPlanFile, p.Changes[i].Key, err)
		}
	}
	return &p, nil
}

// prints reports whether data is the plan as it prints, white space apart. A key
// that is unknown, twice or in other letters would be skipped by this reader,
// and may be what another one shows to the person who approves.
func (p *Plan) prints(data []byte) bool {
	var compact, escaped bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return false
	}
	json.HTMLEscape(&escaped, compact.Bytes())
	own, err := json.Marshal(p)
	return err == nil && bytes.Equal(own, escaped.Bytes())
}

// check reports whether the change is of a form that Diff can make.
func (c *Change) check() error {
	blank, err := schema.New(c.Key)
	if err != nil {
		return err
	}
	if inverse[c.Op] == "" {
		return fmt.Errorf("unknown operation %q", c.Op)
	}
	if (c.Op == OpCreate) != (c.Version == "") {
		return fmt.Errorf("a %s with version %q", c.Op, c.Version)
	}
	_, err = (&Change{Key: c.Key, Op: OpUpdate, Fields: c.Fields}).Apply(blank)
	return err
}

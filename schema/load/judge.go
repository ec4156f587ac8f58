package load

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"mailops/schema"
)

const (
	cueInt   = token.INT
	cueFloat = token.FLOAT
	cueMinus = token.SUB
)

// declaration judges one document. A document with a problem is not returned:
// what the law refuses is not looked at further.
func (l *law) declaration(file string, body schema.Node) (*schema.Declaration, schema.Problems) {
	d := &schema.Declaration{File: file, Body: body}
	if body.Kind != schema.Mapping {
		return nil, schema.Problems{d.Problem(nil, "", "schema", "a document must be a mapping with a kind, not "+body.Kind.String(), "")}
	}
	kind := d.Body.Get("kind")
	if kind == nil {
		return nil, schema.Problems{d.Problem(nil, "kind", "schema", "kind is missing", "one of "+kindNames())}
	}
	shape, ok := l.kinds[schema.Kind(kind.Text)]
	if kind.Kind != schema.String {
		return nil, schema.Problems{d.Problem(kind, "kind", "schema", mismatch(kind, "one of "+kindNames()), "")}
	}
	if !ok {
		return nil, schema.Problems{d.Problem(kind, "kind", "schema", fmt.Sprintf("there is no kind %q", clip(kind.Text)), cmp.Or(suggest(kind.Text, strings.Split(kindNames(), ", ")), "one of "+kindNames()))}
	}
	d.Kind = schema.Kind(kind.Text)
	j := judge{law: l, decl: d}
	j.identify()
	j.shape(shape, &d.Body, "")
	if more := len(j.problems) - enough; more > 0 {
		p := d.Problem(nil, "", "schema", fmt.Sprintf("has %d more mistakes", more), "mend the others first")
		j.problems = append(j.problems[:enough], p)
	}
	if len(j.problems) > 0 {
		return nil, j.problems
	}
	return d, nil
}

// enough problems of one declaration are shown.
const enough = 100

// suggest names the word that was probably meant; nothing when that many
// mistakes have been found that nobody will look at this one.
func (j *judge) suggest(got string, words []string) string {
	if len(j.problems) >= enough {
		return ""
	}
	return suggest(got, words)
}

func kindNames() string {
	names := make([]string, len(schema.Kinds))
	for i, k := range schema.Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// A judge holds one declaration against the law.
type judge struct {
	law      *law
	decl     *schema.Declaration
	problems schema.Problems
}

func (j *judge) refuse(n *schema.Node, path, message, hint string) {
	j.problems = append(j.problems, j.decl.Problem(n, path, "schema", message, hint))
}

// identify finds the name first, so that every problem can say whose it is.
func (j *judge) identify() {
	for _, key := range []string{"address", "name"} {
		field, ok := j.law.kinds[j.decl.Kind].byName[key]
		n := j.decl.Body.Get(key)
		if !ok || !field.required {
			continue
		}
		if n != nil && n.Kind == schema.String && field.pattern.MatchString(n.Text) {
			j.decl.Name, _ = field.canon.fold(n.Text)
		}
		return
	}
}

// shape judges a mapping: unknown keys, missing keys, and each value.
func (j *judge) shape(s *shapeLaw, n *schema.Node, path string) {
	if n.Kind != schema.Mapping {
		j.refuse(n, path, mismatch(n, "a mapping"), "")
		return
	}
	for i := range n.Items {
		item := &n.Items[i]
		at := schema.JoinPath(path, item.Key)
		f, ok := s.byName[item.Key]
		if !ok {
			p := j.decl.Problem(nil, schema.JoinPath(path, clip(item.Key)), "schema", fmt.Sprintf("there is no field %q here", clip(item.Key)), j.suggest(item.Key, s.names()))
			p.Pos = j.decl.Pos(item)
			j.problems = append(j.problems, p)
			continue
		}
		item.Key = f.name // all users share the law's own copy
		j.field(f, item, at)
	}
	for _, f := range s.fields {
		if f.required && n.Get(f.name) == nil {
			p := j.decl.Problem(nil, schema.JoinPath(path, f.name), "schema", f.name+" is missing", f.hint)
			p.Pos = j.decl.Pos(n)
			j.problems = append(j.problems, p)
		}
	}
}

// field judges one value.
func (j *judge) field(f *fieldLaw, n *schema.Node, path string) {
	switch {
	case n.Kind == schema.Sequence && len(n.Items) > j.most(f):
		j.refuse(n, path, fmt.Sprintf("holds more than %d values", j.most(f)), "")
	case f.secret:
		j.secret(f, n, path)
	case f.shape != nil && (n.Kind == schema.Mapping || f.words == nil):
		j.shape(f.shape, n, path)
	case f.items != nil && n.Kind == schema.Sequence:
		for i := range n.Items {
			j.shape(f.items, &n.Items[i], schema.IndexPath(path, i))
		}
	case f.element != nil && n.Kind == schema.Sequence:
		if f.atLeast && len(n.Items) == 0 {
			j.refuse(n, path, "is empty", "name at least one")
		}
		for i := range n.Items {
			j.text(f, f.element, &n.Items[i], schema.IndexPath(path, i))
		}
	case f.pattern != nil || f.words != nil:
		j.text(f, f.pattern, n, path)
	default:
		j.whole(f, n, path)
	}
}

// most is how long a list may be. Those of a user or profile are compared with
// one another when profiles are merged; others only hold many addresses.
func (j *judge) most(f *fieldLaw) int {
	switch {
	case f.items != nil:
		return 200
	case j.decl.Kind == schema.KindUser, j.decl.Kind == schema.KindProfile:
		return 1000
	}
	return 100_000
}

// text judges a text by a pattern or the field's words, and folds it.
func (j *judge) text(f *fieldLaw, pattern *regexp.Regexp, n *schema.Node, path string) {
	switch {
	case n.Kind != schema.String && f.words != nil:
		j.refuse(n, path, mismatch(n, oneOf(f.words)), "")
	case n.Kind != schema.String:
		j.refuse(n, path, mismatch(n, f.wanted()), "")
	case pattern != nil && !pattern.MatchString(n.Text):
		j.refuse(n, path, shown(n)+" is not "+f.wanted(), lineBreak(n.Text))
	case f.words != nil && !slices.Contains(f.words, n.Text):
		j.refuse(n, path, shown(n)+" is not "+oneOf(f.words), j.suggest(n.Text, f.words))
	default:
		j.fold(f, n, path)
	}
}

// fold replaces a text by its canonical form.
func (j *judge) fold(f *fieldLaw, n *schema.Node, path string) {
	if f.canon == canonNone || n.Kind != schema.String {
		return
	}
	text, err := f.canon.fold(n.Text)
	if err != nil {
		j.refuse(n, path, fmt.Sprintf("%s: %v", shown(n), err), "")
		return
	}
	n.Text = text
}

// whole lets CUE judge a value, and remembers what it accepted.
func (j *judge) whole(f *fieldLaw, n *schema.Node, path string) {
	const (
		memorable = 256  // characters of a value
		memory    = 4096 // values
	)
	if simple(f.kind) && (n.Kind == schema.Mapping || n.Kind == schema.Sequence) {
		j.refuse(n, path, mismatch(n, kindWord(f.kind)), f.advice()) // whatever it holds
		return
	}
	text := canonical(n)
	if !f.accepted[text] {
		errs := cueErrors(f.value, j.law.ctx.BuildExpr(expr(n)))
		if len(errs) > 0 {
			j.explain(f, n, path, errs)
			return
		}
		if len(text) <= memorable && len(f.accepted) < memory {
			f.accepted[text] = true
		}
	}
	for i := range n.Items {
		j.fold(f, &n.Items[i], schema.IndexPath(path, i))
	}
}

// explain turns CUE's errors about one value into problems with our places.
func (j *judge) explain(f *fieldLaw, n *schema.Node, path string, errs []cueerrors.Error) {
	switch {
	case n.Kind == schema.Int && f.kind == cue.IntKind:
		j.refuse(n, path, fmt.Sprintf("%s is out of range", clip(n.Text)), f.advice())
		return
	case f.kind == cue.ListKind && n.Kind == schema.String:
		j.refuse(n, path, mismatch(n, kindWord(f.kind)), "a list stands in brackets, even of one: [...]")
		return
	case n.Kind == schema.Null, simple(f.kind), f.kind == cue.ListKind && n.Kind != schema.Sequence:
		j.refuse(n, path, mismatch(n, kindWord(f.kind)), f.advice())
		return
	}
	seen := make(map[string]bool)
	for _, err := range errs {
		at, where := locate(n, path, err.Path())
		format, args := err.Msg()
		message := fmt.Sprintf(format, args...)
		if strings.Contains(message, "empty disjunction") || seen[where] {
			continue
		}
		seen[where] = true
		hint := f.advice()
		switch {
		case strings.Contains(message, "not allowed"):
			message, hint = fmt.Sprintf("there is no field %q here", clip(at.Key)), ""
		case at.Kind != schema.Mapping && at.Kind != schema.Sequence:
			message = shown(at) + " is not " + f.wanted()
		default:
			message = clip(message)
		}
		j.refuse(at, where, message, hint)
	}
	if len(seen) == 0 {
		j.refuse(n, path, "is not "+f.wanted(), f.advice())
	}
}

// locate follows CUE's path of an error as far as it leads into n.
func locate(n *schema.Node, path string, steps []string) (*schema.Node, string) {
	for _, step := range steps {
		next := n.Get(strings.Trim(step, `"`))
		if next != nil {
			n, path = next, schema.JoinPath(path, next.Key)
			continue
		}
		var i int
		if _, err := fmt.Sscanf(step, "%d", &i); err == nil && n.Kind == schema.Sequence && i < len(n.Items) {
			n, path = &n.Items[i], schema.IndexPath(path, i)
		}
	}
	return n, path
}

// secret judges a password without ever printing it.
func (j *judge) secret(f *fieldLaw, n *schema.Node, path string) {
	const hint = "run `mailops password ADDRESS`, which writes a hash"
	hash := n.Get("hash")
	switch {
	case n.Kind == schema.String, n.Kind == schema.Int, n.Kind == schema.Float, n.Get("plain") != nil:
		j.problems = append(j.problems, j.decl.Problem(n, path, "password-plain", "a password must not stand in a declaration", hint))
	case hash != nil && hash.Kind == schema.String && !strings.HasPrefix(hash.Text, "{"):
		j.problems = append(j.problems, j.decl.Problem(hash, path+".hash", "password-plain", "this is not a hash with its scheme", hint))
	case !flat(n), !j.isOneOf(f.options, n):
		j.refuse(n, path, "is neither {hash: ...} nor {fromEnv: NAME}", hint)
	}
}

// isOneOf reports whether a mapping has one of several shapes. What is wrong
// with it by the others is not told: it may hold a secret.
func (j *judge) isOneOf(options []*shapeLaw, n *schema.Node) bool {
	return slices.ContainsFunc(options, func(s *shapeLaw) bool {
		trial := judge{law: j.law, decl: j.decl}
		trial.shape(s, n, "")
		return len(trial.problems) == 0
	})
}

// flat reports whether a mapping is as small as a password may be: CUE is not
// asked about whatever else somebody put there.
func flat(n *schema.Node) bool {
	return len(n.Items) <= 2 && !slices.ContainsFunc(n.Items, func(item schema.Node) bool { return len(item.Items) > 0 })
}

// cueErrors unifies and validates; a panic of CUE is an error like any other.
func cueErrors(constraint, v cue.Value) (errs []cueerrors.Error) {
	defer func() {
		if r := recover(); r != nil {
			errs = []cueerrors.Error{cueerrors.Newf(token.NoPos, "cannot be judged: %v", r)}
		}
	}()
	return cueerrors.Errors(constraint.Unify(v).Validate(cue.Concrete(true)))
}

// canonical prints a node so that equal values print equally.
func canonical(n *schema.Node) string {
	var b strings.Builder
	write(&b, n)
	return b.String()
}

func write(b *strings.Builder, n *schema.Node) {
	fmt.Fprintf(b, "%d%q%q(", n.Kind, n.Key, n.Text)
	for i := range n.Items {
		write(b, &n.Items[i])
	}
	b.WriteByte(')')
}

func simple(k cue.Kind) bool {
	return k == cue.BoolKind || k == cue.IntKind || k == cue.StringKind
}

func kindWord(k cue.Kind) string {
	switch k {
	case cue.BoolKind:
		return "true or false"
	case cue.IntKind:
		return "a whole number"
	case cue.StringKind:
		return "a text"
	case cue.ListKind:
		return "a list"
	}
	return "a mapping"
}

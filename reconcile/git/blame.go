package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Blame returns the commit that set a line of a file, counted from 1. It goes
// back along the parents that have the line, and looks only at the file's
// folders. A file that was renamed begins with its renaming. The error wraps
// ErrShallow when the line is older than a shallow clone reaches.
func (r *Repository) Blame(ctx context.Context, rev Revision, file string, line int) (Revision, error) {
	i, err := r.blame(ctx, rev, file, line)
	if err != nil {
		return Revision{}, fmt.Errorf("find who set %s:%d: %w", file, line, err)
	}
	return r.revision(i)
}

func (r *Repository) blame(ctx context.Context, rev Revision, file string, line int) (id, error) {
	if !fs.ValidPath(file) {
		return id{}, fs.ErrInvalid
	}
	at, c, err := r.of(rev)
	if err != nil {
		return id{}, err
	}
	cut, err := r.cut()
	if err != nil {
		return id{}, err
	}
	here, err := r.below(c.tree, file)
	if err != nil {
		return id{}, err
	}
	text, err := r.lines(here)
	if err != nil {
		return id{}, err
	}
	if line < 1 || line > len(text) {
		return id{}, fmt.Errorf("%w: the file has %d lines", ErrNoRevision, len(text))
	}
	for line--; ; {
		if err := ctx.Err(); err != nil {
			return id{}, err
		}
		if cut[at] {
			return id{}, fmt.Errorf("%w at %s, which has the line already", ErrShallow, at)
		}
		step, err := r.blameStep(c, file, here, text, line)
		if err != nil || step == nil {
			return at, err
		}
		at, c, here, text, line = step.id, step.commit, step.file, step.text, step.line
	}
}

// A blameStep is a parent that has the line.
type blameStep struct {
	id     id
	commit commit
	file   node
	text   [][]byte
	line   int
}

// blameStep finds a parent that has the line: one with the same file, or else
// one in whose file it is too.
func (r *Repository) blameStep(c commit, file string, here node, text [][]byte, line int) (*blameStep, error) {
	var differ []blameStep
	for _, parent := range c.parents {
		pc, err := r.commit(parent)
		if err != nil {
			return nil, err
		}
		there := here
		if pc.tree != c.tree {
			there, err = r.below(pc.tree, file)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && !there.mode.IsRegular():
			continue
		case err != nil:
			return nil, err
		case there.id == here.id:
			return &blameStep{parent, pc, there, text, line}, nil
		}
		differ = append(differ, blameStep{id: parent, commit: pc, file: there})
	}
	for _, s := range differ {
		old, err := r.lines(s.file)
		if err != nil {
			return nil, err
		}
		if n := lineBefore(old, text, line); n >= 0 {
			s.text, s.line = old, n
			return &s, nil
		}
	}
	return nil, nil
}

// maxBlame is the size of a file whose lines are compared.
const maxBlame = 8 << 20

func (r *Repository) lines(n node) ([][]byte, error) {
	if !n.mode.IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if size, err := r.objects.size(n.id); err != nil {
		return nil, err
	} else if size > maxBlame {
		return nil, errTooLarge
	}
	data, err := r.objects.read(n.id, kindBlob)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), nil
}

// lineBefore returns where a line of the new text was in the old one, or -1 when
// it was not there: the line is not kept by the shortest way from old to new.
func lineBefore(old, new [][]byte, line int) int {
	head := 0
	for head < min(len(old), len(new)) && bytes.Equal(old[head], new[head]) {
		head++
	}
	if line < head {
		return line
	}
	tail := 0
	for tail < min(len(old), len(new))-head && bytes.Equal(old[len(old)-1-tail], new[len(new)-1-tail]) {
		tail++
	}
	if after := len(new) - line; after <= tail {
		return len(old) - after
	}
	n := keptBy(old[head:len(old)-tail], new[head:len(new)-tail], line-head)
	if n < 0 {
		return -1
	}
	return head + n
}

// maxEdits bounds the search of the shortest way. Texts that differ more than
// that count as written anew, but for a line that stands in each just once.
const maxEdits = 2000

// keptBy finds a line by Myers' algorithm ("An O(ND) Difference Algorithm and
// Its Variations", 1986).
func keptBy(old, new [][]byte, line int) int {
	most := min(len(old)+len(new), maxEdits)
	reach := make([]int, 2*most+3) // how far each diagonal is reached in old
	var trace [][]int
	for d := 0; d <= most; d++ {
		trace = append(trace, append([]int(nil), reach[most-d:most+d+3]...))
		for k := -d; k <= d; k += 2 {
			x := reach[most+1+k-1] + 1
			if k == -d || k != d && reach[most+1+k+1] > reach[most+1+k-1] {
				x = reach[most+1+k+1]
			}
			for x < len(old) && x-k < len(new) && bytes.Equal(old[x], new[x-k]) {
				x++
			}
			reach[most+1+k] = x
			if x >= len(old) && x-k >= len(new) {
				return backtrack(trace, len(old), len(new), line)
			}
		}
	}
	return onlyOnce(old, new, line)
}

// backtrack goes the way back and returns where it keeps the line of new. A
// trace of step d begins at diagonal -d-1.
func backtrack(trace [][]int, x, y, line int) int {
	for d := len(trace) - 1; d >= 0; d-- {
		reach := func(k int) int { return trace[d][k+d+1] }
		k := x - y
		from := k - 1
		if k == -d || k != d && reach(k+1) > reach(k-1) {
			from = k + 1
		}
		startX := reach(from)
		startY := startX - from
		if d == 0 {
			startX, startY = 0, 0
		}
		for ; x > startX && y > startY; x, y = x-1, y-1 { // what is kept after the one edit
			if y-1 == line {
				return x - 1
			}
		}
		x, y = startX, startY
		if y <= line {
			return -1
		}
	}
	return -1
}

func onlyOnce(old, new [][]byte, line int) int {
	at, count := -1, 0
	for n, text := range old {
		if bytes.Equal(text, new[line]) {
			at, count = n, count+1
		}
	}
	for n, text := range new {
		if n != line && bytes.Equal(text, new[line]) {
			count++
		}
	}
	if count != 1 {
		return -1
	}
	return at
}

package git

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	githash "github.com/go-git/go-git/v5/plumbing/hash"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Push makes a branch of the remote what it is in the mirror. It only adds: when
// the remote's has something that ours has not, the error wraps ErrMoved. A local
// repository has nowhere to push to.
func (r *Repository) Push(ctx context.Context, branch string) error {
	if !r.dirs.mirror {
		return ctx.Err()
	}
	if !validBranch(branch) {
		return fmt.Errorf("push: %q is not the name of a branch", branch)
	}
	err := r.locked(func() error {
		i, err := r.dirs.ref("refs/heads/" + branch)
		if errors.Is(err, errNoRef) {
			return ErrNoBranch
		}
		if err == nil {
			_, err = r.exchange(ctx, order{Push: &push{Ref: "refs/heads/" + branch, New: i.String()}})
		}
		if err != nil {
			return err
		}
		return r.pushed(branch, i)
	})
	if err != nil {
		return fmt.Errorf("push %s to %s: %w", branch, r.source, err)
	}
	return nil
}

// pushed remembers what the remote has now.
func (r *Repository) pushed(branch string, i id) error {
	if !r.options.All && branch != r.options.Branch {
		return nil
	}
	refs, err := r.dirs.packedRefs()
	if err != nil {
		return err
	}
	got := reply{Refs: make(map[string]string)}
	for name, at := range refs {
		got.Refs[name] = at.String()
	}
	got.Refs[originPrefix+branch] = i.String()
	return setOrigin(r.dirs, got)
}

// send speaks to a remote and moves its branch.
func send(ctx context.Context, o order) error {
	r := o.mirror()
	defer r.Close()
	tip, ok := parseID(o.Push.New)
	if !ok {
		return errors.New("nothing to push")
	}
	to, err := o.wire()
	if err != nil {
		return err
	}
	defer to.close()
	session, err := to.NewReceivePackSession(o.Source.endpoint(), to.auth)
	if err != nil {
		return explain(err)
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { session.Close() })()
	remote, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return explain(err)
	}
	old := id(remote.References[o.Push.Ref])
	if old == tip {
		return nil
	}
	var pack []byte
	if o.Push.Replace {
		pack, err = r.packAlone(tip, old, o.Push.Old)
	} else {
		pack, err = r.packFor(ctx, tip, old, remote)
	}
	if err != nil {
		return err
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(remote.Capabilities)
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(o.Push.Ref), Old: plumbing.Hash(old), New: plumbing.Hash(tip)}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	report, err := session.ReceivePack(ctx, req)
	if err == nil && report != nil {
		err = report.Error()
	}
	return refused(err, o.Push.Replace)
}

// refused says what it means when a remote does not move its branch. To one that
// only lets branches grow, a branch that is replaced is one to refuse.
func refused(err error, replaced bool) error {
	if err == nil {
		return nil
	}
	why, notMoved := whyNot(err)
	if replaced && why == "non-fast-forward" {
		return fmt.Errorf("%w: it lets branches grow only, and this one is replaced (force push)", ErrDenied)
	}
	for _, sign := range []string{"non-fast-forward", "fetch first", "stale info", "failed to update ref", "cannot lock ref", "incorrect old value"} {
		if strings.Contains(err.Error(), sign) {
			return fmt.Errorf("%w: %w", ErrMoved, err)
		}
	}
	if notMoved {
		return fmt.Errorf("%w: %s", ErrDenied, why)
	}
	return explain(err)
}

// whyNot is why a remote that took a push in left the branch where it is; false for
// other errors.
func whyNot(err error) (why string, notMoved bool) {
	text, notMoved := strings.CutPrefix(err.Error(), "command error on refs/heads/")
	_, why, _ = strings.Cut(text, ": ") // no branch has a colon in its name
	return why, notMoved
}

// packFor gathers what the remote lacks of a commit.
func (r *Repository) packFor(ctx context.Context, tip, old id, remote *packp.AdvRefs) ([]byte, error) {
	var theirs []id
	for hash := range maps.Values(remote.References) {
		if kind, err := r.objects.kindOf(id(hash)); err == nil && kind == kindCommit {
			theirs = append(theirs, id(hash))
		}
	}
	w, err := r.meetAll(ctx, tip, theirs)
	if err != nil {
		return nil, err
	}
	if old != (id{}) && w.marks[old]&ofBoth != ofBoth {
		return nil, fmt.Errorf("%w: the remote's branch is at %s, which ours has not grown from", ErrMoved, old)
	}
	g := &gathering{r: r, seen: make(map[id]bool)}
	for i, marks := range w.marks {
		if marks&ofB == 0 {
			if err := g.commit(i); err != nil {
				return nil, err
			}
		}
	}
	return g.pack()
}

// A gathering is the objects of a pack that is made.
type gathering struct {
	r       *Repository
	seen    map[id]bool
	count   uint32
	entries bytes.Buffer
}

// maxPush is how many bytes are pushed at once. What this program writes is small.
const maxPush = 64 << 20

func (g *gathering) commit(i id) error {
	data, err := g.r.objects.read(i, kindCommit)
	if err != nil {
		return err
	}
	c, err := parseCommit(data)
	if err != nil {
		return err
	}
	var before []node
	for _, parent := range c.parents {
		pc, err := g.r.commit(parent)
		if err != nil {
			return err
		}
		before = append(before, node{mode: fs.ModeDir, id: pc.tree})
	}
	if err := g.tree(c.tree, before); err != nil {
		return err
	}
	return g.add(i, kindCommit, data)
}

// tree adds what a folder has that none of those before has at its place.
func (g *gathering) tree(i id, before []node) error {
	if g.seen[i] {
		return nil
	}
	var old [][]node
	for _, b := range before {
		if b.id == i {
			return nil
		}
		if b.mode.IsDir() {
			nodes, err := g.r.tree(b.id, ".")
			if err != nil {
				return err
			}
			old = append(old, nodes)
		}
	}
	data, err := g.r.objects.read(i, kindTree)
	if err != nil {
		return err
	}
	nodes, err := parseTree(data)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := g.node(n, old); err != nil {
			return err
		}
	}
	return g.add(i, kindTree, data)
}

func (g *gathering) node(n node, old [][]node) error {
	var before []node
	for _, nodes := range old {
		if b, ok := find(nodes, n.name); ok {
			before = append(before, b)
			if b.id == n.id {
				return nil
			}
		}
	}
	switch {
	case n.mode.IsDir():
		return g.tree(n.id, before)
	case n.mode.Type() == submodule || g.seen[n.id]:
		return nil
	}
	data, err := g.r.objects.read(n.id, kindBlob)
	if err != nil {
		return err
	}
	return g.add(n.id, kindBlob, data)
}

// add writes an entry of a pack.
func (g *gathering) add(i id, kind byte, data []byte) error {
	if g.seen[i] {
		return nil
	}
	g.seen[i] = true
	g.count++
	size := len(data)
	b := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		g.entries.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	g.entries.WriteByte(b)
	z := zlib.NewWriter(&g.entries)
	z.Write(data)
	z.Close() // writing to memory does not fail
	if g.entries.Len() > maxPush {
		return fmt.Errorf("%w: more than %d bytes to push", ErrLimit, maxPush)
	}
	return nil
}

func (g *gathering) pack() ([]byte, error) {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), g.count)
	out = append(out, g.entries.Bytes()...)
	h := githash.New(crypto.SHA1)
	h.Write(out)
	return h.Sum(out), nil
}

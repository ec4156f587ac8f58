package git

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// fetch speaks to a remote and puts what is new into the mirror's objects.
// Branches are moved by the parent.
func fetch(ctx context.Context, o order) (reply, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := o.mirror()
	defer r.Close()
	to, err := o.wire()
	if err != nil {
		return reply{}, err
	}
	defer to.close()
	session, err := to.NewUploadPackSession(o.Source.endpoint(), to.auth)
	if err != nil {
		return reply{}, explain(err)
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { session.Close() })() // ssh does not look at ctx
	remote, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return reply{}, nil
	}
	if err != nil {
		return reply{}, explain(err)
	}
	got := o.choose(remote)
	wants, err := r.lacking(got)
	if err != nil || len(wants) == 0 {
		return got, err
	}
	in, err := r.receive(ctx, cancel, session, remote, wants)
	if err == nil {
		err = in.finish(ctx, r, wants)
	}
	if err == nil {
		// What came is kept all the same. Packs that cannot be joined are joined
		// after a later fetch, but for those that have rotted.
		if bad := r.compact(); errors.Is(bad, ErrDamaged) {
			err = bad
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return got, explain(err)
}

// choose picks the branches and tags that are kept.
func (o order) choose(remote *packp.AdvRefs) reply {
	got := reply{Refs: make(map[string]string), Head: headBranch(remote)}
	branch := o.Branch
	if branch == "" {
		branch = got.Head
	}
	for name, hash := range remote.References {
		short, isBranch := strings.CutPrefix(name, "refs/heads/")
		switch {
		case !validRef(name):
		case isBranch && (o.All || short == branch):
			got.Refs[originPrefix+short] = hash.String()
		case o.All && strings.HasPrefix(name, "refs/tags/"):
			got.Refs[name] = hash.String()
		}
	}
	return got
}

// headBranch is the branch that the remote's HEAD is. Old servers only say where
// it is, so any branch that is there will do.
func headBranch(remote *packp.AdvRefs) string {
	for _, pair := range remote.Capabilities.Get(capability.SymRef) {
		if branch, ok := strings.CutPrefix(pair, "HEAD:refs/heads/"); ok {
			return branch
		}
	}
	best := ""
	for name, hash := range remote.References {
		branch, ok := strings.CutPrefix(name, "refs/heads/")
		if ok && remote.Head != nil && *remote.Head == hash && (best == "" || branch == "main" || best != "main" && branch < best) {
			best = branch
		}
	}
	return best
}

// lacking are the tips that the mirror does not have.
func (r *Repository) lacking(got reply) (wants []id, err error) {
	seen := make(map[id]bool)
	for _, hash := range got.Refs {
		i, ok := parseID(hash)
		if !ok || seen[i] {
			continue
		}
		seen[i] = true
		switch _, err := r.objects.kindOf(i); {
		case errors.Is(err, errMissing):
			wants = append(wants, i)
		case err != nil:
			return nil, r.objects.blame(err)
		}
	}
	return wants, nil
}

// maxHaves is how many commits the remote is told that we have: the tips, and
// some before each, so that a branch that was rewritten is not sent whole.
const maxHaves = 512

func (r *Repository) haves() ([]plumbing.Hash, error) {
	refs, err := r.dirs.packedRefs()
	if err != nil {
		return nil, err
	}
	var out []plumbing.Hash
	for _, i := range refs {
		for n, gap := 0, 1; n < 32 && len(out) < maxHaves; n++ {
			c, err := r.commit(i)
			if err != nil {
				break // a tag, or cut off
			}
			out = append(out, plumbing.Hash(i))
			if n >= 10 {
				gap *= 2
			}
			for range gap {
				if len(c.parents) == 0 {
					break
				}
				if i = c.parents[0]; gap > 1 {
					if c, err = r.commit(i); err != nil {
						return nil, err
					}
				}
			}
			if len(c.parents) == 0 {
				break
			}
		}
	}
	return out, nil
}

// receive asks for what is lacking and writes it down.
func (r *Repository) receive(ctx context.Context, cancel context.CancelCauseFunc, session transport.UploadPackSession, remote *packp.AdvRefs, wants []id) (*arrival, error) {
	req := packp.NewUploadPackRequestFromCapabilities(remote.Capabilities)
	for _, i := range wants {
		req.Wants = append(req.Wants, plumbing.Hash(i))
	}
	var err error
	if req.Haves, err = r.haves(); err != nil {
		return nil, err
	}
	answer, err := session.UploadPack(ctx, req)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	in, err := newArrival(r.dirs.objects())
	if err != nil {
		return nil, err
	}
	from, stop := stall(cancel, io.LimitReader(unwrap(req, answer), r.options.Fetch.Bytes+1))
	defer stop()
	if err := in.copy(from, r.options.Fetch.Bytes); err != nil {
		return nil, errors.Join(err, in.pack.Close(), os.RemoveAll(in.dir))
	}
	return in, nil
}

// unwrap takes the pack out of what may also hold the remote's talk.
func unwrap(req *packp.UploadPackRequest, answer io.Reader) io.Reader {
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, answer)
	case req.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, answer)
	}
	return answer
}

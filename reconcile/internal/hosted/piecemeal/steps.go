package piecemeal

import (
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// steps is the order of a round: what takes access away first, and an address is
// freed before it is taken, and there before another leads to it.
func (j *job) steps() []step {
	var out []step
	for i := range j.run.Changes {
		t := j.targets[j.run.Changes[i].Key]
		if t.reached() || t.failed != "" {
			continue
		}
		if t.change.Op == reconcile.OpUpdate {
			out = append(out, step{t, phaseLess, true})
		}
		out = append(out, step{t, j.phase(t), false})
	}
	slices.SortStableFunc(out, func(a, b step) int {
		if a.phase != b.phase {
			return a.phase - b.phase
		}
		return a.change.Compare(b.change.Key)
	})
	return out
}

// A step is the operations of one target that are due at one time.
type step struct {
	*target
	phase int
	less  bool
}

// The phases of a round.
const (
	phaseDomains = iota // users need them
	phaseLess           // what takes access away
	phaseLead           // aliases and lists lead elsewhere, before what they led to goes
	phaseGone           // what goes, and frees its address
	phaseUsers          // who comes
	phaseMore           // the rest of what changes
	phaseComes          // aliases and lists that come
	phaseEmpty          // domains that are empty now
)

func (j *job) phase(t *target) int {
	kind := t.change.Kind
	switch {
	case kind == schema.KindDomain && t.change.Op == reconcile.OpCreate:
		return phaseDomains
	case kind == schema.KindDomain && t.change.Op == reconcile.OpDelete:
		return phaseEmpty
	case t.change.Op == reconcile.OpDelete:
		return phaseGone
	case t.change.Op == reconcile.OpCreate && kind == schema.KindUser:
		return phaseUsers
	case t.change.Op == reconcile.OpCreate:
		return phaseComes
	case kind != schema.KindUser && !j.waitsFor(t):
		return phaseLead
	}
	return phaseMore
}

// waitsFor reports whether an alias or a list is to lead to what this job makes.
func (j *job) waitsFor(t *target) bool {
	if t.want == nil || t.change.Kind == schema.KindDomain {
		return false
	}
	return slices.ContainsFunc(schema.Targets(t.want), func(a schema.Address) bool {
		user := j.targets[schema.Key{Kind: schema.KindUser, Name: string(a)}]
		return user != nil && user.change.Op == reconcile.OpCreate
	})
}

package piecemeal

import (
	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// Cost implements reconcile.Piecemeal: what is changed is read before and after.
func (s *Store) Cost(live schema.State, changes []reconcile.Change) (reconcile.Cost, error) {
	var calls []hosted.Call
	var keys []schema.Key
	wants := make(map[schema.Key]schema.Resource)
	for i := range changes {
		c := &changes[i]
		is := live.Find(c.Key)
		if c.Op == reconcile.OpCreate {
			is = nil
		}
		want, err := c.Apply(is)
		if err != nil {
			return reconcile.Cost{}, err
		}
		calls = append(calls, s.calls(is, want)...)
		keys, wants[c.Key] = append(keys, c.Key), want
	}
	if len(calls) == 0 {
		return reconcile.Cost{}, nil
	}
	cost := reconcile.Cost{Requests: s.service.Requests(reach(changes), live) + s.service.Cost(calls) + s.service.Requests(keys, after(live, wants))}
	var err error
	cost.Length, err = s.service.Length(cost.Requests)
	return cost, err
}

// after is a live state with what is wanted at some keys.
func after(live schema.State, wants map[schema.Key]schema.Resource) schema.State {
	out := make(schema.State, 0, len(live)+len(wants))
	for _, r := range live {
		if _, changes := wants[r.Key()]; !changes {
			out = append(out, r)
		}
	}
	for _, want := range wants {
		if want != nil {
			out = append(out, want)
		}
	}
	out.Sort()
	return out
}

// calls are those of one change. What cannot be done costs nothing.
func (s *Store) calls(before, after schema.Resource) (out []hosted.Call) {
	if before == nil && after == nil {
		return nil // it is done
	}
	operations, err := s.service.Operations(before, after, nil)
	if err != nil {
		return nil
	}
	creates := false
	for _, o := range operations {
		out = append(out, o.Call)
		creates = creates || o.Creates
	}
	if creates {
		rest, err := s.service.Operations(s.service.Newcomer(after), after, nil)
		if err != nil {
			return out
		}
		for _, o := range rest {
			out = append(out, o.Call)
		}
	}
	return out
}

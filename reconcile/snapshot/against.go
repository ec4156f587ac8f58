package snapshot

import (
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// Against is the live state for a plan that compares it with want. What want and
// base say themselves is put in place of its hash wherever the two are equal: a
// plan then has the changes that it would have against the store, and tells nobody
// more than the declarations do. What differs stays hashed. key is the one that the
// snapshot was made with.
//
// Of a snapshot without a key nobody can tell which passwords are live. base is
// what was asked for before want, such as what the commit in force asks for: its
// passwords are taken to be live. nil: nothing is known, and those that are wanted
// are. unseen is how many were taken so.
//
// Rows that still have a hidden value have another version than in the store:
// such a plan is for reading, and no store applies it.
func (s *Snapshot) Against(want, base schema.State, key *Key) (live reconcile.Live, unseen int, err error) {
	switch {
	case s.Key == "":
		live = s.Live
		live.State, unseen = unlocked(s.Live.State, want, base)
		return live, unseen, nil
	case key == nil:
		return live, 0, fmt.Errorf("%w: it needs the key %s", ErrKey, s.Key)
	case key.id() != s.Key:
		return live, 0, fmt.Errorf("%w: its key is %s, and this one is %s", ErrKey, s.Key, key.id())
	}
	said := lexiconOf(slices.Concat(base, want), key)
	live.State = make(schema.State, len(s.Live.State))
	live.Observed = make(map[schema.Address]schema.Observed, len(s.Live.Observed))
	for i, r := range s.Live.State {
		live.State[i] = said.revealed(r)
	}
	for a, o := range s.Live.Observed {
		o.AddOnMailbox = said.word(wordAddress, o.AddOnMailbox)
		live.Observed[a] = o
	}
	return live, 0, nil
}

// unlocked puts passwords into a live state that hides its own: those that base
// asks for, where there is one, as nothing else is known of them, and else those
// that are wanted, of whoever gets the mailbox. It counts the second: whether they changed, nobody can tell.
func unlocked(live, want, base schema.State) (schema.State, int) {
	asked, unseen := base, 0
	if base == nil {
		asked = want
	}
	heirs := make(map[schema.Address]*schema.User)
	for u := range asked.Users() {
		if u.RenamedFrom != "" {
			heirs[u.RenamedFrom] = u
		}
	}
	out := make(schema.State, len(live))
	for i, r := range live {
		out[i] = r
		u, ok := r.(*schema.User)
		if !ok || u.Password != hiddenPassword {
			continue
		}
		var is schema.Resource
		is, asked = asked.Next(r)
		has, ok := is.(*schema.User)
		if !ok {
			has, ok = heirs[u.Address]
		}
		if ok && has.Password != "" {
			known := *u
			known.Password = has.Password
			out[i] = &known
			unseen++
		}
	}
	if base != nil {
		return out, 0
	}
	return out, unseen
}

// A lexicon tells of hashes what they stand for.
type lexicon map[string]string

// lexiconOf holds what resources say.
func lexiconOf(s schema.State, key *Key) lexicon {
	said, h := make(lexicon), key.hasher()
	note := func(is word, value string) string {
		switch {
		case value == "":
		case is == wordName:
			said[h.name(value)] = value
		case is == wordNetwork:
			said[h.network(value)] = value
		default:
			said[h.address(schema.Address(value))] = value
		}
		return value
	}
	for _, r := range s {
		rewrite(schema.Clone(r), note) // into the same: only what it says is of interest
		if u, ok := r.(*schema.User); ok && u.Password != "" {
			said[h.password(u.Password)] = string(u.Password)
		}
	}
	return said
}

// revealed is a resource with what the lexicon knows.
func (said lexicon) revealed(r schema.Resource) schema.Resource {
	out := schema.Clone(r)
	rewrite(out, said.word)
	if u, ok := out.(*schema.User); ok {
		if known, ok := said[string(u.Password)]; ok {
			u.Password = schema.Secret(known)
		}
	}
	return out
}

func (said lexicon) word(is word, value string) string {
	if known, ok := said[value]; ok && redacted(is, value) {
		return known
	}
	return value
}

package sqlstore

import (
	"mailops/reconcile"
	"mailops/schema"
)

// lookUp asks for what the writing depends on: which names of mailboxes are
// taken, and which hashes the ledger remembers.
func (a *apply) lookUp() error {
	if err := a.stageNames(); err != nil {
		return err
	}
	for i := range a.steps {
		a.stageSecrets(&a.steps[i])
	}
	if err := a.stage(); err != nil {
		return err
	}
	if err := a.usedNames(); err != nil {
		return err
	}
	return a.recall()
}

// stageSecrets stages the fingerprints that a step needs a hash for, and those
// whose hash the ledger is to remember.
func (a *apply) stageSecrets(s *step) {
	if u, ok := s.after.(*schema.User); ok && u.Password != "" && a.given(u.Password) == "" && s.setsPassword() {
		a.staged.word(stagedSecret, string(u.Password))
	}
	if hash := s.replaces(); hash != "" {
		a.staged.word(stagedSecret, string(schema.Fingerprint(hash)))
	}
}

func (s *step) setsPassword() bool {
	return s.change.Op == reconcile.OpCreate || s.change.Field("password") != nil
}

// replaces is the hash that no user has after the step; "" is none.
func (s *step) replaces() string {
	if s.before == nil || s.change.Op != reconcile.OpDelete && s.change.Field("password") == nil {
		return ""
	}
	return s.before.hash
}

// recall fetches what the ledger remembers of the staged fingerprints.
func (a *apply) recall() error {
	a.remembered = make(schema.Secrets)
	if a.staged.count[stagedSecret] == 0 {
		return nil
	}
	rows := a.Query("SELECT fingerprint, hash FROM mailops_secret WHERE fingerprint IN (" + words(stagedSecret) + ")")
	defer rows.Close()
	for rows.Next() {
		v := rows.Values()
		a.remembered[schema.Secret(text(v[0]))] = text(v[1])
	}
	return rows.Err()
}

// given finds a hash in the batch, or in a row that the batch touches.
func (a *apply) given(f schema.Secret) string {
	if hash, ok := a.batch.Secrets[f]; ok {
		return hash
	}
	return a.replaced[f]
}

// hash finds the hash that a change sets: given, or remembered.
func (a *apply) hash(f schema.Secret) (string, error) {
	if f == "" {
		return "", nil
	}
	hash := a.given(f)
	if hash == "" {
		hash = a.remembered[f]
	}
	if schema.Fingerprint(hash) != f {
		return "", reconcile.ErrNoSecret
	}
	return hash, nil
}

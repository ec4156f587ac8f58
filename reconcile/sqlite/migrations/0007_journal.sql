-- What a store without transactions that keeps its ledger here has to remember of
-- an apply: what it was to do, and of each operation how far it came. Nothing in
-- it is secret: a call names the secrets that belong in it.

CREATE TABLE mailops_apply (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  begun TEXT NOT NULL,              -- RFC 3339 in UTC, as all times here
  batch TEXT NOT NULL,              -- JSON of the run that it was to be
  ended TEXT NOT NULL DEFAULT '',   -- when what became of every operation was known; '': it is not
  run   INTEGER NOT NULL DEFAULT 0  -- that records what was done; 0: nothing was
) STRICT;

CREATE TABLE mailops_operation (
  apply INTEGER NOT NULL REFERENCES mailops_apply (id) ON DELETE CASCADE,
  n     INTEGER NOT NULL,
  kind  TEXT NOT NULL,
  name  TEXT NOT NULL,
  call  TEXT NOT NULL,              -- JSON
  state TEXT NOT NULL,              -- sent, answered, verified or failed
  text  TEXT NOT NULL DEFAULT '',   -- the service's words
  at    TEXT NOT NULL,              -- of the state
  PRIMARY KEY (apply, n)
) STRICT, WITHOUT ROWID;

-- What an agent needs of a store.

-- What the guards counted of a run: they sum it over a window of time, which is
-- found by the seconds of at: a text with fractions sorts differently.
ALTER TABLE mailops_run ADD COLUMN guard_deletes @INT@ NOT NULL DEFAULT 0;
ALTER TABLE mailops_run ADD COLUMN guard_lockouts @INT@ NOT NULL DEFAULT 0;
ALTER TABLE mailops_run ADD COLUMN guard_updates @INT@ NOT NULL DEFAULT 0;
ALTER TABLE mailops_run ADD COLUMN guard_drift @INT@ NOT NULL DEFAULT 0;
-- 1: all that the revision asks for is live after it.
ALTER TABLE mailops_run ADD COLUMN whole @INT@ NOT NULL DEFAULT 0;
CREATE INDEX mailops_run_at ON mailops_run ((substr(at, 1, 19)));

-- What became of one address.
CREATE INDEX mailops_before_image_name ON mailops_before_image (name, run);

-- What an agent leaves alone, and until when. What has ended stays for a while.
CREATE TABLE mailops_pause (
  scope  @TEXT@ NOT NULL,  -- an address, a domain, or all
  until  TEXT NOT NULL,    -- RFC 3339 in UTC with whole seconds, as at
  reason TEXT NOT NULL,
  by     TEXT NOT NULL,
  at     @TEXT@ NOT NULL,
  PRIMARY KEY (scope, at)
) @TABLE@;

-- Who the one agent of the store is. An apply that carries another epoch is
-- refused. The epoch is a key so that PostgreSQL tells who takes the store over
-- from who renews the lease: an apply locks out the first alone.
CREATE TABLE mailops_agent (
  one    @INT@ NOT NULL PRIMARY KEY CHECK (one = 1),
  epoch  @INT@ NOT NULL UNIQUE,  -- grows with each lease
  holder TEXT NOT NULL,
  since  TEXT NOT NULL,          -- RFC 3339 in UTC with whole seconds
  seen   @TEXT@ NOT NULL         -- the same; '' when it is nobody's. SQLite's holder is known by a lock
) @TABLE@;
INSERT INTO mailops_agent (one, epoch, holder, since, seen) VALUES (1, 0, '', '', '');

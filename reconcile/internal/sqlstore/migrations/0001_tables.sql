-- The canonical tables: flat, effective rows, so that a mail server's query
-- needs no merging. @TEXT@, @INT@, @TABLE@ and @WIDE@ are words of the
-- dialect.
-- Booleans are 0 and 1, so that one statement serves every database.

CREATE TABLE domain (
  name      @TEXT@ NOT NULL PRIMARY KEY,
  catch_all TEXT NOT NULL DEFAULT '',  -- an address; '' is none
  timezone  TEXT NOT NULL DEFAULT ''
) @TABLE@;

-- One namespace for users, aliases and lists. The foreign keys on
-- (domain, local, kind) make "a name is one of them" a plain constraint.
CREATE TABLE address (
  domain @TEXT@ NOT NULL REFERENCES domain (name),
  local  @TEXT@ NOT NULL,
  kind   TEXT NOT NULL CHECK (kind IN ('user', 'alias', 'list')),
  PRIMARY KEY (domain, local),
  UNIQUE (kind, domain, local)
) @TABLE@;

CREATE TABLE mailuser (
  domain       @TEXT@ NOT NULL,
  local        @TEXT@ NOT NULL,
  kind         TEXT NOT NULL DEFAULT 'user' CHECK (kind = 'user'),
  email        @TEXT@ GENERATED ALWAYS AS (local || '@' || domain) STORED UNIQUE,
  mailbox      @TEXT@ NOT NULL UNIQUE,  -- the name of its storage; stays when the address changes
  password     TEXT,                    -- {SCHEME}hash; NULL cannot sign in by password
  name         TEXT NOT NULL,
  role         TEXT NOT NULL CHECK (role IN ('member', 'admin', 'superAdmin')),
  status       TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'deactivated')),
  account_type TEXT NOT NULL CHECK (account_type IN ('basic', 'enhanced')),
  quota_bytes  @INT@ NOT NULL CHECK (quota_bytes >= 0),  -- 0 is unlimited
  language     TEXT NOT NULL,
  timezone     TEXT NOT NULL,
  travel_until TEXT,                                -- RFC 3339; NULL is at home
  keep_copy    @INT@ NOT NULL CHECK (keep_copy IN (0, 1)),  -- when there are forwardings
  incoming     @INT@ NOT NULL CHECK (incoming IN (0, 1)),
  outgoing     @INT@ NOT NULL CHECK (outgoing IN (0, 1)),
  spam_check   @INT@ NOT NULL CHECK (spam_check IN (0, 1)),
  imap         @INT@ NOT NULL CHECK (imap IN (0, 1)),
  pop          @INT@ NOT NULL CHECK (pop IN (0, 1)),
  activesync   @INT@ NOT NULL CHECK (activesync IN (0, 1)),
  webmail      @INT@ NOT NULL CHECK (webmail IN (0, 1)),
  smtp         @INT@ NOT NULL CHECK (smtp IN (0, 1)),
  sieve        @INT@ NOT NULL CHECK (sieve IN (0, 1)),
  only_local_smtp          @INT@ NOT NULL CHECK (only_local_smtp IN (0, 1)),
  feature_autoresponder    @INT@ NOT NULL CHECK (feature_autoresponder IN (0, 1)),
  feature_forwarding       @INT@ NOT NULL CHECK (feature_forwarding IN (0, 1)),
  feature_filters          @INT@ NOT NULL CHECK (feature_filters IN (0, 1)),
  feature_allow_block_list @INT@ NOT NULL CHECK (feature_allow_block_list IN (0, 1)),
  feature_shared_folders   @INT@ NOT NULL CHECK (feature_shared_folders IN (0, 1)),
  feature_change_password  @INT@ NOT NULL CHECK (feature_change_password IN (0, 1)),
  backup       TEXT NOT NULL CHECK (backup IN ('off', 'onDeactivation')),
  addon_lock   TEXT NOT NULL CHECK (addon_lock IN ('locked', 'unlocked')),
  hours        @INT@ NOT NULL CHECK (hours IN (0, 1)),  -- 1: only inside access_window, no row is never
  hours_timezone TEXT NOT NULL,                         -- '' is the user's own
  PRIMARY KEY (domain, local),
  FOREIGN KEY (domain, local, kind) REFERENCES address (domain, local, kind) ON DELETE CASCADE
) @TABLE@;

-- Minutes of a local day, looked at when mailuser.hours is 1.
CREATE TABLE access_window (
  domain    @TEXT@ NOT NULL,
  local     @TEXT@ NOT NULL,
  dow       @INT@ NOT NULL CHECK (dow BETWEEN 1 AND 7),  -- ISO 8601: 1 is Monday
  n         @INT@ NOT NULL,                              -- counts the windows of a day
  start_min @INT@ NOT NULL CHECK (start_min BETWEEN 0 AND 1440),
  end_min   @INT@ NOT NULL CHECK (end_min BETWEEN 0 AND 1440),  -- exclusive
  PRIMARY KEY (domain, local, dow, n),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- Sign-in is allowed from these networks only; without a row from anywhere.
CREATE TABLE trusted_network (
  domain  @TEXT@ NOT NULL,
  local   @TEXT@ NOT NULL,
  network @TEXT@ NOT NULL,
  PRIMARY KEY (domain, local, network),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- Who besides the user may send as the address (domain, local).
CREATE TABLE send_as (
  domain   @TEXT@ NOT NULL,
  local    @TEXT@ NOT NULL,
  delegate @TEXT@ NOT NULL,
  email    @TEXT@ GENERATED ALWAYS AS (local || '@' || domain) STORED,
  PRIMARY KEY (domain, local, delegate),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX send_as_email ON send_as (email);

-- An alias's targets, a list's members, or a user's forwardings.
CREATE TABLE forwarding (
  domain @TEXT@ NOT NULL,
  local  @TEXT@ NOT NULL,
  dest   @TEXT@ NOT NULL,
  email  @TEXT@ GENERATED ALWAYS AS (local || '@' || domain) STORED,
  PRIMARY KEY (domain, local, dest),
  FOREIGN KEY (domain, local) REFERENCES address (domain, local) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX forwarding_email ON forwarding (email);

CREATE TABLE listprop (
  domain  @TEXT@ NOT NULL,
  local   @TEXT@ NOT NULL,
  kind    TEXT NOT NULL DEFAULT 'list' CHECK (kind = 'list'),
  posting TEXT NOT NULL CHECK (posting IN ('anyone', 'members', 'organization')),
  PRIMARY KEY (domain, local),
  FOREIGN KEY (domain, local, kind) REFERENCES address (domain, local, kind) ON DELETE CASCADE
) @TABLE@;

-- What the user's own side writes, and mailops only reads.
CREATE TABLE observed (
  domain         @TEXT@ NOT NULL,
  local          @TEXT@ NOT NULL,
  addon_protocol TEXT NOT NULL DEFAULT '',   -- pop, imap, or '' when not configured
  addon_sharing  TEXT NOT NULL DEFAULT '',   -- private, recordLevel, complete, or ''
  addon_mailbox  TEXT NOT NULL DEFAULT '',   -- '' is the user's own
  addon_saved    @INT@ NOT NULL DEFAULT 0 CHECK (addon_saved IN (0, 1)),  -- since the last reactivation
  backup         TEXT NOT NULL DEFAULT '',   -- queued, running, completed, failed, or ''
  storage_used   @INT@ NOT NULL DEFAULT 0,   -- bytes
  last_sign_in   @INT@ NOT NULL DEFAULT 0,   -- seconds since 1970; 0 is never
  PRIMARY KEY (domain, local),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- The ledger: one row for each apply ...
CREATE TABLE mailops_run (
  id         @INT@ NOT NULL PRIMARY KEY,
  at         TEXT NOT NULL,            -- RFC 3339, UTC
  actor      TEXT NOT NULL,
  revision   TEXT NOT NULL,            -- of the declarations
  plan       TEXT NOT NULL,
  undoes     @INT@ NOT NULL,           -- the run that this one took back; 0 is none
  live_users @INT@ NOT NULL,           -- when it was done
  creates    @INT@ NOT NULL,
  updates    @INT@ NOT NULL,
  deletes    @INT@ NOT NULL
) @TABLE@;

-- ... and one for each change, in the order in which they were carried out.
CREATE TABLE mailops_before_image (
  run           @INT@ NOT NULL REFERENCES mailops_run (id) ON DELETE CASCADE,
  n             @INT@ NOT NULL,
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  op            TEXT NOT NULL,
  version       TEXT NOT NULL,         -- of the row before; '' when it did not exist
  version_after TEXT NOT NULL,         -- '' when it exists no more
  renamed_from  TEXT NOT NULL,
  fields        TEXT NOT NULL,         -- JSON: [[path, before, after, origin], ...]
  password      TEXT,                  -- the fingerprint of the hash that was replaced
  mailbox       TEXT NOT NULL,         -- of a deleted user
  PRIMARY KEY (run, n)
) @WIDE@;
CREATE INDEX mailops_before_image_password ON mailops_before_image (password) WHERE password IS NOT NULL;

-- Hashes that no user has any more and a before-image still names.
CREATE TABLE mailops_secret (
  fingerprint TEXT NOT NULL PRIMARY KEY,
  hash        TEXT NOT NULL
) @TABLE@;

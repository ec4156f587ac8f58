-- What mail servers read and what users own. The views are an interface: their
-- names, columns and meaning stay within a version (mailserver_interface);
-- columns may be added. The README documents each column.
-- Words of the dialect: NOW is the present as text, RFC 3339 in UTC with whole
-- seconds; JOIN puts texts together; OPEN asks whether the user u is within
-- access hours. Times are compared as texts: what is not in that form counts as
-- past.

-- Says which apply wrote a run, also to one that lost the answer.
ALTER TABLE mailops_run ADD COLUMN token TEXT NOT NULL DEFAULT '';

-- The services that there are. One that is not listed is refused.
CREATE TABLE mailservice (service @TEXT@ NOT NULL PRIMARY KEY) @TABLE@;
INSERT INTO mailservice (service) VALUES
  ('imap'), ('pop3'), ('sieve'), ('smtp'), ('webmail'), ('activesync'), ('backup');
CREATE VIEW dovecot_service AS SELECT service FROM mailservice;

-- ---------------------------------------------------------------- users' own
-- A panel or webmail writes these tables. What belongs to a feature that is
-- off stays stored and is not in force.

CREATE TABLE autoresponder (
  domain  @TEXT@ NOT NULL,
  local   @TEXT@ NOT NULL,
  subject TEXT NOT NULL DEFAULT '' CHECK (length(subject) <= 998),  -- RFC 5322 §2.1.1
  body    TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 65536),
  starts  TEXT NOT NULL DEFAULT '' CHECK (starts = '' OR starts LIKE '____-__-__T__:__:__Z' AND substr(starts, 1, 4) BETWEEN '1970' AND '9999'
          AND substr(starts, 6, 2) BETWEEN '01' AND '12' AND substr(starts, 9, 2) BETWEEN '01' AND '31' AND substr(starts, 12, 2) <= '23'),  -- '' is at once
  ends    TEXT NOT NULL DEFAULT '' CHECK (ends = '' OR ends LIKE '____-__-__T__:__:__Z' AND substr(ends, 1, 4) BETWEEN '1970' AND '9999'
          AND substr(ends, 6, 2) BETWEEN '01' AND '12' AND substr(ends, 9, 2) BETWEEN '01' AND '31' AND substr(ends, 12, 2) <= '23'),      -- '' is never
  days    @INT@ NOT NULL DEFAULT 7 CHECK (days BETWEEN 1 AND 30),  -- between replies to one sender
  PRIMARY KEY (domain, local),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- Copies go there; the mailbox gets the mail as well.
CREATE TABLE own_forwarding (
  domain @TEXT@ NOT NULL,
  local  @TEXT@ NOT NULL,
  dest   @TEXT@ NOT NULL CHECK (dest LIKE '_%@_%.%' AND dest NOT LIKE '%@%@%' AND dest NOT LIKE '% %' AND dest NOT LIKE '%,%'
           AND dest NOT LIKE '%|%' AND dest NOT LIKE '%"%' AND dest NOT LIKE '%<%' AND dest NOT LIKE '%:%' AND dest NOT LIKE '%
%'),  -- one address, and nothing that Postfix reads as more
  email  @TEXT@ GENERATED ALWAYS AS (local || '@' || domain) STORED,
  PRIMARY KEY (domain, local, dest),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX own_forwarding_email ON own_forwarding (email);

-- A Sieve script of a panel; what users edit over ManageSieve lies in their
-- mailbox and runs after it.
CREATE TABLE own_filter (
  domain @TEXT@ NOT NULL,
  local  @TEXT@ NOT NULL,
  script TEXT NOT NULL CHECK (length(script) <= 262144),
  PRIMARY KEY (domain, local),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- Mail from these senders is never, or always, junk.
CREATE TABLE sender_rule (
  domain  @TEXT@ NOT NULL,
  local   @TEXT@ NOT NULL,
  sender  @TEXT@ NOT NULL CHECK (sender LIKE '%@_%'),  -- an address, or @domain
  verdict TEXT NOT NULL CHECK (verdict IN ('allow', 'block')),
  PRIMARY KEY (domain, local, sender),
  FOREIGN KEY (domain, local) REFERENCES mailuser (domain, local) ON DELETE CASCADE
) @TABLE@;

-- Who may sign in as somebody else, and until when. What has ended stays for a
-- while, so that one can see who could.
CREATE TABLE master_grant (
  name       @TEXT@ NOT NULL,                                -- signs in as user*name
  target     @TEXT@ NOT NULL,                                -- an address, or @domain
  backup     @INT@ NOT NULL CHECK (backup IN (0, 1)),        -- 1: for backups of deactivated users, and nothing else
  password   TEXT NOT NULL,                                  -- {SCHEME}hash
  until      TEXT NOT NULL CHECK (until LIKE '____-__-__T__:__:__Z'),
  reason     TEXT NOT NULL,
  granted_by TEXT NOT NULL,
  granted_at TEXT NOT NULL,
  PRIMARY KEY (name, target, backup, granted_at)
) @TABLE@;

-- ---------------------------------------------------------------- signing in

-- One row for each user and service. The reason is what the client sees; NULL
-- is allowed.
CREATE VIEW login_state AS
SELECT u.domain, u.local, u.email, s.service, u.outgoing, u.only_local_smtp,
  CASE
    WHEN s.service = 'backup' AND u.status = 'deactivated' THEN NULL
    WHEN s.service = 'backup'                            THEN 'Only the mail of a deactivated account is backed up'
    WHEN u.status = 'deactivated'                        THEN 'Account is deactivated'
    WHEN u.status = 'suspended'                          THEN 'Account is suspended'
    WHEN s.service = 'imap' AND u.imap = 0               THEN 'IMAP is not enabled for this account'
    WHEN s.service = 'pop3' AND u.pop = 0                THEN 'POP3 is not enabled for this account'
    WHEN s.service = 'sieve' AND u.sieve = 0             THEN 'ManageSieve is not enabled for this account'
    WHEN s.service = 'sieve' AND u.feature_filters = 0   THEN 'Filters are not enabled for this account'
    WHEN s.service = 'smtp' AND u.smtp = 0               THEN 'SMTP is not enabled for this account'
    WHEN s.service = 'webmail' AND u.webmail = 0         THEN 'Webmail is not enabled for this account'
    WHEN s.service = 'activesync' AND u.activesync = 0   THEN 'ActiveSync is not enabled for this account'
    WHEN u.hours = 1 AND NOT @OPEN@                      THEN 'Outside of the allowed access hours'
  END AS reason
FROM mailuser u CROSS JOIN mailservice s;

-- A user without a password has one that no text matches, so that a grant can
-- still sign in as them.
CREATE VIEW dovecot_passdb AS
SELECT u.email, COALESCE(u.password, '{CRYPT}*') AS password,
  CASE WHEN u.travel_until > @NOW@ AND u.travel_until LIKE '____-__-__T__:__:__Z' THEN NULL
       ELSE (SELECT @JOIN@(n.network, ',') FROM trusted_network n WHERE n.domain = u.domain AND n.local = u.local)
  END AS allow_nets
FROM mailuser u;

CREATE VIEW dovecot_deny AS SELECT email, service, reason FROM login_state WHERE reason IS NOT NULL;

CREATE VIEW dovecot_master AS
SELECT name, target, backup, password FROM master_grant
WHERE until > @NOW@ AND until LIKE '____-__-__T__:__:__Z';

-- ---------------------------------------------------------------- delivery

-- home is one folder's name, which an address may not be: / and a leading dot
-- are written =2F and =2E. Without the right to send on, a user's own scripts
-- may not do it either: an extension that only global scripts have (+vacation)
-- is not theirs.
CREATE VIEW dovecot_userdb AS
SELECT u.email,
  CASE WHEN u.mailbox LIKE '.%' THEN '=2E' || replace(replace(substr(u.mailbox, 2), '=', '=3D'), '/', '=2F')
       ELSE replace(replace(u.mailbox, '=', '=3D'), '/', '=2F') END AS home,
  '*:bytes=' || CAST(u.quota_bytes AS TEXT) AS quota_rule,
  CASE WHEN u.status = 'deactivated' OR u.incoming = 0 THEN 0 ELSE 1 END AS deliverable,
  CASE WHEN u.feature_forwarding = 0 OR u.outgoing = 0 OR u.only_local_smtp = 1 OR u.status <> 'active'
       THEN 0 ELSE 4 END AS sieve_max_redirects,
  CASE WHEN u.feature_autoresponder = 0 OR u.outgoing = 0 OR u.only_local_smtp = 1 OR u.status <> 'active'
       THEN '+vacation' END AS sieve_global_extensions
FROM mailuser u;

-- Generated scripts: texts between quotes are escaped as RFC 5228 §2.4.2 asks,
-- and "" stands in every list because a list may not be empty.
CREATE VIEW dovecot_sieve AS
SELECT u.email, 'spam' AS name, 'spam' AS id,
  'require ["fileinto", "mailbox"];
if not anyof (address :is "from" [""' || COALESCE((
    SELECT @JOIN@(', "' || replace(replace(r.sender, '\', '\\'), '"', '\"') || '"', '') FROM sender_rule r
    WHERE r.domain = u.domain AND r.local = u.local AND r.verdict = 'allow' AND r.sender NOT LIKE '@%' AND u.feature_allow_block_list = 1), '')
  || '], address :domain :is "from" [""' || COALESCE((
    SELECT @JOIN@(', "' || replace(replace(substr(r.sender, 2), '\', '\\'), '"', '\"') || '"', '') FROM sender_rule r
    WHERE r.domain = u.domain AND r.local = u.local AND r.verdict = 'allow' AND r.sender LIKE '@%' AND u.feature_allow_block_list = 1), '')
  || ']) {
  if anyof (' || CASE u.spam_check WHEN 1 THEN 'header :is "X-Spam" "Yes"' ELSE 'false' END
  || ', address :is "from" [""' || COALESCE((
    SELECT @JOIN@(', "' || replace(replace(r.sender, '\', '\\'), '"', '\"') || '"', '') FROM sender_rule r
    WHERE r.domain = u.domain AND r.local = u.local AND r.verdict = 'block' AND r.sender NOT LIKE '@%' AND u.feature_allow_block_list = 1), '')
  || '], address :domain :is "from" [""' || COALESCE((
    SELECT @JOIN@(', "' || replace(replace(substr(r.sender, 2), '\', '\\'), '"', '\"') || '"', '') FROM sender_rule r
    WHERE r.domain = u.domain AND r.local = u.local AND r.verdict = 'block' AND r.sender LIKE '@%' AND u.feature_allow_block_list = 1), '')
  || ']) {
    fileinto :create "Junk";
    stop;
  }
}
' AS data
FROM mailuser u
WHERE u.spam_check = 1 OR u.feature_allow_block_list = 1 AND EXISTS (
  SELECT 1 FROM sender_rule r WHERE r.domain = u.domain AND r.local = u.local AND r.verdict = 'block')
UNION ALL
SELECT u.email, 'reply', 'reply',
  'require ["vacation"];
' || CASE u.only_local_smtp WHEN 1 THEN 'if address :domain :is "from" [""' || COALESCE((
    SELECT @JOIN@(', "' || d.name || '"', '') FROM domain d), '') || '] {' ELSE 'if true {' END || '
vacation :days ' || CAST(a.days AS TEXT)
  || CASE a.subject WHEN '' THEN '' ELSE ' :subject "' || replace(replace(a.subject, '\', '\\'), '"', '\"') || '"' END
  || ' :addresses ["' || replace(replace(u.email, '\', '\\'), '"', '\"') || '"' || COALESCE((
    SELECT @JOIN@(', "' || replace(replace(f.email, '\', '\\'), '"', '\"') || '"', '')
    FROM forwarding f JOIN address t ON t.domain = f.domain AND t.local = f.local AND t.kind = 'alias'
    WHERE f.dest = u.email), '')
  || '] "' || replace(replace(a.body, '\', '\\'), '"', '\"') || '";
}
'
FROM autoresponder a JOIN mailuser u ON u.domain = a.domain AND u.local = a.local
WHERE u.feature_autoresponder = 1 AND u.outgoing = 1 AND u.status = 'active'
  AND (a.starts = '' OR a.starts <= @NOW@) AND (a.ends = '' OR a.ends > @NOW@)
UNION ALL
SELECT u.email, 'filters', 'filters', o.script
FROM own_filter o JOIN mailuser u ON u.domain = o.domain AND u.local = o.local
WHERE u.feature_filters = 1;
CREATE INDEX forwarding_dest ON forwarding (dest);

-- ---------------------------------------------------------------- routing

-- Keys that several tables lack as a column of their own.
CREATE INDEX domain_catch_all ON domain (('@' || name));
CREATE INDEX listprop_email ON listprop ((local || '@' || domain));

CREATE VIEW postfix_domain AS SELECT name FROM domain;

CREATE VIEW postfix_mailbox AS SELECT email FROM mailuser;

-- Where mail is sent on to, whoever said so: an administrator, or the user as
-- far as they may send. '@domain' is everything else in a domain.
CREATE VIEW postfix_route AS
SELECT f.email, f.dest FROM forwarding f
UNION ALL
SELECT o.email, o.dest
FROM own_forwarding o JOIN mailuser u ON u.domain = o.domain AND u.local = o.local
WHERE u.feature_forwarding = 1 AND u.outgoing = 1 AND u.status = 'active'
  AND (u.only_local_smtp = 0 OR EXISTS (SELECT 1 FROM domain d WHERE o.dest LIKE '%@' || d.name))
UNION ALL
SELECT '@' || d.name, d.catch_all FROM domain d WHERE d.catch_all <> '';

-- The same for delivery: Postfix looks at the rights of an address when it is
-- told it, and not when an alias leads there, so targets that get no mail are
-- left out. Every user who keeps mail stands for themselves, so that no
-- catch-all takes it.
CREATE VIEW postfix_alias AS
SELECT r.email, r.dest
FROM postfix_route r LEFT JOIN mailuser o ON o.email = r.email LEFT JOIN mailuser t ON t.email = r.dest
WHERE (o.email IS NULL OR o.status <> 'deactivated' AND o.incoming = 1)
  AND (t.email IS NULL OR t.status <> 'deactivated' AND t.incoming = 1)
UNION ALL
SELECT u.email, u.email
FROM mailuser u
WHERE u.status <> 'deactivated' AND u.incoming = 1
  AND (u.keep_copy = 1 OR NOT EXISTS (SELECT 1 FROM forwarding f WHERE f.domain = u.domain AND f.local = u.local));

-- The action is a reply, or a restriction class of Postfix. via = 1 binds the
-- addresses that lead there, too.
CREATE VIEW postfix_recipient AS
SELECT u.email,
  CASE u.status WHEN 'deactivated' THEN '550 5.2.1 Mailbox is deactivated' ELSE '550 5.2.1 Mailbox does not accept mail' END AS action,
  0 AS via
FROM mailuser u WHERE u.status = 'deactivated' OR u.incoming = 0
UNION ALL
SELECT l.local || '@' || l.domain, CASE l.posting WHEN 'organization' THEN 'internal_only' ELSE 'members_only' END, 1
FROM listprop l WHERE l.posting <> 'anyone';

-- Who may post to a list that only its members may.
CREATE VIEW postfix_list_poster AS
SELECT l.local || '@' || l.domain AS list, f.dest AS poster
FROM listprop l JOIN forwarding f ON f.domain = l.domain AND f.local = l.local
WHERE l.posting = 'members';

-- ---------------------------------------------------------------- sending

-- Asked at every recipient, so it binds sessions that are open already. The
-- service is the listener's.
CREATE VIEW postfix_sasl AS
SELECT email, service,
  CASE WHEN reason IS NOT NULL THEN '550 5.7.1 ' || reason
       WHEN outgoing = 0       THEN '550 5.7.1 Sending is disabled for this account'
       ELSE 'outgoing_local_only' END AS action
FROM login_state WHERE reason IS NOT NULL OR outgoing = 0 OR only_local_smtp = 1;

-- Envelope sender and the logins that may use it: oneself, who was allowed to
-- (a person, or all who an alias or a list leads to), and whom an alias leads
-- to. UNION ALL: with UNION, SQLite reads everything.
CREATE VIEW postfix_sender_login AS
SELECT u.email AS sender, u.email AS login FROM mailuser u
UNION ALL
SELECT s.email, s.delegate FROM send_as s
UNION ALL
SELECT s.email, f.dest FROM send_as s JOIN forwarding f ON f.email = s.delegate
  JOIN address a ON a.domain = f.domain AND a.local = f.local AND a.kind <> 'user'
UNION ALL
SELECT f.email, f.dest FROM forwarding f
  JOIN address a ON a.domain = f.domain AND a.local = f.local AND a.kind = 'alias';

-- ---------------------------------------------------------------- panels

-- What a webmail or panel may know of a user: which of its pages to show.
CREATE VIEW panel_user AS
SELECT u.domain, u.local, u.email, u.name, u.language, u.timezone, u.status,
  u.feature_autoresponder, u.feature_forwarding, u.feature_filters, u.feature_allow_block_list,
  u.feature_shared_folders, u.feature_change_password, u.addon_lock
FROM mailuser u;

CREATE VIEW mailserver_interface AS SELECT 1 AS version;

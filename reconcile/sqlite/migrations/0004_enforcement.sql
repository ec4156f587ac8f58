-- SQLite knows no time zones: mailops fills in when which offset from UTC is in
-- force, from the zone data of its own build, for the zones that are in use.
CREATE TABLE tz_offset (
  zone      TEXT NOT NULL,
  start_utc INTEGER NOT NULL,  -- seconds since 1970
  end_utc   INTEGER NOT NULL,  -- exclusive
  offset_s  INTEGER NOT NULL,  -- east of UTC
  PRIMARY KEY (zone, start_utc)
) STRICT, WITHOUT ROWID;

CREATE INDEX mailuser_hours ON mailuser (hours_timezone, timezone) WHERE hours = 1;

-- As PostgreSQL's, without sign-ins: those lie in a file of their own, which a
-- connection that reads state brings in by a temporary view of this name.
CREATE VIEW live_observed AS
SELECT domain, local, addon_protocol, addon_sharing, addon_mailbox, addon_saved, backup, storage_used, last_sign_in
FROM observed;

-- What a feature refuses, it refuses to every writer: SQLite knows no roles. A
-- row that moves to a new address is none of these.

CREATE TRIGGER autoresponder_insert BEFORE INSERT ON autoresponder
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = NEW.domain AND u.local = NEW.local AND u.feature_autoresponder = 0)
BEGIN SELECT RAISE(ABORT, 'the autoresponder is not enabled for this account'); END;

CREATE TRIGGER autoresponder_update BEFORE UPDATE OF subject, body, starts, ends, days ON autoresponder
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_autoresponder = 0)
BEGIN SELECT RAISE(ABORT, 'the autoresponder is not enabled for this account'); END;

CREATE TRIGGER autoresponder_delete BEFORE DELETE ON autoresponder
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_autoresponder = 0)
BEGIN SELECT RAISE(ABORT, 'the autoresponder is not enabled for this account'); END;

CREATE TRIGGER own_forwarding_insert BEFORE INSERT ON own_forwarding
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = NEW.domain AND u.local = NEW.local AND u.feature_forwarding = 0)
BEGIN SELECT RAISE(ABORT, 'forwarding is not enabled for this account'); END;

CREATE TRIGGER own_forwarding_update BEFORE UPDATE OF dest ON own_forwarding
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_forwarding = 0)
BEGIN SELECT RAISE(ABORT, 'forwarding is not enabled for this account'); END;

CREATE TRIGGER own_forwarding_delete BEFORE DELETE ON own_forwarding
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_forwarding = 0)
BEGIN SELECT RAISE(ABORT, 'forwarding is not enabled for this account'); END;

CREATE TRIGGER own_filter_insert BEFORE INSERT ON own_filter
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = NEW.domain AND u.local = NEW.local AND u.feature_filters = 0)
BEGIN SELECT RAISE(ABORT, 'filters are not enabled for this account'); END;

CREATE TRIGGER own_filter_update BEFORE UPDATE OF script ON own_filter
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_filters = 0)
BEGIN SELECT RAISE(ABORT, 'filters are not enabled for this account'); END;

CREATE TRIGGER own_filter_delete BEFORE DELETE ON own_filter
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_filters = 0)
BEGIN SELECT RAISE(ABORT, 'filters are not enabled for this account'); END;

CREATE TRIGGER sender_rule_insert BEFORE INSERT ON sender_rule
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = NEW.domain AND u.local = NEW.local AND u.feature_allow_block_list = 0)
BEGIN SELECT RAISE(ABORT, 'the allow and block list is not enabled for this account'); END;

CREATE TRIGGER sender_rule_update BEFORE UPDATE OF sender, verdict ON sender_rule
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_allow_block_list = 0)
BEGIN SELECT RAISE(ABORT, 'the allow and block list is not enabled for this account'); END;

CREATE TRIGGER sender_rule_delete BEFORE DELETE ON sender_rule
WHEN EXISTS (SELECT 1 FROM mailuser u WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.feature_allow_block_list = 0)
BEGIN SELECT RAISE(ABORT, 'the allow and block list is not enabled for this account'); END;


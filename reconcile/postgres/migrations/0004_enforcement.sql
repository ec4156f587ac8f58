-- Signing in is written down by the mail servers, through a view that they may
-- write: they have no right on any table.
CREATE TABLE last_login (
  email      TEXT COLLATE "C" NOT NULL,
  service    TEXT COLLATE "C" NOT NULL,
  last_login BIGINT NOT NULL,  -- seconds since 1970
  PRIMARY KEY (email, service)
);
CREATE VIEW dovecot_last_login AS SELECT email, service, last_login FROM last_login;

-- What is observed of users, with their last sign-in by whatever service.
CREATE VIEW live_observed AS
SELECT u.domain, u.local, COALESCE(o.addon_protocol, '') AS addon_protocol, COALESCE(o.addon_sharing, '') AS addon_sharing,
  COALESCE(o.addon_mailbox, '') AS addon_mailbox, COALESCE(o.addon_saved, 0) AS addon_saved, COALESCE(o.backup, '') AS backup,
  COALESCE(o.storage_used, 0) AS storage_used, GREATEST(o.last_sign_in, l.at) AS last_sign_in
FROM mailuser u
LEFT JOIN observed o ON o.domain = u.domain AND o.local = u.local
LEFT JOIN (SELECT email, max(last_login) AS at FROM last_login GROUP BY email) l ON l.email = u.email
WHERE o.domain IS NOT NULL OR l.email IS NOT NULL;

-- SOGo's source of users (its documentation, "SQL"): those who may use
-- ActiveSync now. It caches them: see SOGoCacheCleanupInterval.
CREATE VIEW sogo_users AS
SELECT p.email AS c_uid, p.email AS c_name, p.password AS c_password, u.name AS c_cn, p.email AS mail
FROM dovecot_passdb p JOIN mailuser u ON u.email = p.email
JOIN login_state l ON l.email = p.email AND l.service = 'activesync'
WHERE l.reason IS NULL AND u.password IS NOT NULL;

-- ---------------------------------------------------------------- routing

-- The address without what follows a plus (Postfix's recipient_delimiter).
CREATE FUNCTION mail_plain(address TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT regexp_replace(address, '^([^+@]+)[+][^@]*@', '\1@') COLLATE "C"
$$;

-- All that mail to an address reaches, the address among it: along aliases,
-- lists, forwardings, and catch-alls where there is nothing else. As Postfix
-- does, it tries an address as it is before it leaves its extension away.
-- PL/pgSQL keeps its plans for the session, and a wave at a time is few queries.
CREATE FUNCTION mail_way(address TEXT) RETURNS TEXT[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  passed TEXT[] := ARRAY[address];
  wave   TEXT[] := ARRAY[address];
BEGIN
  WHILE cardinality(wave) > 0 LOOP
    SELECT COALESCE(array_agg(DISTINCT to_next.dest), '{}') INTO wave
    FROM unnest(wave) AS at(address)
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN EXISTS (SELECT 1 FROM postfix_route r WHERE r.email = at.address) THEN at.address
        WHEN EXISTS (SELECT 1 FROM mailuser m WHERE m.email = at.address) THEN NULL
        WHEN EXISTS (SELECT 1 FROM postfix_route r WHERE r.email = mail_plain(at.address)) THEN mail_plain(at.address)
        WHEN EXISTS (SELECT 1 FROM mailuser m WHERE m.email = mail_plain(at.address)) THEN NULL
        ELSE '@' || split_part(at.address, '@', 2) END AS key OFFSET 0) AS stands
    CROSS JOIN LATERAL (SELECT r.dest FROM postfix_route r WHERE r.email = stands.key OFFSET 0) AS to_next
    WHERE to_next.dest <> ALL (passed);
    passed := passed || wave;
  END LOOP;
  RETURN passed;
END $$;

-- What holds for mail to an address (postfix_recipient): of itself, and of every
-- list that it leads to.
CREATE FUNCTION postfix_recipient_action(address TEXT) RETURNS SETOF TEXT
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT DISTINCT holds.action
  FROM unnest(mail_way(address)) AS at(dest)
  CROSS JOIN LATERAL (
    SELECT p.action, p.via FROM postfix_recipient p WHERE p.email = at.dest
    UNION ALL
    SELECT p.action, p.via FROM postfix_recipient p WHERE p.email = mail_plain(at.dest) AND at.dest <> mail_plain(at.dest) OFFSET 0) AS holds
  WHERE holds.via = 1 OR at.dest = address;
END $$;

-- Whether mail to an address reaches anybody outside.
CREATE FUNCTION postfix_leads_outside(address TEXT) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM unnest(mail_way(address)) AS at(dest)
    WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.name = split_part(at.dest, '@', 2)));
END $$;

-- ---------------------------------------------------------------- users' own

-- Whether the writer is mailops itself: the owner of the tables, or who may
-- become it.
CREATE FUNCTION mailops_is_owner(relation oid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = relation
$$;

-- Refuses to others what a feature or lock refuses. The feature's column and
-- the words are the trigger's arguments. It looks users up with its owner's
-- rights and asks for the writer before that.
CREATE FUNCTION mailops_feature(of_domain TEXT, of_local TEXT, feature TEXT) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  allowed boolean;
BEGIN
  EXECUTE format('SELECT %I = 1 AND status <> ''deactivated'' FROM mailuser WHERE domain = $1 AND local = $2', feature)
    INTO allowed USING of_domain, of_local;
  RETURN COALESCE(allowed, true);  -- the user is gone, and their rows go too
END $$;

CREATE FUNCTION mailops_guard_feature() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT mailops_is_owner(TG_RELID) THEN
    IF TG_OP <> 'INSERT' AND NOT mailops_feature(OLD.domain, OLD.local, TG_ARGV[0])
    OR TG_OP <> 'DELETE' AND NOT mailops_feature(NEW.domain, NEW.local, TG_ARGV[0]) THEN
      RAISE EXCEPTION '% not enabled for this account', TG_ARGV[1] USING ERRCODE = 'insufficient_privilege';
    END IF;
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER feature BEFORE INSERT OR UPDATE OR DELETE ON autoresponder
  FOR EACH ROW EXECUTE FUNCTION mailops_guard_feature('feature_autoresponder', 'the autoresponder is');
CREATE TRIGGER feature BEFORE INSERT OR UPDATE OR DELETE ON own_forwarding
  FOR EACH ROW EXECUTE FUNCTION mailops_guard_feature('feature_forwarding', 'forwarding is');
CREATE TRIGGER feature BEFORE INSERT OR UPDATE OR DELETE ON own_filter
  FOR EACH ROW EXECUTE FUNCTION mailops_guard_feature('feature_filters', 'filters are');
CREATE TRIGGER feature BEFORE INSERT OR UPDATE OR DELETE ON sender_rule
  FOR EACH ROW EXECUTE FUNCTION mailops_guard_feature('feature_allow_block_list', 'the allow and block list is');

-- A new password comes as a hash of a scheme that withstands a stolen table:
-- the forms of schema/password.go.
CREATE FUNCTION mailops_guard_password() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT mailops_is_owner(TG_RELID) THEN
    IF NOT mailops_feature(OLD.domain, OLD.local, 'feature_change_password') THEN
      RAISE EXCEPTION 'changing the password is not enabled for this account' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.password IS NULL OR NEW.password !~ ('^(' ||
        '\{ARGON2ID\}\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}|' ||
        '\{ARGON2I\}\$argon2i\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}|' ||
        '\{BLF-CRYPT\}\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|' ||
        '\{SHA512-CRYPT\}\$6\$(rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|' ||
        '\{PBKDF2\}\$1\$[^$[:space:]]+\$\d+\$[0-9a-f]{40}|' ||
        '\{SCRAM-SHA-256\}\d+,[A-Za-z0-9+/=]{16,},[A-Za-z0-9+/=]{44},[A-Za-z0-9+/=]{44})$') THEN
      RAISE EXCEPTION 'the password is not a hash of a strong scheme' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER password BEFORE UPDATE OF password ON mailuser
  FOR EACH ROW WHEN (OLD.password IS DISTINCT FROM NEW.password) EXECUTE FUNCTION mailops_guard_password();

-- The configuration of a locked add-on is nobody's to change. mailops itself
-- never writes these columns.
CREATE FUNCTION mailops_guard_lock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  was TEXT[] := ARRAY['', '', ''];
  becomes TEXT[] := ARRAY['', '', ''];
BEGIN
  IF TG_OP <> 'INSERT' THEN was := ARRAY[OLD.addon_protocol, OLD.addon_sharing, OLD.addon_mailbox]; END IF;
  IF TG_OP <> 'DELETE' THEN becomes := ARRAY[NEW.addon_protocol, NEW.addon_sharing, NEW.addon_mailbox]; END IF;
  IF was <> becomes AND EXISTS (SELECT 1 FROM mailuser u WHERE u.addon_lock = 'locked'
      AND (u.domain, u.local) = (CASE TG_OP WHEN 'INSERT' THEN NEW.domain ELSE OLD.domain END, CASE TG_OP WHEN 'INSERT' THEN NEW.local ELSE OLD.local END)) THEN
    RAISE EXCEPTION 'the mail add-on is locked' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER locked BEFORE INSERT OR UPDATE OR DELETE ON observed FOR EACH ROW EXECUTE FUNCTION mailops_guard_lock();

-- ---------------------------------------------------------------- being told

-- Tells who listens to the channel mailops what somebody else than an apply
-- changed: {"table", "name", "by"}, where the name is empty when many did. An
-- apply says mailops.run = yes, and is told by what it records: the names of
-- what it changed, with the table mailops_before_image.
CREATE FUNCTION mailops_tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  row record;
  told int := 0;
BEGIN
  IF current_setting('mailops.run', true) = 'yes' AND TG_TABLE_NAME <> 'mailops_before_image' THEN
    RETURN NULL;
  END IF;
  FOR row IN EXECUTE format('SELECT DISTINCT %s AS name FROM %s LIMIT 101', TG_ARGV[0], TG_ARGV[1]) LOOP
    told := told + 1;
    PERFORM pg_notify('mailops', json_build_object('table', TG_TABLE_NAME, 'by', session_user,
      -- A notice has 8,000 bytes, and a name may have more.
      'name', CASE WHEN told > 100 OR octet_length(row.name) > 1000 THEN '' ELSE row.name END)::text);
  END LOOP;
  RETURN NULL;
END $$;

DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES
    ('domain', 'name'), ('address', 'local || ''@'' || domain'), ('mailuser', 'email'), ('listprop', 'local || ''@'' || domain'),
    ('forwarding', 'email'), ('send_as', 'email'), ('trusted_network', 'local || ''@'' || domain'),
    ('access_window', 'local || ''@'' || domain'), ('master_grant', 'target')) AS v(name, key) LOOP
    EXECUTE format('CREATE TRIGGER tell_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mailops_tell(%L, ''changed'')', t.name, t.key);
    EXECUTE format('CREATE TRIGGER tell_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mailops_tell(%L, ''changed'')', t.name, t.key);
    EXECUTE format('CREATE TRIGGER tell_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mailops_tell(%L, ''(SELECT * FROM was UNION ALL SELECT * FROM changed) c'')', t.name, t.key);
  END LOOP;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON mailops_before_image REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION mailops_tell('name', 'changed');

-- ---------------------------------------------------------------- rights

-- Gives the roles their rights, as far as the roles exist; whoever made them
-- later calls it again, and mailops does whenever it opens the store to write.
-- mailops_mta: mail servers. mailops_selfservice: a webmail or panel.
CREATE FUNCTION mailops_grant_rights() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema());
  IF to_regrole('mailops_mta') IS NOT NULL THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO mailops_mta', current_schema());
    GRANT SELECT ON dovecot_passdb, dovecot_deny, dovecot_master, dovecot_userdb, dovecot_sieve, dovecot_service,
      postfix_domain, postfix_mailbox, postfix_alias, postfix_route, postfix_recipient, postfix_list_poster,
      postfix_sasl, postfix_sender_login, sogo_users, mailserver_interface TO mailops_mta;
    GRANT SELECT, INSERT, UPDATE ON dovecot_last_login TO mailops_mta;
    GRANT EXECUTE ON FUNCTION in_hours(TEXT, TEXT, TEXT), postfix_recipient_action(TEXT), postfix_leads_outside(TEXT) TO mailops_mta;
  END IF;
  IF to_regrole('mailops_selfservice') IS NOT NULL THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO mailops_selfservice', current_schema());
    GRANT SELECT ON panel_user, mailserver_interface TO mailops_selfservice;
    GRANT SELECT, INSERT, UPDATE, DELETE ON autoresponder, own_forwarding, own_filter, sender_rule TO mailops_selfservice;
    GRANT SELECT, INSERT (domain, local, addon_protocol, addon_sharing, addon_mailbox, addon_saved),
      UPDATE (addon_protocol, addon_sharing, addon_mailbox, addon_saved) ON observed TO mailops_selfservice;
    GRANT SELECT (domain, local, email), UPDATE (password) ON mailuser TO mailops_selfservice;
    GRANT EXECUTE ON FUNCTION mailops_is_owner(oid), mailops_feature(TEXT, TEXT, TEXT) TO mailops_selfservice;
  END IF;
END $$;

-- Functions that run with their owner's rights find tables in this schema, and
-- never in one of the caller's: pg_temp stands last, where it would stand first
-- if it were not named (PostgreSQL's manual, "Writing SECURITY DEFINER Functions
-- Safely"). Nobody calls one, or makes a trigger of one, who was not given it.
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proowner = current_user::regrole
      AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql') LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
  ALTER FUNCTION mailops_is_owner(oid) SET search_path = pg_catalog, pg_temp;
  REVOKE EXECUTE ON FUNCTION mailops_is_owner(oid) FROM PUBLIC;
  -- Mail servers and panels make no tables, temporary ones neither. Who owns the
  -- database says so; doctor looks whether it was said.
  IF (SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user);
  END IF;
END $$;
SELECT mailops_grant_rights();

-- Compiling a mail server's query takes a thousand times longer than it runs,
-- and PostgreSQL expects recursive queries to be large. Who owns the database
-- may switch that off for it; doctor looks whether it is.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
EXCEPTION WHEN insufficient_privilege THEN
  NULL;
END $$;

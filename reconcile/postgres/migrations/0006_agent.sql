-- What others than an apply write to what mailops declares. A writer that is not
-- done yet may hold lower ids than one that is: see the store's Notes.
CREATE TABLE mailops_note (
  id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at   TEXT NOT NULL,            -- RFC 3339 in UTC with whole seconds
  by   TEXT NOT NULL,            -- the role that signed in
  name TEXT COLLATE "C" NOT NULL -- an address or a domain
);

-- As before, tells who listens to the channel mailops what somebody else than an
-- apply changed; and writes down every name, of which many are told as one. It
-- takes the word of mailops' own role alone that it is an apply.
CREATE OR REPLACE FUNCTION mailops_tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  row record;
  told int := 0;
BEGIN
  IF TG_TABLE_NAME <> 'mailops_before_image' AND current_setting('mailops.run', true) = 'yes'
      AND pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
    RETURN NULL;
  END IF;
  IF TG_TABLE_NAME NOT IN ('mailops_before_image', 'master_grant') THEN
    EXECUTE format('INSERT INTO mailops_note (at, by, name) SELECT DISTINCT $1, session_user, %s FROM %s', TG_ARGV[0], TG_ARGV[1])
      USING to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
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
  -- A function that is replaced loses its own search path: see 0004_enforcement.
  EXECUTE format('ALTER FUNCTION mailops_tell() SET search_path = %I, pg_temp', current_schema());
  -- What is emptied at once is told as well, while it is still there.
  FOR t IN SELECT * FROM (VALUES
    ('domain', 'name'), ('address', 'local || ''@'' || domain'), ('mailuser', 'email'), ('listprop', 'local || ''@'' || domain'),
    ('forwarding', 'email'), ('send_as', 'email'), ('trusted_network', 'local || ''@'' || domain'),
    ('access_window', 'local || ''@'' || domain')) AS v(name, key) LOOP
    EXECUTE format('CREATE TRIGGER tell_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION mailops_tell(%L, %L)', t.name, t.key, t.name);
  END LOOP;
END $$;

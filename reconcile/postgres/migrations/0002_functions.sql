-- Texts that are compared with addresses sort as addresses do.
ALTER TABLE domain ALTER COLUMN catch_all TYPE TEXT COLLATE "C";

-- Whether a user is within access hours now. PL/pgSQL keeps its plan for the
-- session; the same test written out in a view costs several milliseconds of
-- planning at each sign-in, because mail servers prepare no statements. A zone
-- that PostgreSQL does not know is closed: the sign-in of that user is refused,
-- and nobody else's is disturbed.
CREATE FUNCTION in_hours(of_domain TEXT, of_local TEXT, zone TEXT) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  t timestamp;
BEGIN
  BEGIN
    t := now() AT TIME ZONE CASE WHEN zone = '' THEN 'UTC' ELSE zone END;
  EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
  END;
  RETURN EXISTS (SELECT 1 FROM access_window w
    WHERE w.domain = of_domain AND w.local = of_local
      AND w.dow = extract(isodow FROM t)::bigint
      AND extract(hour FROM t)::bigint * 60 + extract(minute FROM t)::bigint >= w.start_min
      AND extract(hour FROM t)::bigint * 60 + extract(minute FROM t)::bigint < w.end_min);
END $$;

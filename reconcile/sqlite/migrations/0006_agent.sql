-- What others than an apply write to what mailops declares. Ids are never used
-- again, so that who has read up to one misses nothing.
CREATE TABLE mailops_note (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
  by   TEXT NOT NULL DEFAULT '',  -- SQLite cannot tell
  name TEXT NOT NULL              -- an address or a domain
) STRICT;

-- A name that was the last to be noted moves to the end: a user who goes with
-- all that is theirs is one note.
CREATE TRIGGER mailops_note_again AFTER INSERT ON mailops_note
BEGIN
  DELETE FROM mailops_note WHERE id = (SELECT max(id) FROM mailops_note WHERE id < NEW.id) AND name = NEW.name;
END;

-- Whoever writes is noted, but for an apply and a migration: their connections
-- run no triggers.

CREATE TRIGGER note_domain_insert AFTER INSERT ON domain
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.name); END;
CREATE TRIGGER note_domain_delete AFTER DELETE ON domain
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.name); END;
CREATE TRIGGER note_domain_update AFTER UPDATE ON domain
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.name WHERE OLD.name <> NEW.name;
  INSERT INTO mailops_note (name) VALUES (NEW.name);
END;

CREATE TRIGGER note_address_insert AFTER INSERT ON address
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_address_delete AFTER DELETE ON address
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_address_update AFTER UPDATE ON address
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_mailuser_insert AFTER INSERT ON mailuser
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_mailuser_delete AFTER DELETE ON mailuser
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_mailuser_update AFTER UPDATE ON mailuser
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_listprop_insert AFTER INSERT ON listprop
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_listprop_delete AFTER DELETE ON listprop
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_listprop_update AFTER UPDATE ON listprop
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_forwarding_insert AFTER INSERT ON forwarding
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_forwarding_delete AFTER DELETE ON forwarding
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_forwarding_update AFTER UPDATE ON forwarding
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_send_as_insert AFTER INSERT ON send_as
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_send_as_delete AFTER DELETE ON send_as
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_send_as_update AFTER UPDATE ON send_as
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_trusted_network_insert AFTER INSERT ON trusted_network
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_trusted_network_delete AFTER DELETE ON trusted_network
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_trusted_network_update AFTER UPDATE ON trusted_network
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

CREATE TRIGGER note_access_window_insert AFTER INSERT ON access_window
BEGIN INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain); END;
CREATE TRIGGER note_access_window_delete AFTER DELETE ON access_window
BEGIN INSERT INTO mailops_note (name) VALUES (OLD.local || '@' || OLD.domain); END;
CREATE TRIGGER note_access_window_update AFTER UPDATE ON access_window
BEGIN
  INSERT INTO mailops_note (name) SELECT OLD.local || '@' || OLD.domain WHERE OLD.domain <> NEW.domain OR OLD.local <> NEW.local;
  INSERT INTO mailops_note (name) VALUES (NEW.local || '@' || NEW.domain);
END;

-- REPLACE deletes without a delete trigger. What it pushes out has the same
-- name, but for a user with the mailbox of another one.
CREATE TRIGGER note_mailuser_push BEFORE INSERT ON mailuser
BEGIN
  INSERT INTO mailops_note (name) SELECT u.email FROM mailuser u
  WHERE u.mailbox = NEW.mailbox AND (u.domain, u.local) <> (NEW.domain, NEW.local);
END;
CREATE TRIGGER note_mailuser_push_update BEFORE UPDATE OF mailbox ON mailuser
BEGIN
  INSERT INTO mailops_note (name) SELECT u.email FROM mailuser u
  WHERE u.mailbox = NEW.mailbox AND (u.domain, u.local) <> (OLD.domain, OLD.local);
END;

-- SQLite knows no roles, so what a user's own side may change is held by
-- triggers. mailops itself never writes these columns: when it renames a user
-- it moves the row by its key, which no trigger watches.

CREATE TRIGGER observed_locked_update
BEFORE UPDATE OF addon_protocol, addon_sharing, addon_mailbox ON observed
WHEN (NEW.addon_protocol, NEW.addon_sharing, NEW.addon_mailbox)
     IS NOT (OLD.addon_protocol, OLD.addon_sharing, OLD.addon_mailbox)
 AND EXISTS (SELECT 1 FROM mailuser u
             WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.addon_lock = 'locked')
BEGIN SELECT RAISE(ABORT, 'the mail add-on is locked'); END;

-- REPLACE deletes without a delete trigger, so an insert is compared with the
-- row that it would push out.
CREATE TRIGGER observed_locked_insert
BEFORE INSERT ON observed
WHEN (NEW.addon_protocol, NEW.addon_sharing, NEW.addon_mailbox) IS NOT (
       SELECT addon_protocol, addon_sharing, addon_mailbox FROM observed o
       WHERE o.domain = NEW.domain AND o.local = NEW.local
       UNION ALL SELECT '', '', '' LIMIT 1)
 AND EXISTS (SELECT 1 FROM mailuser u
             WHERE u.domain = NEW.domain AND u.local = NEW.local AND u.addon_lock = 'locked')
BEGIN SELECT RAISE(ABORT, 'the mail add-on is locked'); END;

-- When the user is deleted, the user's row is gone before this one, and the
-- trigger lets it go.
CREATE TRIGGER observed_locked_delete
BEFORE DELETE ON observed
WHEN (OLD.addon_protocol, OLD.addon_sharing, OLD.addon_mailbox) IS NOT ('', '', '')
 AND EXISTS (SELECT 1 FROM mailuser u
             WHERE u.domain = OLD.domain AND u.local = OLD.local AND u.addon_lock = 'locked')
BEGIN SELECT RAISE(ABORT, 'the mail add-on is locked'); END;

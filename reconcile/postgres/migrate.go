package postgres

import (
	"context"
	"fmt"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// look checks a store that is only read.
func (s *Store) look(ctx context.Context) error {
	all, err := sqlstore.Migrations(dialect)
	if err != nil {
		return err
	}
	todo, err := s.pending(ctx)
	if err != nil || len(todo) == 0 {
		return err
	}
	if s.missing = len(todo) == len(all); s.missing {
		return nil
	}
	return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, sqlstore.ErrOlder)
}

func (s *Store) pending(ctx context.Context) (todo []sqlstore.Migration, err error) {
	err = s.reading(ctx, func(c *conn) error {
		if err := inSchema(c); err != nil {
			return err
		}
		todo, err = sqlstore.Pending(c, dialect)
		return err
	})
	return todo, err
}

// inSchema demands that the search path names a schema that exists.
func inSchema(c *conn) error {
	schemas, err := column(c, "SELECT current_schema()")
	if err == nil && schemas[0] == "" {
		err = fmt.Errorf("%w: the search path names no schema that is there", reconcile.ErrUnreachable)
	}
	return err
}

// prepare makes the tables, or brings them up to date, and gives the roles of
// mail servers and panels their rights.
func (s *Store) prepare(ctx context.Context) error {
	todo, err := s.pending(ctx)
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		lacking, err := s.lackRights(ctx)
		if err != nil || !lacking {
			return err
		}
	}
	return s.writing(ctx, lockMigrations, migrate)
}

// lockMigrations lets one process migrate at a time; the others wait, and find
// nothing left to do.
const lockMigrations = "SELECT pg_advisory_xact_lock(hashtext('mailops migrations'), hashtext(current_schema()))"

// migrate applies what is pending: another process may have been quicker.
func migrate(c *conn) error {
	todo, err := sqlstore.Pending(c, dialect)
	if err != nil {
		return err
	}
	for _, m := range todo {
		if err := sqlstore.Migrate(c, m, time.Now()); err != nil {
			return err
		}
	}
	return c.Script("SELECT mailops_grant_rights()")
}

// rightsLack finds a role that is there and has no rights yet: it was made
// after the tables.
const rightsLack = "SELECT count(*) FROM pg_roles WHERE rolname IN ('mailops_mta', 'mailops_selfservice')" +
	" AND NOT has_table_privilege(oid, 'mailserver_interface', 'SELECT') AND NOT pg_is_in_recovery()"

func (s *Store) lackRights(ctx context.Context) (lacking bool, err error) {
	err = s.reading(ctx, func(c *conn) error {
		count, err := column(c, rightsLack)
		lacking = err == nil && count[0] != "0"
		return err
	})
	return lacking, err
}

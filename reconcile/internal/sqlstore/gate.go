package sqlstore

import (
	"iter"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// The queries of this file read the views that mail servers read, and nothing
// else: the role of a mail server may do no more.

// atOnce is how many users one query asks for: few enough to be planned
// quickly, enough to be few queries.
const atOnce = 100

// Access tells of each user what the mail servers would say now. A user that is
// not there is not in the answer.
func Access(c Conn, users []schema.Address) (map[schema.Address]reconcile.Access, error) {
	out := make(map[schema.Address]reconcile.Access, len(users))
	for some := range slices.Chunk(users, atOnce) {
		if err := access(c, some, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func access(c Conn, users []schema.Address, out map[schema.Address]reconcile.Access) error {
	args := make([]any, len(users))
	for i, user := range users {
		args[i] = string(user)
	}
	these := " WHERE email IN (" + parameters(1, len(args)) + ")"
	for v, err := range each(c, "SELECT email, password, allow_nets FROM dovecot_passdb"+these, args...) {
		if err != nil {
			return err
		}
		a := reconcile.Access{Password: schema.Fingerprint(text(v[1])), Refused: make(map[string]string), Masters: make(map[string]bool)}
		if nets := text(v[2]); nets != "" {
			a.Networks = strings.Split(nets, ",")
		}
		out[schema.Address(text(v[0]))] = a
	}
	for v, err := range each(c, "SELECT email, service, reason FROM dovecot_deny"+these, args...) {
		if err != nil {
			return err
		}
		if a, known := out[schema.Address(text(v[0]))]; known {
			a.Refused[text(v[1])] = text(v[2])
		}
	}
	return masters(c, out)
}

// masters adds who may sign in as the users.
func masters(c Conn, out map[schema.Address]reconcile.Access) error {
	for v, err := range each(c, "SELECT name, target FROM dovecot_master WHERE backup = 0") {
		if err != nil {
			return err
		}
		name, target := text(v[0]), text(v[1])
		for user, a := range out {
			if string(user) == target || "@"+user.Domain() == target {
				a.Masters[name] = true
			}
		}
	}
	return nil
}

// closedLists finds, of the lists to which mail for an address is sent on and
// the address itself, the first that only members may write to, which the
// sender is not. What is nothing goes the way of its domain's catch-all.
const closedLists = `WITH RECURSIVE way(dest) AS (
    SELECT r.dest FROM postfix_route r WHERE r.email = CASE
      WHEN EXISTS (SELECT 1 FROM postfix_route k WHERE k.email = $1) OR EXISTS (SELECT 1 FROM postfix_mailbox m WHERE m.email = $1) THEN $1
      ELSE $2 END
    UNION SELECT r.dest FROM way JOIN postfix_route r ON r.email = way.dest)
  SELECT p.email FROM postfix_recipient p
  WHERE p.action = 'members_only' AND p.email IN (SELECT dest FROM way UNION ALL SELECT $1)
    AND NOT EXISTS (SELECT 1 FROM postfix_list_poster m WHERE m.list = p.email AND m.poster = $3)
  ORDER BY p.email LIMIT 1`

// ClosedTo returns the list that refuses a message of sender to recipient,
// because only its members may post; "" is none.
func ClosedTo(c Conn, sender, recipient schema.Address) (schema.Address, error) {
	values, err := one(c, closedLists, string(recipient), "@"+recipient.Domain(), string(sender))
	if err != nil || values == nil {
		return "", err
	}
	return schema.Address(text(values[0])), nil
}

// Interface is the version of the views.
func Interface(c Conn) (int64, error) { return number(c, "SELECT version FROM mailserver_interface") }

// each yields the rows of a query, an error last.
func each(c Conn, sql string, args ...any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows := c.Query(sql, args...)
		defer rows.Close()
		for rows.Next() {
			if !yield(rows.Values(), nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

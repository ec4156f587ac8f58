package sqlstore

import (
	"fmt"
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

// ClosedTo returns the list that refuses a message of sender to recipient,
// because only its members may post; "" is none. It follows the mail an address
// at a time: SQLite cannot push the key of a recursive query into the views.
func ClosedTo(c Conn, sender, recipient schema.Address) (schema.Address, error) {
	passed := map[schema.Address]bool{recipient: true}
	for way := []schema.Address{recipient}; len(way) > 0; way = way[1:] {
		closed, err := refuses(c, way[0], sender)
		if err != nil || closed {
			return way[0], err
		}
		next, err := stations(c, way[0])
		if err != nil {
			return "", err
		}
		for _, to := range next {
			if !passed[to] {
				passed[to] = true
				way = append(way, to)
			}
		}
	}
	return "", nil
}

// refuses reports whether an address is a list that only members may write to,
// and the sender is none.
func refuses(c Conn, list, sender schema.Address) (bool, error) {
	closed, err := number(c, "SELECT count(*) FROM postfix_recipient WHERE email = $1 AND action = 'members_only'", string(list))
	if err != nil || closed == 0 {
		return false, err
	}
	member, err := number(c, "SELECT count(*) FROM postfix_list_poster WHERE list = $1 AND poster = $2", string(list), string(sender))
	return member == 0, err
}

// stations are where mail to an address goes next: what is nothing of its own
// goes the way of its domain's catch-all.
func stations(c Conn, at schema.Address) ([]schema.Address, error) {
	next, err := addresses(c, "SELECT dest FROM postfix_route WHERE email = $1", string(at))
	if err != nil || len(next) > 0 {
		return next, err
	}
	if user, err := number(c, "SELECT count(*) FROM postfix_mailbox WHERE email = $1", string(at)); err != nil || user > 0 {
		return nil, err
	}
	return addresses(c, "SELECT dest FROM postfix_route WHERE email = $1", "@"+at.Domain())
}

func addresses(c Conn, sql string, args ...any) ([]schema.Address, error) {
	found, err := texts(c, sql, args...)
	out := make([]schema.Address, len(found))
	for i, text := range found {
		out[i] = schema.Address(text)
	}
	return out, err
}

// CheckInterface holds the version of the views against this program's. An error
// wraps reconcile.ErrNewer, or ErrForeign where there are none.
func CheckInterface(c Conn) error {
	version, err := number(c, "SELECT version FROM mailserver_interface")
	switch {
	case err != nil && strings.Contains(err.Error(), "mailserver_interface"): // the databases name what is missing
		return fmt.Errorf("%w: it has no views for mail servers (%w)", ErrForeign, err)
	case err != nil:
		return err
	case version != reconcile.InterfaceVersion:
		return fmt.Errorf("%w: its views are of version %d", reconcile.ErrNewer, version)
	}
	return nil
}

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

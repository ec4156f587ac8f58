package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"mailops/reconcile"
)

// connectTimeout is how long a connection may take to be made, when the URL
// says nothing.
const connectTimeout = 10 * time.Second

// newPool reads the URL. It connects to nothing yet.
func newPool(ctx context.Context, url string, options Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: its URL cannot be understood: %s", reconcile.ErrUnreachable, Label(url), reason(err))
	}
	harden(config.ConnConfig)
	config.MaxConns, config.MinConns = options.Connections, 0
	config.MaxConnIdleTime = time.Minute
	return pgxpool.NewWithConfig(ctx, config)
}

// reason is the last part of an error about the URL: the others repeat it.
func reason(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	if parse := new(pgconn.ParseConfigError); errors.As(err, &parse) {
		return "want postgres://USER:PASSWORD@HOST/DATABASE"
	}
	return err.Error()
}

// harden sets what holds for every connection. Nothing is prepared by name, and
// nothing is set for a session: a pooler gives it to the next one.
func harden(config *pgx.ConnConfig) {
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "mailops"
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}, Control: giveUp}
	config.DialFunc = dialer.DialContext
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: c} }
}

// A canceller tells the server that nobody waits for a statement any more: else
// it goes on there, and holds or awaits its locks. It waits until that was
// heard: PgBouncer 1.18, which Debian 12 has, dies when who asks it to cancel
// goes away too early (pgbouncer#801), and pgx's own handler does.
type canceller struct {
	conn *pgconn.PgConn
	done chan struct{}
}

// HandleCancel implements ctxwatch.Handler.
func (h *canceller) HandleCancel(context.Context) {
	h.done = make(chan struct{})
	limit := time.Now().Add(farewell)
	_ = h.conn.Conn().SetDeadline(limit) // of a connection that is closed
	go func() {
		defer close(h.done)
		ctx, cancel := context.WithDeadline(context.Background(), limit)
		defer cancel()
		_ = h.conn.CancelRequest(ctx) // then the deadline ends it
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler.
func (h *canceller) HandleUnwatchAfterCancel() {
	<-h.done
	_ = h.conn.Conn().SetDeadline(time.Time{})
}

// Label is a URL as it may be shown and recorded: without password, and without
// parameters that hold one.
func Label(raw string) string {
	u, err := url.Parse(raw)
	if err == nil && u.Scheme == "" && strings.Contains(raw, "=") {
		return "(no URL)" // libpq's other form, which may hold a password
	}
	if err != nil || strings.Contains(u.Opaque, "@") {
		scheme, _, _ := strings.Cut(raw, ":")
		return scheme + ":"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(name, "pass") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

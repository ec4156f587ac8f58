package emailarray

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// The hosts of §4.3.
const (
	DefaultPrimary  = "https://cfcp.emailarray.com"
	DefaultFallback = "https://cp.emailarray.com" // which users ask alone
)

// Options say which account a client works on. Of the zero value, Credentials
// alone are missing.
type Options struct {
	Primary  string // where the service is; "" is DefaultPrimary
	Fallback string // "" is DefaultFallback, or Primary where one is given

	Credentials Credentials
	Assumptions Assumptions

	Page      int           // users in one answer; 0 is 1000, and less than 0 all of a domain
	TokenLife time.Duration // how long a token is used; 0 is 300 seconds
	PerMinute int           // requests a minute; 0 is 120, as no limit is documented
	Pace      *hosted.Pace  // a budget that others share; nil is one of PerMinute

	Clock     hosted.Clock
	Transport http.RoundTripper // nil is hosted.Transport()
	Timeout   time.Duration     // of one request; 0 is 30 seconds
	Limit     int64             // bytes of an answer; 0 is 16 MiB
}

// A Client speaks with the service. Its methods may be called at the same time.
type Client struct {
	options Options
	pace    *hosted.Pace

	signing   sync.Mutex // one administrator's login at a time
	mu        sync.Mutex
	tokens    map[schema.Address]token // "" is the administrator's
	shunUntil time.Time
}

const (
	defaultPage      = 1000
	defaultPerMinute = 120
)

// New is a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	o = o.filled()
	for _, base := range []string{o.Primary, o.Fallback} {
		if err := hosted.CheckBase(base); err != nil {
			return nil, err
		}
	}
	if err := o.Assumptions.check(); err != nil {
		return nil, err
	}
	if o.Credentials.Username == "" || o.Credentials.Password == "" {
		return nil, errors.New("a user name and a password of an administrator's are wanted")
	}
	return &Client{options: o, pace: o.Pace}, nil
}

func (o Options) filled() Options {
	if o.Fallback == "" && o.Primary != "" {
		o.Fallback = o.Primary
	}
	if o.Primary == "" {
		o.Primary = DefaultPrimary
	}
	if o.Fallback == "" {
		o.Fallback = DefaultFallback
	}
	if o.PerMinute == 0 {
		o.PerMinute = defaultPerMinute
	}
	if o.Pace == nil {
		o.Pace = &hosted.Pace{PerMinute: o.PerMinute, Clock: o.Clock}
	}
	if o.Page == 0 {
		o.Page = defaultPage
	}
	return o
}

// Pace is the budget of requests, which says how long more of them take.
func (c *Client) Pace() *hosted.Pace { return c.pace }

// Credentials are an administrator's, or a sub-administrator's with the rights
// that changes need (§4.2).
type Credentials struct{ Username, Password string }

// String tells no password, whoever prints it.
func (c Credentials) String() string { return fmt.Sprintf("%s, with a password", c.Username) }

// GoString tells no password either.
func (c Credentials) GoString() string { return c.String() }

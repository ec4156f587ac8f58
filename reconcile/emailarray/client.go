package emailarray

import (
	"errors"
	"net/http"
	"path/filepath"
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
	Primary     string // where the API is; "" is DefaultPrimary
	Fallback    string // "" is DefaultFallback, or Primary where one is given
	Credentials Credentials
	State       string // a folder for the budget, which outlives the process; "" is none

	PerMinute int           // requests; 0 is 120, as no limit is documented
	Lock      time.Duration // how long a lock-out is taken to last; 0 is 15 minutes
	Patience  time.Duration // a longer wait is an error instead; 0 is any wait
	TokenLife time.Duration // how long a token is used; 0 is 300 seconds

	Transport http.RoundTripper // nil is hosted.Transport()
	Limit     int64             // bytes of an answer; 0 is 16 MiB
	Timeout   time.Duration     // of one request; 0 is 30 seconds
	Clock     hosted.Clock
	Settings
}

// A Client talks to one account. Its methods may be called at the same time.
type Client struct {
	options Options
	pace    hosted.Pace

	signing   sync.Mutex // one administrator's login at a time
	mu        sync.Mutex
	tokens    map[schema.Address]token // "" is the administrator's
	shunUntil time.Time
	pagesOf   map[string]int // requests that listing the users of a domain took the last time
}

// New makes a client. It asks nobody yet.
func New(o Options) (*Client, error) {
	o = o.filled()
	for _, base := range []string{o.Primary, o.Fallback} {
		if err := hosted.CheckBase(base); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(o.Settings.check(), o.Credentials.check()); err != nil {
		return nil, err
	}
	return &Client{options: o, pace: hosted.Pace{
		PerMinute: o.PerMinute, Lock: o.Lock, Patience: o.Patience, Cut: o.Timeout, Clock: o.Clock,
		State: hosted.State[hosted.Paced]{Path: o.file("emailarray-" + o.Credentials.digest(o.Primary) + ".pace")},
	}}, nil
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
		o.PerMinute = 120
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return o
}

// file is where something is kept between runs; "" is nowhere.
func (o Options) file(name string) string {
	if o.State == "" {
		return ""
	}
	return filepath.Join(o.State, name)
}

// Length is how long so many requests will take from now on.
func (c *Client) Length(requests int) (time.Duration, error) { return c.pace.Length(requests) }

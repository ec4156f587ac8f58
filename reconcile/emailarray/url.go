package emailarray

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// Scheme begins the URLs of this store.
const Scheme = "emailarray"

// ParseURL reads the URL of an account: emailarray:// for the service,
// emailarray://HOST?fallback=HOST for another place of the same API, with any of
// these after the question mark. Credentials are never in it: [ReadCredentials].
//
//	disabled=STATUS       what a disabled user is: suspended, or deactivated
//	quota-step=10MB       the smallest part of a quota that the service keeps
//	late=30s              how long reads may show what was
//	page=N                users in one answer; 0 is all
//	rate=N                requests a minute
//	lock=15m              how long a lock-out is taken to last
//	token=300s            how long a token is used
//	state=DIR             where the budget is kept between runs
//	tls=off               for a simulator on this machine
func ParseURL(text string) (Options, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != Scheme {
		return Options{}, errors.New("want a URL such as emailarray:// or emailarray://HOST") // err quotes it
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" {
		return Options{}, errors.New("the URL names a host: credentials are in the environment or a file, and there is no path")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, errors.New("the settings of the URL cannot be read")
	}
	var o Options
	if err := o.settings(query); err != nil {
		return Options{}, err
	}
	o.hosts(u.Host, query)
	return o, nil
}

// hosts sets where the service is.
func (o *Options) hosts(host string, query url.Values) {
	scheme := "https://"
	if query.Get("tls") == "off" {
		scheme = "http://" // which hosted allows for this machine alone
	}
	if host != "" {
		o.Primary = scheme + host
	}
	if fallback := query.Get("fallback"); fallback != "" {
		o.Fallback = scheme + fallback
	}
}

// settings are those that are values.
func (o *Options) settings(query url.Values) (err error) {
	known := []string{"fallback", "tls", "disabled", "quota-step", "late", "page", "rate", "lock", "token", "state"}
	for name, values := range query {
		value := values[0]
		switch {
		case !slices.Contains(known, name):
			err = fmt.Errorf("there is no such setting; want one of %s", strings.Join(known, ", "))
		case len(values) > 1:
			err = errors.New("it is set more than once")
		case name == "tls" && value != "off" && value != "on":
			err = errors.New("want on or off")
		case name == "disabled":
			o.Disabled = value
		case name == "quota-step":
			o.QuotaStep, err = schema.ParseBytes(value)
		case name == "late":
			o.Late, err = time.ParseDuration(value)
		case name == "page":
			if o.PageSize, err = count(value); o.PageSize == 0 {
				o.PageSize = AllAtOnce
			}
		case name == "rate":
			o.PerMinute, err = count(value)
		case name == "lock":
			o.Lock, err = length(value)
		case name == "token":
			o.TokenLife, err = length(value)
		case name == "state":
			o.State = value
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", hosted.Clean(name), err)
		}
	}
	return o.Settings.check()
}

func count(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return int(n), nil
}

func length(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is no length of time", text)
	}
	return d, err
}

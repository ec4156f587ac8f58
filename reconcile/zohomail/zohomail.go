// Package zohomail talks to Zoho Mail's administration API: it reads the users,
// aliases and groups of an organization, builds the calls that change them, sends
// these within the budget of requests, and reads back what became of them. It is
// built from documentation and public clients alone, as reference/seed-systems.md
// §1 collects them: what these leave open is a setting, or cannot be observed.
// Imports: reconcile, schema, internal/hosted and the standard library.
package zohomail

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailops/reconcile/internal/hosted"
)

// Options say which organization, and how to talk to it.
type Options struct {
	Organization string // the zoid
	Region       string // one of Regions
	Mail         string // where the API is, when it is not the region's
	Accounts     string // where tokens are had, when it is not the region's
	Credentials  Credentials
	State        string // a folder for the token and the budget, which outlive the process; "" is none

	PerMinute int           // requests; 0 is 30, which is said to be the limit
	Lock      time.Duration // how long a lock-out is taken to last; 0 is 15 minutes
	Patience  time.Duration // a longer wait is an error instead; 0 is any wait

	Transport http.RoundTripper // nil is hosted.Transport()
	Limit     int64             // bytes of an answer; 0 is 16 MiB
	Timeout   time.Duration     // of one request; 0 is 30 seconds
	Clock     hosted.Clock
	Settings
}

// Settings are what the documentation leaves open, or says in two ways. The zero
// value is what is likelier.
type Settings struct {
	Bools     string // how true and false are sent: AsSeen, AsStrings or AsBooleans
	Forward   string // how an address to forward to is sent: AsList, as documented, or AsString, as a client that was tested
	Disabled  string // what shows that a user is disabled: ShownAnywhere or ShownNowhere
	PageSize  int    // users asked for at a time; 0 is 200. The most is not documented, and fewer in an answer are understood
	GroupsEnd int    // a list of exactly so many groups may go on; 0 is 10, where a public client saw one end
}

// The words of Settings.
const (
	AsSeen     = ""         // switches as texts, as the documentation's samples; the rest as booleans
	AsStrings  = "strings"  // "true"
	AsBooleans = "booleans" // true

	AsList   = ""       // [{"mailForwardTo":"x@y"}]
	AsString = "string" // "x@y"

	ShownAnywhere = ""        // enabled or status is false, or mailboxStatus is not "enabled"
	ShownNowhere  = "nowhere" // a status cannot be observed
)

// A Region is a data centre. A token is good in its own alone.
type Region struct {
	Mail     string // where the API is
	Accounts string // where tokens are had; "" is not documented
}

// Regions are the data centres (§1.1). For Canada the sources disagree, and here
// is what Zoho's own pages have; Options.Mail can say otherwise.
func Regions() map[string]Region {
	return map[string]Region{
		"us": {"https://mail.zoho.com", "https://accounts.zoho.com"},
		"eu": {"https://mail.zoho.eu", "https://accounts.zoho.eu"},
		"in": {"https://mail.zoho.in", "https://accounts.zoho.in"},
		"au": {"https://mail.zoho.com.au", "https://accounts.zoho.com.au"},
		"jp": {"https://mail.zoho.jp", "https://accounts.zoho.jp"},
		"cn": {"https://mail.zoho.com.cn", "https://accounts.zoho.com.cn"},
		"ca": {"https://mail.zohocloud.ca", "https://accounts.zohocloud.ca"},
		"ae": {"https://mail.zoho.ae", ""},
		"sa": {"https://mail.zoho.sa", "https://accounts.zoho.sa"},
	}
}

// placed fills in the hosts, and checks all that is said but the credentials.
func (o Options) placed() (Options, error) {
	region, known := Regions()[o.Region]
	if o.Region != "" && !known {
		return o, fmt.Errorf("%q is no region of Zoho: one of %s", o.Region, strings.Join(slices.Sorted(maps.Keys(Regions())), ", "))
	}
	if o.Mail == "" {
		o.Mail = region.Mail
	}
	if o.Accounts == "" {
		o.Accounts = region.Accounts
	}
	switch {
	case !digits(o.Organization):
		return o, fmt.Errorf("%q is no organization of Zoho: its id is a number", o.Organization)
	case o.Mail == "":
		return o, errors.New("a region of Zoho is needed, such as eu")
	case o.Accounts == "":
		return o, fmt.Errorf("where tokens of the region %s are had is not documented: say it with accounts=", o.Region)
	}
	for _, base := range []string{o.Mail, o.Accounts} {
		if err := hosted.CheckBase(base); err != nil {
			return o, err
		}
	}
	return o, o.Settings.check()
}

func (s Settings) check() error {
	for _, c := range []struct {
		name, value string
		of          []string
	}{
		{"bools", s.Bools, []string{AsSeen, AsStrings, AsBooleans}},
		{"forward", s.Forward, []string{AsList, AsString}},
		{"disabled", s.Disabled, []string{ShownAnywhere, ShownNowhere}},
	} {
		if !slices.Contains(c.of, c.value) {
			return fmt.Errorf("setting %s: %q is none of %q", c.name, c.value, c.of)
		}
	}
	if s.PageSize < 0 || s.GroupsEnd < 0 {
		return errors.New("settings of sizes are not below zero")
	}
	return nil
}

func (s Settings) pageSize() int {
	if s.PageSize == 0 {
		return 200
	}
	return s.PageSize
}

func (s Settings) groupsEnd() int {
	if s.GroupsEnd == 0 {
		return 10
	}
	return s.GroupsEnd
}

// file is where something is kept between runs; "" is nowhere.
func (o Options) file(name string) string {
	if o.State == "" {
		return ""
	}
	return filepath.Join(o.State, name)
}

func digits(s string) bool { return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == "" }

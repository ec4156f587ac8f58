package hosted

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Place is what the URL of a service's store says: scheme://HOST, and settings
// after a question mark. Who reads its settings looks at Err at last.
type Place struct {
	Host string
	Err  error // the first setting that cannot be understood

	settings url.Values
}

// ParseURL reads the URL of a store, such as the example. It has each of the known
// settings once at most, and no credentials: these are in the environment or in a
// file. The setting tls, when it is known, is on or off.
func ParseURL(text, scheme, example string, known ...string) (*Place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != scheme || u.Opaque != "" {
		return nil, fmt.Errorf("want a URL such as %s", example) // err quotes it
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the URL names a place, such as %s: credentials are in the environment or a file, and there is no path", example)
	}
	p := &Place{Host: u.Host}
	if p.settings, err = url.ParseQuery(u.RawQuery); err != nil {
		return nil, errors.New("the settings of the URL cannot be read")
	}
	for _, name := range slices.Sorted(maps.Keys(p.settings)) {
		values := p.settings[name]
		switch {
		case !slices.Contains(known, name):
			p.fail(name, fmt.Errorf("there is no such setting; want one of %s", strings.Join(known, ", ")))
		case len(values) > 1:
			p.fail(name, errors.New("it is set more than once"))
		case name == "tls" && values[0] != "off" && values[0] != "on":
			p.fail(name, errors.New("want on or off"))
		}
	}
	return p, p.Err
}

func (p *Place) fail(name string, err error) {
	if p.Err == nil {
		p.Err = fmt.Errorf("setting %s: %w", Clean(name), err)
	}
}

// Has reports whether there is such a setting.
func (p *Place) Has(name string) bool { return p.settings.Has(name) }

// Text is a setting as it is written, "" when there is none.
func (p *Place) Text(name string) string { return p.settings.Get(name) }

// Number is a setting that is a whole number, 0 when there is none.
func (p *Place) Number(name string) int {
	n, err := strconv.ParseUint(p.Text(name), 10, 31)
	if err != nil && p.Has(name) {
		p.fail(name, fmt.Errorf("%q is no number", p.Text(name)))
	}
	return int(n)
}

// Length is a setting that is a length of time, 0 when there is none.
func (p *Place) Length(name string) time.Duration {
	d, err := time.ParseDuration(p.Text(name))
	if (err != nil || d <= 0) && p.Has(name) {
		p.fail(name, fmt.Errorf("%q is no length of time, such as 15m", p.Text(name)))
		return 0
	}
	return d
}

// Base is the address of a host, "" of none. Without TLS it is for this machine
// alone, as [CheckBase] has it.
func (p *Place) Base(host string) string {
	switch {
	case host == "":
		return ""
	case p.Text("tls") == "off":
		return "http://" + host
	}
	return "https://" + host
}

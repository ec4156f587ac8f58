package simhttp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Quirks are those that every simulator has. The zero value is none.
type Quirks struct {
	Late     time.Duration `json:"late,omitempty"` // reads show each record as it was so long ago
	Throttle Throttle      `json:"throttle"`
	Faults   []Fault       `json:"faults,omitempty"`
}

// Words describes what Set understands, for a command's help.
const Words = `  late=30s                reads show each record as it was so long ago
  throttle=30             so many requests a minute; one more locks the client out
  lock=15m                for so long
  throttled-as=429        how that is said: 429, 429-retry-after, 400 or 403
  cut                     the connection ends without an answer
  fail=500                this status, in the service's shape
  html                    a page of HTML in place of an answer
  half                    the connection ends in the middle of the answer
  slow=1m                 so long a pause in the middle of the answer
  huge=1073741824         so many bytes of filler in the answer
  empty                   an answer without a body
  refuse                  refused within a reply that says 200
  expire                  the token has expired
and, for the last nine, which requests, separated by commas:
  after                   the server acts first (cut, fail, html)
  only=write              those that write (read, write, token)
  host=primary  method=PUT  path=/groups  action=updateIMAPStatus
  nth=3                   the third of these
  times=2                 so many of these
  as in: -quirk cut,after,only=write,nth=3
`

// SetAll adds quirks: those that all services have, and by others those of one.
func (q *Quirks) SetAll(words []string, other func(word string) error) error {
	for _, word := range words {
		known, err := q.Set(word)
		if !known {
			err = other(word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Set adds one quirk, as Words has them. Whether it knows the word tells a
// simulator to look among its own.
func (q *Quirks) Set(word string) (known bool, err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "late":
		q.Late, err = time.ParseDuration(value)
	case "throttle":
		q.Throttle.PerMinute, err = strconv.Atoi(value)
	case "lock":
		q.Throttle.Lock, err = time.ParseDuration(value)
	case "throttled-as":
		q.Throttle.As, err = OneOf(value, ThrottledAs...)
	default:
		fault, ok, err := ParseFault(word)
		if ok && err == nil {
			q.Faults = append(q.Faults, fault)
		}
		return ok, err
	}
	if err != nil {
		return true, fmt.Errorf("quirk %s: %w", word, err)
	}
	return true, nil
}

// faults are the kinds that there are.
var faults = []FaultKind{Cut, Fail, HTML, Half, Slow, Huge, Empty, Refuse, Expire}

// OneOf is a value that must be one of some.
func OneOf(value string, of ...string) (string, error) {
	if slices.Contains(of, value) {
		return value, nil
	}
	return "", fmt.Errorf("%q is none of %s", value, strings.Join(of, ", "))
}

// ParseFault reads a fault as Words has them, and reports whether the word names
// one.
func ParseFault(word string) (f Fault, known bool, err error) {
	parts := strings.Split(word, ",")
	name, value, _ := strings.Cut(parts[0], "=")
	f.Kind = FaultKind(name)
	switch {
	case f.Kind == Fail && value != "":
		f.Status, err = strconv.Atoi(value)
	case f.Kind == Slow && value != "":
		f.Wait, err = time.ParseDuration(value)
	case f.Kind == Huge && value != "":
		f.Bytes, err = strconv.ParseInt(value, 10, 64)
	case value != "" && slices.Contains(faults, f.Kind):
		err = errors.New("it takes no value")
	case !slices.Contains(faults, f.Kind):
		return Fault{}, false, nil
	}
	for _, p := range parts[1:] {
		if err == nil {
			err = f.limit(p)
		}
	}
	if err != nil {
		return Fault{}, true, fmt.Errorf("quirk %s: %w", word, err)
	}
	return f.filled(), true, nil
}

// limit reads which requests a fault hits.
func (f *Fault) limit(part string) (err error) {
	name, value, _ := strings.Cut(part, "=")
	switch name {
	case "after":
		f.After = true
		if !slices.Contains([]FaultKind{Cut, Fail, HTML}, f.Kind) {
			return fmt.Errorf("%s is always after the server acted, or without it", f.Kind)
		}
	case "only":
		_, err = OneOf(value, string(Read), string(Write), string(Token))
		f.Only = Kind(value)
	case "host":
		f.Host = value
	case "method":
		f.Method = value
	case "path":
		f.Path = value
	case "action":
		f.Action = value
	case "nth":
		f.Nth, err = strconv.Atoi(value)
	case "times":
		f.Times, err = strconv.Atoi(value)
	default:
		return fmt.Errorf("%q says nothing about requests", part)
	}
	return err
}

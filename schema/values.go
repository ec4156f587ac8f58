package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Address is local@domain in canonical form: lower case, Unicode NFC, the
// domain in its ASCII form.
type Address string

// Local is the part before the last @.
func (a Address) Local() string { return string(a)[:max(strings.LastIndexByte(string(a), '@'), 0)] }

// Domain is the part after the last @.
func (a Address) Domain() string { return string(a)[strings.LastIndexByte(string(a), '@')+1:] }

// Compare orders addresses by domain, then by local part, bytewise.
func (a Address) Compare(b Address) int {
	return cmp.Or(strings.Compare(a.Domain(), b.Domain()), strings.Compare(a.Local(), b.Local()))
}

// A Secret is the fingerprint of a password hash. Fingerprints are what plans,
// differences and outputs hold; the hashes travel apart, in [Secrets].
type Secret string

// Fingerprint names a hash without telling it. The salt inside the hash keeps
// it from being guessed.
func Fingerprint(hash string) Secret {
	if hash == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(hash))
	return Secret("sha256:" + hex.EncodeToString(sum[:16]))
}

// Secrets holds password hashes by their fingerprints.
type Secrets map[Secret]string

// Add puts a hash in and returns its fingerprint.
func (s Secrets) Add(hash string) Secret {
	f := Fingerprint(hash)
	if f != "" {
		s[f] = hash
	}
	return f
}

// Bytes is an amount of storage; [Unlimited] is no limit.
type Bytes int64

// Unlimited is the amount that no mailbox reaches. It is the zero value.
const Unlimited Bytes = 0

// The units of [Bytes], largest first within each family. An exact amount is
// printed in the largest unit that divides it.
var units = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12},
	{"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"KB", 1e3},
	{"B", 1},
}

// ParseBytes reads an amount such as 5GiB, 0.5GB or unlimited. Fractions of a
// byte are an error, and so is more than an int64 holds.
func ParseBytes(s string) (Bytes, error) {
	if s == "unlimited" {
		return Unlimited, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		if len(number) > 40 || !decimal(number) { // the law's longest is 25; an exponent could ask for a million digits
			return 0, fmt.Errorf("%q is not an amount", s)
		}
		r, _ := new(big.Rat).SetString(number)
		r.Mul(r, new(big.Rat).SetInt64(u.size))
		if !r.IsInt() {
			return 0, fmt.Errorf("%q is not a whole number of bytes; use a smaller unit", s)
		}
		if !r.Num().IsInt64() || r.Sign() <= 0 {
			return 0, fmt.Errorf("%q is not between 1 and %d bytes", s, int64(math.MaxInt64))
		}
		return Bytes(r.Num().Int64()), nil
	}
	return 0, fmt.Errorf("%q has no unit such as GiB", s)
}

// decimal reports whether s is digits, with or without a fraction: Go's readers
// of numbers know many more forms, such as 0x10 and NaN.
func decimal(s string) bool {
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	whole, fraction, dot := strings.Cut(s, ".")
	return digits(whole) && (!dot || digits(fraction))
}

// String prints the amount so that ParseBytes gives it back.
func (b Bytes) String() string {
	if b <= 0 {
		return "unlimited"
	}
	for _, u := range units {
		if int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// MarshalText prints the amount as in declarations.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText prints.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// Percent is a share in tenths of a per cent.
type Percent int64

// ParsePercent reads a share such as 5% or 2.5%.
func ParsePercent(s string) (Percent, error) {
	number, ok := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(number, 64)
	_, fraction, _ := strings.Cut(number, ".")
	if !ok || err != nil || !decimal(number) || len(fraction) > 1 || f > 100 {
		return 0, fmt.Errorf("%q is not a share between 0%% and 100%%, with one decimal at most", s)
	}
	return Percent(math.Round(f * 10)), nil
}

// Of is the share of n, rounded down.
func (p Percent) Of(n int) int { return int(int64(n) * int64(p) / 1000) }

// String prints the share so that ParsePercent gives it back.
func (p Percent) String() string { return strconv.FormatFloat(float64(p)/10, 'f', -1, 64) + "%" }

// MarshalText prints the share as in declarations.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText prints.
func (p *Percent) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePercent(string(text))
	return err
}

// A Duration is a length of time in whole minutes; a day is 24 hours.
type Duration time.Duration

// durationUnits are the units of [Duration], the largest first.
var durationUnits = []struct {
	name string
	size time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}}

// ParseDuration reads a length such as 90m, 24h or 7d.
func ParseDuration(s string) (Duration, error) {
	for _, u := range durationUnits {
		number, ok := strings.CutSuffix(s, u.name)
		n, err := strconv.ParseUint(number, 10, 17) // the law's longest is 99999d
		if ok && err == nil && n > 0 {
			return Duration(time.Duration(n) * u.size), nil
		}
	}
	return 0, fmt.Errorf("%q is not a length of time such as 24h", s)
}

// String prints the length so that ParseDuration gives it back; "" for none.
func (d Duration) String() string {
	for _, u := range durationUnits {
		oneDay := time.Duration(d) == 24*time.Hour // is better said in hours
		if d > 0 && time.Duration(d)%u.size == 0 && !(oneDay && u.name == "d") {
			return strconv.FormatInt(int64(time.Duration(d)/u.size), 10) + u.name
		}
	}
	return ""
}

// MarshalText prints the length as in declarations.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText prints.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	*d, err = ParseDuration(string(text))
	return err
}

// AccessHours are the hours of a week during which a user may sign in; nil is
// unrestricted. A day without hours is closed.
type AccessHours struct {
	Timezone string  `json:"timezone,omitempty"`
	Mon      []Hours `json:"mon,omitempty"`
	Tue      []Hours `json:"tue,omitempty"`
	Wed      []Hours `json:"wed,omitempty"`
	Thu      []Hours `json:"thu,omitempty"`
	Fri      []Hours `json:"fri,omitempty"`
	Sat      []Hours `json:"sat,omitempty"`
	Sun      []Hours `json:"sun,omitempty"`
}

// Weekdays are the names of the days in [AccessHours], Monday first.
var Weekdays = [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// Days returns the hours of each day, Monday first.
func (h *AccessHours) Days() [7]*[]Hours {
	return [7]*[]Hours{&h.Mon, &h.Tue, &h.Wed, &h.Thu, &h.Fri, &h.Sat, &h.Sun}
}

func (h *AccessHours) alwaysClosed() bool {
	if h == nil {
		return false
	}
	for _, day := range h.Days() {
		if len(*day) > 0 {
			return false
		}
	}
	return true
}

func (h *AccessHours) normalize() {
	if h == nil {
		return
	}
	for _, day := range h.Days() {
		slices.SortFunc(*day, func(a, b Hours) int { return cmp.Or(a.Start-b.Start, a.End-b.End) })
	}
}

// Hours are minutes of a day, from Start up to End; 1440 is midnight at its end.
type Hours struct{ Start, End int }

// ErrHours says that hours could not be read.
var ErrHours = errors.New("not hours such as 09:00-17:30")

// ParseHours reads hours such as 09:00-17:30. That the end is after the start
// is the rule window-order, not checked here.
func ParseHours(s string) (Hours, error) {
	start, end, ok := strings.Cut(s, "-")
	a, errA := minutes(start)
	b, errB := minutes(end)
	if !ok || errA != nil || errB != nil {
		return Hours{}, fmt.Errorf("%q: %w", s, ErrHours)
	}
	return Hours{a, b}, nil
}

func minutes(s string) (int, error) {
	hour, minute, _ := strings.Cut(s, ":")
	h, errH := strconv.ParseUint(hour, 10, 8)
	m, errM := strconv.ParseUint(minute, 10, 8)
	if len(s) != len("09:00") || errH != nil || errM != nil || m > 59 || h*60+m > 1440 {
		return 0, ErrHours
	}
	return int(h*60 + m), nil
}

// String prints the hours so that ParseHours gives them back.
func (h Hours) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.Start/60, h.Start%60, h.End/60, h.End%60)
}

// MarshalText prints the hours as in declarations.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText prints.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHours(string(text))
	return err
}

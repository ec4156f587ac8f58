package emailarray

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A word is what a field of an answer says, as a text: one reply has numbers with
// and without quotes (§4.3). "" is a field that is missing or null; some clients
// also meet the text "null".
type word string

// UnmarshalJSON reads a text, a number or a flag. A list or an object says
// nothing that is understood, as does null.
func (w *word) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case json.Unmarshal(data, &text) == nil:
		*w = word(text)
	case len(data) > 0 && strings.ContainsRune("[{", rune(data[0])):
		*w = ""
	default:
		*w = word(data)
	}
	return nil
}

// known is the word, or "" where the service does not know.
func (w word) known() string {
	if w == "null" {
		return ""
	}
	return string(w)
}

// flag reads "0", 0 and false, and their opposites; ok is false for all else.
func (w word) flag() (on, ok bool) {
	switch w {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// A userRow is a user, as lists of users and getUserInfo show one (§4.3).
type userRow struct {
	Username    word `json:"username"`
	Email       word `json:"email"`
	Name        word `json:"uname"`
	AccountType word `json:"account_type"`
	Quota       word `json:"quota"`
	Usage       word `json:"usage"`
	Disabled    word `json:"disabled"`
	LastAuth    word `json:"lastauth_timestamp"`
}

// An aliasRow is an alias, as getAllAliasesDomain shows one.
type aliasRow struct {
	Alias   word `json:"alias"`
	Forward word `json:"forward"`
}

// A listRow is a list, as getAllListsDomain shows one.
type listRow struct {
	Name word `json:"lname"`
}

// A memberRow is a member of a list. How getListMembers shows one was not found:
// a text is read, and an object with the address as member.
type memberRow struct{ Member word }

// UnmarshalJSON reads both forms.
func (m *memberRow) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var object struct {
			Member word `json:"member"`
		}
		err := json.Unmarshal(data, &object)
		m.Member = object.Member
		return err
	}
	return json.Unmarshal(data, &m.Member)
}

// A forwardRow is a forward of a user, as getAllForwardsDomain shows one.
type forwardRow struct {
	Username word `json:"username"`
	Forward  word `json:"forward"`
}

// A domainRow is a domain, as getAllDomains shows one.
type domainRow struct {
	Domain word `json:"domain"`
}

// A domainInfo is what getDomainInfo tells beside that.
type domainInfo struct {
	Timezone word `json:"dtzone"`
	CatchAll word `json:"catchall"`
}

// account types, as the service numbers them (§4.3).
var accountTypes = []struct{ number, name string }{
	{"1", schema.AccountBasic}, {"2", schema.AccountEnhanced},
}

func accountNumber(name string) string {
	for _, t := range accountTypes {
		if t.name == name {
			return t.number
		}
	}
	return ""
}

func accountName(number word) string {
	for _, t := range accountTypes {
		if t.number == string(number) {
			return t.name
		}
	}
	return ""
}

// address is whose the row is.
func (row userRow) address(domain string) (schema.Address, bool) {
	if at, ok := address(row.Username, domain); ok {
		return at, true
	}
	return address(row.Email, domain)
}

// user reads a row as a user of a domain, and names the fields that it should
// tell and does not. Fields that the service never shows are blank.
func (s Settings) user(row userRow, domain string) (u *schema.User, o schema.Observed, unknown []string, err error) {
	at, ok := row.address(domain)
	if !ok {
		return nil, o, nil, fmt.Errorf("a user of %s has no address that can be read", domain)
	}
	u = hosted.BlankUser(at)
	u.Name = string(row.Name)
	if u.AccountType = accountName(row.AccountType); u.AccountType == "" {
		unknown = append(unknown, "accountType")
	}
	if u.Quota, ok = fromMegabytes(string(row.Quota)); !ok {
		unknown = append(unknown, "quota")
	}
	switch off, ok := row.Disabled.flag(); {
	case !ok:
		unknown = append(unknown, "status")
	case off:
		u.Status = s.disabled()
	default:
		u.Status = schema.StatusActive
	}
	return u, observed(row), unknown, nil
}

// observed is what the service reports of a user. The unit of usage is taken to
// be that of the quota beside it.
func observed(row userRow) (o schema.Observed) {
	if used, ok := fromMegabytes(string(row.Usage)); ok {
		o.StorageUsed = int64(used)
	}
	// What form the time has was not found: seconds since 1970 are read, and
	// nothing else, as a time without its zone.
	const longest = 11
	if n, err := strconv.ParseUint(string(row.LastAuth), 10, 63); err == nil && len(row.LastAuth) <= longest {
		o.LastSignInUnix = int64(n)
	}
	return o
}

// alias reads a row as an alias of a domain.
func alias(row aliasRow, domain string) (al *schema.Alias, unknown []string, err error) {
	at, ok := address(row.Alias, domain)
	if !ok {
		return nil, nil, fmt.Errorf("an alias of %s has no address that can be read", domain)
	}
	to, ok := address(row.Forward, "")
	if !ok {
		return &schema.Alias{Address: at}, []string{"to"}, nil
	}
	return &schema.Alias{Address: at, To: []schema.Address{to}}, nil, nil
}

// list reads a row and the members as a list of a domain.
func list(row listRow, members []memberRow, domain string) (l *schema.List, unknown []string, err error) {
	at, ok := address(row.Name, domain)
	if !ok {
		return nil, nil, fmt.Errorf("a list of %s has no address that can be read", domain)
	}
	l = &schema.List{Address: at, Posting: schema.PostingAnyone}
	for _, m := range members {
		to, ok := address(m.Member, "")
		if !ok {
			unknown = []string{"members"}
			continue
		}
		l.Members = append(l.Members, to)
	}
	schema.Normalize(l)
	return l, unknown, nil
}

// domain reads a domain. What is set to nothing and what is not told look alike.
func domain(name string, info domainInfo) (d *schema.Domain, unknown []string) {
	d = &schema.Domain{Name: name}
	if text := info.CatchAll.known(); text != "" {
		at, ok := address(word(text), "")
		if d.CatchAll = at; !ok {
			unknown = append(unknown, "catchAll")
		}
	}
	// In what form the zone is named was not found: a name of the IANA's is
	// read, such as Europe/Lisbon.
	if text := info.Timezone.known(); strings.Contains(text, "/") {
		d.Timezone = text
	} else if text != "" {
		unknown = append(unknown, "timezone")
	}
	return d, unknown
}

// address reads an address in canonical form, which may be its local part alone
// where the domain is known; an address of another domain is then none.
func address(w word, domain string) (schema.Address, bool) {
	text := strings.ToLower(strings.TrimSpace(string(w)))
	if domain != "" && !strings.Contains(text, "@") {
		text += "@" + domain
	}
	a := schema.Address(text)
	bad := func(r rune) bool {
		return r == '@' || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}
	if a.Local() == "" || strings.ContainsFunc(a.Local(), bad) || domain != "" && a.Domain() != domain {
		return "", false
	}
	return a, domainName(a.Domain())
}

// domainName reports whether a text can be the name of a domain in canonical
// form.
func domainName(text string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}
	return text != "" && len(text) <= 253 && !strings.ContainsFunc(text, other) &&
		!strings.HasPrefix(text, ".") && !strings.HasSuffix(text, ".") && !strings.Contains(text, "..")
}

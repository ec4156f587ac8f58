package zohomail

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestParseURL: what a URL says, and what none may.
func TestParseURL(t *testing.T) {
	for url, want := range map[string]Options{
		"zohomail://60001234567?region=eu": {Organization: "60001234567", Region: "eu", Mail: "https://mail.zoho.eu", Accounts: "https://accounts.zoho.eu"},
		"zohomail://7?region=ae&accounts=accounts.zoho.ae": {
			Organization: "7", Region: "ae", Mail: "https://mail.zoho.ae", Accounts: "https://accounts.zoho.ae"},
		"zohomail://7?mail=127.0.0.1:1&accounts=127.0.0.1:1&tls=off&rate=60&lock=5m&state=/var/lib/mail%20ops": {
			Organization: "7", Mail: "http://127.0.0.1:1", Accounts: "http://127.0.0.1:1", PerMinute: 60, Lock: 5 * time.Minute, State: "/var/lib/mail ops"},
		"zohomail://7?region=us&bools=booleans&forward=string&disabled=nowhere&page=50&groups-end=20": {
			Organization: "7", Region: "us", Mail: "https://mail.zoho.com", Accounts: "https://accounts.zoho.com",
			Settings: Settings{Bools: AsBooleans, Forward: AsString, Disabled: ShownNowhere, PageSize: 50, GroupsEnd: 20}},
	} {
		if o, err := ParseURL(url); err != nil || !reflect.DeepEqual(o, want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", url, o, err, want)
		}
	}
	for url, want := range map[string]string{
		"emailarray://7":                              "want a URL such as zohomail://ORGID?region=eu",
		"zohomail://me:s3cret@7?region=eu":            "the URL names a place, such as zohomail://ORGID?region=eu",
		"zohomail://7/users?region=eu":                "the URL names a place",
		"zohomail://?region=eu":                       "is no organization of Zoho",
		"zohomail://acme?region=eu":                   `"acme" is no organization of Zoho`,
		"zohomail://7":                                "a region of Zoho is needed, such as eu",
		"zohomail://7?region=xx":                      `"xx" is no region of Zoho: one of ae, au`,
		"zohomail://7?region=ae":                      "where tokens of the region ae are had is not documented: say it with accounts=",
		"zohomail://7?region=eu&tls=off&mail=far":     "http:// is for this machine only",
		"zohomail://7?region=eu&refresh_token=s3cret": "setting refresh_token: there is no such setting",
		"zohomail://7?region=eu&bools=yes":            `setting bools: "yes" is none of`,
		"zohomail://7?region=eu&rate=many":            `setting rate: "many" is no number`,
	} {
		if o, err := ParseURL(url); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %+v, %v", url, o, err)
		}
	}
}

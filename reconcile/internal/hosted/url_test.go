package hosted

import (
	"strings"
	"testing"
	"time"
)

// TestParseURL: what a URL says, and what none may. What is wrong in it is not said
// back where it can be a secret.
func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"shop://place": "",
		"shop://place/?rate=30&lock=15m&state=a%20": "",
		"shop:place":                     "want a URL such as shop://PLACE",
		"other://place":                  "want a URL such as shop://PLACE",
		"shop://%zz:s3cret@place":        "want a URL such as shop://PLACE",
		"shop://me:s3cret@place":         "the URL names a place",
		"shop://place/there":             "the URL names a place",
		"shop://place#there":             "the URL names a place",
		"shop://place?a=%zz":             "the settings of the URL cannot be read",
		"shop://place?colour=s3cret":     "setting colour: there is no such setting; want one of tls, rate, lock, state",
		"shop://place?rate=1&rate=2":     "setting rate: it is set more than once",
		"shop://place?tls=maybe":         "setting tls: want on or off",
		"shop://place?rate=-1":           `setting rate: "-1" is no number`,
		"shop://place?rate=":             `setting rate: "" is no number`,
		"shop://place?lock=0s&rate=many": `setting rate: "many" is no number`, // the first that is read
		"shop://place?lock=0s":           `setting lock: "0s" is no length of time`,
		"shop://place?lock=soon":         `setting lock: "soon" is no length of time`,
	} {
		p, err := ParseURL(text, "shop", "shop://PLACE", "tls", "rate", "lock", "state")
		if err == nil {
			p.Number("rate")
			p.Length("lock")
			err = p.Err
		}
		if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	p, err := ParseURL("shop://place:1?rate=30&lock=15m&state=a%20b&tls=off", "shop", "", "tls", "rate", "lock", "state", "page")
	if err != nil || p.Host != "place:1" || p.Number("rate") != 30 || p.Length("lock") != 15*time.Minute || p.Text("state") != "a b" ||
		!p.Has("tls") || p.Has("page") || p.Number("page") != 0 || p.Length("page") != 0 || p.Err != nil {
		t.Errorf("got %+v, %v", p, err)
	}
	if p.Base("x") != "http://x" || p.Base("") != "" {
		t.Errorf("got %s", p.Base("x"))
	}
}

package zohomail

import "mailops/reconcile/internal/hosted"

// Scheme begins the URLs of this store.
const Scheme = "zohomail"

// ParseURL reads the URL of an organization: zohomail://ORGID?region=eu, with any of
// these after the question mark. Credentials are never in it: [ReadCredentials].
//
//	region=eu             the data centre, one of Regions
//	mail=HOST             where the API is, when it is not the region's
//	accounts=HOST         where tokens are had, when it is not the region's
//	bools=FORM            how true and false are sent: strings, or booleans
//	forward=string        how an address to forward to is sent; otherwise in a list
//	disabled=nowhere      nothing shows that a user is disabled
//	page=N                users in one answer
//	groups-end=N          a list of so many groups may go on
//	rate=N                requests a minute
//	lock=15m              how long a lock-out is taken to last
//	state=DIR             where the token and the budget are kept between runs
//	tls=off               for a simulator on this machine
func ParseURL(text string) (Options, error) {
	place, err := hosted.ParseURL(text, Scheme, "zohomail://ORGID?region=eu",
		"region", "mail", "accounts", "bools", "forward", "disabled", "page", "groups-end", "rate", "lock", "state", "tls")
	if err != nil {
		return Options{}, err
	}
	o := Options{
		Organization: place.Host, Region: place.Text("region"), State: place.Text("state"),
		Mail: place.Base(place.Text("mail")), Accounts: place.Base(place.Text("accounts")),
		PerMinute: place.Number("rate"), Lock: place.Length("lock"),
		Settings: Settings{
			Bools: place.Text("bools"), Forward: place.Text("forward"), Disabled: place.Text("disabled"),
			PageSize: place.Number("page"), GroupsEnd: place.Number("groups-end"),
		},
	}
	if place.Err != nil {
		return Options{}, place.Err
	}
	return o.placed()
}

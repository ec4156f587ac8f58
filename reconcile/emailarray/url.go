package emailarray

import (
	"fmt"

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
	place, err := hosted.ParseURL(text, Scheme, "emailarray:// or emailarray://HOST",
		"fallback", "tls", "disabled", "quota-step", "late", "page", "rate", "lock", "token", "state")
	if err != nil {
		return Options{}, err
	}
	o := Options{
		Primary: place.Base(place.Host), Fallback: place.Base(place.Text("fallback")), State: place.Text("state"),
		PerMinute: place.Number("rate"), Lock: place.Length("lock"), TokenLife: place.Length("token"),
		Settings: Settings{Disabled: place.Text("disabled"), Late: place.Length("late"), PageSize: place.Number("page")},
	}
	if place.Has("page") && o.PageSize == 0 {
		o.PageSize = AllAtOnce
	}
	if place.Has("quota-step") {
		if o.QuotaStep, err = schema.ParseBytes(place.Text("quota-step")); err != nil {
			return Options{}, fmt.Errorf("setting quota-step: %w", err)
		}
	}
	if place.Err != nil {
		return Options{}, place.Err
	}
	return o, o.Settings.check()
}

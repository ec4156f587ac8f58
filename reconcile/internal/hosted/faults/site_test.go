package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/zohomail"
)

// A site is where a service is and what a process has of it, in a form that goes to
// another process.
type site struct {
	Kind         string // zoho or emailarray
	URL          string
	Fallback     string // of emailarray
	Organization string // of zoho
	Login        [3]string
	Dir          string        // of the mirror, the ledger and the journal
	Clock        string        // the file that all processes have the time from
	Timeout      time.Duration // of a request
	PerMinute    int           // 0 is what the service is said to allow
	Limit        int64         // of an answer
}

// service is a client of its own, as each process has one.
func (s site) service() (piecemeal.Service, error) {
	if s.Kind == "zoho" {
		c, err := zohomail.New(zohomail.Options{
			Organization: s.Organization, Mail: s.URL, Accounts: s.URL, State: s.Dir, Timeout: s.Timeout, Limit: s.Limit, PerMinute: s.PerMinute,
			Credentials: zohomail.Credentials{ClientID: s.Login[0], ClientSecret: s.Login[1], RefreshToken: s.Login[2]}, Clock: s.clock(),
		})
		return zohomail.Service{Client: c}, err
	}
	c, err := emailarray.New(emailarray.Options{
		Primary: s.URL, Fallback: s.Fallback, State: s.Dir, Timeout: s.Timeout, Limit: s.Limit, PerMinute: s.PerMinute, Clock: s.clock(),
		Credentials: emailarray.Credentials{Username: s.Login[0], Password: s.Login[1]},
		Settings:    emailarray.Settings{Late: 30 * time.Second},
	})
	return emailarray.Service{Client: c}, err
}

func (s site) open(ctx context.Context, service piecemeal.Service) (*piecemeal.Store, error) {
	return piecemeal.Open(ctx, service, piecemeal.Options{Dir: s.Dir, Clock: s.clock(), NoSync: true})
}

// clock is everybody's: whoever waits moves it on.
func (s site) clock() hosted.Clock {
	return hosted.Clock{Now: s.now, Sleep: func(ctx context.Context, d time.Duration) error {
		s.move(d)
		return ctx.Err()
	}}
}

// moving is held while this process reads or moves a clock. Of several processes,
// one is at work at a time.
var moving sync.Mutex

func (s site) now() time.Time {
	moving.Lock()
	defer moving.Unlock()
	return readClock(s.Clock)
}

func readClock(file string) time.Time {
	data, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	at, err := time.Parse(time.RFC3339Nano, string(data))
	if err != nil {
		panic(fmt.Sprintf("%s: %v", filepath.Base(file), err))
	}
	return at
}

func (s site) move(d time.Duration) { s.set(s.now().Add(d)) }

func (s site) set(at time.Time) {
	moving.Lock()
	defer moving.Unlock()
	fresh := s.Clock + ".fresh"
	if err := os.WriteFile(fresh, []byte(at.UTC().Format(time.RFC3339Nano)), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(fresh, s.Clock); err != nil {
		panic(err)
	}
}

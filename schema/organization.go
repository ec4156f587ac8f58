package schema

import "strings"

// Organization is what holds for everybody.
type Organization struct {
	APIVersion string       `json:"apiVersion"`
	Kind       Kind         `json:"kind"`
	Name       string       `json:"name"`
	Timezone   string       `json:"timezone"`
	Defaults   UserDefaults `json:"defaults"`
	Stores     []StoreRoute `json:"stores"`
	Licences   Licences     `json:"licences"`
	Unmanaged  []string     `json:"unmanaged"`
	Guards     Guards       `json:"guards"`
	Drift      Drift        `json:"drift"`
	Changes    ChangeTimes  `json:"changes"`
	Protected  []Address    `json:"protected"`
	Rules      Switches     `json:"rules"`
}

// UserDefaults is what users get that say nothing.
type UserDefaults struct {
	Profiles []string `json:"profiles"`
}

// Licences is what the organization has paid for; nil is no limit.
type Licences struct {
	Basic    *int64 `json:"basic"`
	Enhanced *int64 `json:"enhanced"`
	Storage  Bytes  `json:"storage"` // Unlimited: no limit
}

// Guards bounds what one plan may do.
type Guards struct {
	Deletes    Guard   `json:"deletes"`
	Lockouts   Guard   `json:"lockouts"`
	Updates    Guard   `json:"updates"`
	MinAdmins  int64   `json:"minAdmins"`
	Window     Budget  `json:"window"`
	LiveShrink Percent `json:"liveShrink"`
}

// Budget bounds what all runs of a while may do together: shares of what there
// was at its beginning, and never less than twice what the guard of one
// run allows anyhow.
type Budget struct {
	Per      Duration `json:"per"`
	Deletes  Percent  `json:"deletes"`
	Lockouts Percent  `json:"lockouts"`
}

// Guard allows the larger of a share and a number.
type Guard struct {
	Max     Percent `json:"max"`
	AtLeast int64   `json:"atLeast"`
}

// Limit is how many of n the guard allows.
func (g Guard) Limit(n int) int {
	return max(int(g.AtLeast), g.Max.Of(n))
}

// Drift is what an agent does about what others change in the live store.
type Drift struct {
	Default string       `json:"default"` // report | heal | adopt
	Fights  int64        `json:"fights"`  // heals of one field in an hour, after which it is left alone
	Fields  []DriftField `json:"fields"`
}

// DriftField is what an agent does about a kind, or a field of it.
type DriftField struct {
	Kind  Kind   `json:"kind"`
	Field string `json:"field"` // a path, or what paths begin with; "" is all of the kind
	Do    string `json:"do"`    // report | heal | adopt
}

// What is done about drift.
const (
	DriftReport = "report" // tell it
	DriftHeal   = "heal"   // take it back
	DriftAdopt  = "adopt"  // propose it as a change of the declarations
)

// Of says what is done about a field of a kind, and about a resource that comes
// or goes when path is "".
func (d Drift) Of(kind Kind, path string) string {
	do, longest := d.Default, -1
	for _, f := range d.Fields {
		under := f.Field == "" || f.Field == path || strings.HasPrefix(path, f.Field+".")
		if f.Kind == kind && under && len(f.Field) > longest {
			do, longest = f.Do, len(f.Field)
		}
	}
	return do
}

// ChangeTimes is when an agent applies changes.
type ChangeTimes struct {
	Windows []ChangeWindow `json:"windows"`
	Urgent  []string       `json:"urgent"` // fields of users whose changes never wait
}

// ChangeWindow is a time that comes again, at which changes are applied, or wait.
type ChangeWindow struct {
	Kind     string   `json:"kind"`     // allow | deny
	Schedule string   `json:"schedule"` // when it begins, as the five fields of cron(5)
	Duration Duration `json:"duration"`
	Timezone string   `json:"timezone"` // "" is the organization's
	Reason   string   `json:"reason"`
}

// Switches are the rules that an organization can switch off.
type Switches struct {
	BackupPOPOnly string `json:"backup-pop-only"` // on | off
}

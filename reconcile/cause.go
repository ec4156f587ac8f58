package reconcile

import (
	"slices"
	"strings"

	"mailops/schema"
)

// Provenance knows where wanted values come from.
type Provenance interface {
	// Origin returns what set a field of a resource; nil when nothing did.
	Origin(key schema.Key, path string) *schema.Origin

	// Declared returns where a resource is declared; false when it is not.
	Declared(key schema.Key) (schema.Pos, bool)
}

// causes are the fields that bring an effect about, the likeliest first; a name
// stands for all below it. Effects that are not here have no field of their own.
var causes = map[string][]string{
	"sign-in-lost":      {"status", "mailboxActions", "permissions.services.webmail", "permissions.accessHours"},
	"sign-in-narrowed":  {"mailboxActions", "permissions.services.webmail", "status"},
	"sign-in-gained":    {"status", "mailboxActions", "permissions.services.webmail"},
	"sign-in-widened":   {"mailboxActions", "status"},
	"hours-set":         {"permissions.accessHours"},
	"hours-lifted":      {"permissions.accessHours"},
	"hours-widened":     {"permissions.accessHours"},
	"hours-narrowed":    {"permissions.accessHours"},
	"hours-changed":     {"permissions.accessHours"},
	"networks-set":      {"permissions.trustedNetworks", "travelMode"},
	"networks-lifted":   {"permissions.trustedNetworks", "travelMode"},
	"networks-widened":  {"permissions.trustedNetworks", "travelMode"},
	"networks-narrowed": {"permissions.trustedNetworks", "travelMode"},
	"networks-changed":  {"permissions.trustedNetworks", "travelMode"},
	"new-outside":       {"mailboxActions"},
	"spam-check-off":    {"mailboxActions.spamCheck"},
	"catch-all-set":     {"catchAll"},
	"catch-all-lost":    {"catchAll"},
	"posting-widened":   {"posting"},
	"posting-narrowed":  {"posting"},
	"send-lost":         {"status", "mailboxActions.outgoing", "permissions.services", "mailboxActions.activeSync", "permissions.accessHours"},
	"send-gained":       {"status", "mailboxActions.outgoing", "permissions.services", "mailboxActions.activeSync"},
	"send-outside":      {"permissions.onlyLocalSMTP"},
	"features-gained":   {"permissions.features"},
	"features-lost":     {"permissions.features"},
	"backup-off":        {"mailAddOn.backup"},
	"quota-cut":         {"quota"},
	"password-set":      {"password"},
	"password-replaced": {"password"},
	"handed-over":       {"name"},
	"send-local":        {"permissions.onlyLocalSMTP"},
	"mail-refused":      {"status", "mailboxActions.incoming"},
	"mail-accepted":     {"status", "mailboxActions.incoming"},
	"send-as-lost":      {"permissions.sendAs"},
	"send-as-gained":    {"permissions.sendAs"},
	"forward-outside":   {"forwarding", "to", "members", "catchAll"},
	"admin-gained":      {"role"},
	"admin-lost":        {"role"},
	"locked":            {"lock"},
	"unlocked":          {"lock"},
	"over-quota":        {"quota"},
	"grant-without-end": {"travelMode"},
	"readers-lost":      {"members", "to", "forwarding", "mailboxActions.incoming", "status"},
	"readers-gained":    {"members", "to", "forwarding", "mailboxActions.incoming", "status"},
	"password-unset":    {"password"},
	"licence-pressure":  {"accountType"},
	"storage-pressure":  {"quota"},
	"admin-lockout":     {"role", "status", "mailboxActions", "permissions", "password"},
	"min-admins":        {"role", "status", "mailboxActions", "permissions"},
}

// attribute says of effects and findings which line of the declarations causes
// them. former knows where the declarations were that are gone; nil: nobody does.
func attribute(p *Plan, before, after schema.State, want, former Provenance) {
	if want == nil {
		return
	}
	a := attribution{want: want, former: former, changes: make(map[schema.Key]*Change, len(p.Changes)), states: []schema.State{before, after}}
	for i := range p.Changes {
		a.changes[p.Changes[i].Key] = &p.Changes[i]
	}
	for i := range p.Effects {
		e := &p.Effects[i]
		if e.Key.Kind == schema.KindOrganization {
			e.Origin = a.most(a.changing(causes[e.ID]), causes[e.ID])
		}
		if e.Origin == nil {
			e.Origin = a.of(e.Key, causes[e.ID])
		}
	}
	for i := range p.Findings {
		if f := &p.Findings[i]; f.Origin == nil {
			f.Origin = a.most(f.Keys, causes[f.Rule])
		}
	}
}

type attribution struct {
	want, former Provenance
	changes      map[schema.Key]*Change
	states       []schema.State
}

// changing are the users that come, or in which one of some fields changes: what
// is said of all of them together is because of these.
func (a *attribution) changing(fields []string) []schema.Key {
	var out []schema.Key
	for key, c := range a.changes {
		if key.Kind == schema.KindUser && (c.Op == OpCreate || slices.ContainsFunc(fields, func(f string) bool { return c.Field(f) != nil })) {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, schema.Key.Compare)
	return out
}

// most is the line that brings most of it about, what is said of many.
func (a *attribution) most(keys []schema.Key, fields []string) *schema.Origin {
	times, best := make(map[schema.Origin]int), (*schema.Origin)(nil)
	for _, key := range keys {
		o := a.of(key, fields)
		if o == nil {
			continue
		}
		if times[*o]++; best == nil || times[*o] > times[*best] {
			best = o
		}
	}
	return best
}

// of is the line that brings something about that is said of a resource: of its
// own change, or, where it does not change, of the nearest one that its mail
// passes.
func (a *attribution) of(key schema.Key, fields []string) *schema.Origin {
	if key.Kind == schema.KindOrganization {
		return declared(a.want, key)
	}
	c := a.changes[key]
	if c == nil {
		c, fields = a.nearest(key), nil
	}
	if c == nil {
		return declared(a.want, key)
	}
	if len(fields) == 0 {
		fields = []string{""}
	}
	for _, name := range fields {
		for i := range c.Fields {
			f := &c.Fields[i]
			if (name == "" || f.Path == name || strings.HasPrefix(f.Path, name+".")) && c.causedBy(f.Origin) {
				return f.Origin
			}
		}
	}
	if o := declared(a.want, c.Key); o != nil {
		return o
	}
	if o := declared(a.former, c.Key); o != nil {
		o.Via = ViaBefore
		return o
	}
	return nil
}

// causedBy reports whether an origin is what brings a change about: somebody new
// gets what a profile says because they are declared, and not because of the
// profile.
func (c *Change) causedBy(o *schema.Origin) bool {
	return o != nil && o.File != "" && o.Via != "default" && (o.Via == "" || c.Op != OpCreate)
}

// ViaBefore is how an origin is called that only the declarations before have.
const ViaBefore = "before this change"

// declared is the first line of a resource.
func declared(p Provenance, key schema.Key) *schema.Origin {
	if p == nil {
		return nil
	}
	pos, ok := p.Declared(key)
	if !ok || pos.File == "" {
		return nil
	}
	return &schema.Origin{Pos: pos}
}

// nearest follows the mail of a resource to the first one that changes.
func (a *attribution) nearest(key schema.Key) *Change {
	passed := map[schema.Address]bool{key.Address(): true}
	for open := []schema.Address{key.Address()}; len(open) > 0; open = open[1:] {
		for _, kind := range schema.LiveKinds[1:] {
			k := schema.Key{Kind: kind, Name: string(open[0])}
			if c := a.changes[k]; c != nil {
				return c
			}
			for _, s := range a.states {
				is := s.Find(k)
				if is == nil {
					continue
				}
				for _, to := range schema.Targets(is) {
					if !passed[to] {
						passed[to] = true
						open = append(open, to)
					}
				}
			}
		}
	}
	return nil
}

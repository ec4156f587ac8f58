package zohomail

import (
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A Record is a user as the service shows it (§1.4). What is nil is not shown, or
// not in a form that was understood.
type Record struct {
	ID
	Address  string // the primary one
	Aliases  []string
	Name     string
	Role     string // the service's word
	Language string
	Timezone string
	External bool // an account that the user has elsewhere
	Custom   bool // an administrator of a sort that the organization made up

	Enabled, Status    *bool
	MailboxStatus      string // only "enabled" was ever seen
	IncomingBlocked    *bool
	OutgoingBlocked    *bool
	IMAP, POP          *bool
	ActiveSync         *bool
	SpamCheck          *bool
	Forwards           []Forward
	ForwardsShown      bool
	Blocked            []string // imap, pop and web where imapBlocked, popBlocked and webBlocked are true: by a policy, perhaps (§1.4)
	UsedKB, LastSignIn *int64   // kibibytes; milliseconds since 1970
	AllowedKB, PlanGB  *int64
}

// A Forward is an address that a user's mail is forwarded to.
type Forward struct {
	To         string
	DeleteCopy bool
	Inactive   bool // switched off, or not confirmed: that is not told apart
}

// ParseRecord reads a user. One without ids and address is an error: a list that
// leaves it out would look like a user who is gone.
func ParseRecord(data []byte) (Record, error) {
	o, err := parseObject(data)
	if err != nil {
		return Record{}, err
	}
	r := Record{
		ID: ID{ZUID: o.id("zuid"), Account: o.id("accountId")}, Address: o.text("primaryEmailAddress", "mailboxAddress"),
		Name: o.text("displayName", "accountDisplayName"), Role: o.text("role"),
		Language: o.text("language"), Timezone: o.text("timeZone"), MailboxStatus: o.text("mailboxStatus"),
		Enabled: o.flag("enabled"), Status: o.flag("status"), IncomingBlocked: o.flag("incomingBlocked"), OutgoingBlocked: o.flag("outgoingBlocked"),
		IMAP: o.flag("imapAccessEnabled"), POP: o.flag("popAccessEnabled"), ActiveSync: o.flag("activeSyncEnabled"), SpamCheck: o.flag("spamcheckEnabled"),
		UsedKB: o.number("usedStorage"), AllowedKB: o.number("allowedStorage"), PlanGB: o.number("planStorage"), LastSignIn: o.number("lastLogin"),
	}
	if name := o.text("roleName"); r.Role == "" {
		if _, ok := roleOf(name); ok { // it may be any text
			r.Role = name
		}
	}
	custom := o.flag("isCustomAdmin")
	r.Custom = custom != nil && *custom
	kind := o.text("type")
	r.External = kind != "" && kind != "ZOHO_ACCOUNT"
	for _, name := range []string{"imap", "pop", "web"} {
		if blocked := o.flag(name + "Blocked"); blocked != nil && *blocked {
			r.Blocked = append(r.Blocked, name)
		}
	}
	if r.ZUID == "" || r.Account == "" || !strings.Contains(r.Address, "@") {
		return Record{}, fmt.Errorf("a user without zuid, accountId or address: %w", errShape)
	}
	return r, r.lists(o)
}

// lists reads the addresses and forwards.
func (r *Record) lists(o object) error {
	addresses, err := loose(o["emailAddress"]).rows()
	if err != nil {
		return fmt.Errorf("addresses of %s: %w", r.ZUID, err)
	}
	for _, row := range addresses {
		a, err := parseObject(row)
		if err != nil {
			return fmt.Errorf("addresses of %s: %w", r.ZUID, err)
		}
		if alias := a.flag("isAlias"); alias != nil && *alias && a.text("mailId") != "" {
			r.Aliases = append(r.Aliases, a.text("mailId"))
		}
	}
	forwards, err := loose(o["mailForward"]).rows()
	r.ForwardsShown = err == nil && len(o["mailForward"]) > 0 && string(o["mailForward"]) != "null"
	for _, row := range forwards {
		f, err := parseObject(row)
		if err != nil {
			r.ForwardsShown = false
			break
		}
		if to := f.text("mailForward"); to != "" {
			deleted, active := f.flag("deleteCopy"), f.flag("status")
			r.Forwards = append(r.Forwards, Forward{To: to, DeleteCopy: deleted != nil && *deleted, Inactive: active != nil && !*active})
		}
	}
	return nil
}

// A Mapped record is a user in the words of the schema. Fields that the service
// does not have are as [hosted.BlankUser] has them; AbilityOf tells which.
type Mapped struct {
	ID
	User     *schema.User
	Observed schema.Observed
	Aliases  []*schema.Alias
	Waiting  []schema.Address // forwards that are not active: not confirmed by their owner, or switched off
	Blocked  []string         // as in Record
	Unseen   []string         // paths of fields that this record does not show, though others may
}

// The words of roles, as the service has them.
var roleWords = map[string]string{schema.RoleMember: "member", schema.RoleAdmin: "admin", schema.RoleSuperAdmin: "super_admin"}

// Map puts a record into the words of the schema.
func (s Settings) Map(r Record) Mapped {
	m := Mapped{ID: r.ID, User: hosted.BlankUser(address(r.Address)), Blocked: r.Blocked}
	u := m.User
	u.Name, u.Language, u.Timezone = readable(r.Name), readable(r.Language), readable(r.Timezone)
	switch role, known := roleOf(r.Role); {
	case known && (role != schema.RoleMember || !r.Custom):
		u.Role = role
	case r.Role != "" || r.Custom:
		u.Role = schema.RoleAdmin // whatever it is, it is more than a member
	default:
		m.Unseen = append(m.Unseen, "role")
	}
	m.switches(r)
	m.status(r, s)
	m.forwards(r)
	m.amounts(r)
	m.aliases(r)
	schema.Normalize(u)
	slices.Sort(m.Unseen)
	return m
}

// roleOf is the role that the service has this word for.
func roleOf(word string) (string, bool) {
	for role, w := range roleWords {
		if w == word {
			return role, true
		}
	}
	return "", false
}

// address is an address in canonical form. Those of the service are ASCII.
func address(s string) schema.Address { return schema.Address(strings.ToLower(s)) }

// aliases reads the other addresses, each once.
func (m *Mapped) aliases(r Record) {
	seen := map[schema.Address]bool{m.User.Address: true}
	for _, alias := range r.Aliases {
		if a := address(alias); !seen[a] {
			seen[a] = true
			m.Aliases = append(m.Aliases, &schema.Alias{Address: a, To: []schema.Address{m.User.Address}})
		}
	}
}

// switches reads the mailbox actions. Of three of the service's, true is blocked;
// ours is always on. What is not shown is taken as the service's default (§2.1),
// and said to be unseen.
func (m *Mapped) switches(r Record) {
	a := &m.User.MailboxActions
	for _, c := range []struct {
		path      string
		field     *bool
		shown     *bool
		inverted  bool
		otherwise bool
	}{
		{"mailboxActions.incoming", &a.Incoming, r.IncomingBlocked, true, true},
		{"mailboxActions.outgoing", &a.Outgoing, r.OutgoingBlocked, true, true},
		{"mailboxActions.spamCheck", &a.SpamCheck, r.SpamCheck, false, true},
		{"mailboxActions.imap", &a.IMAP, r.IMAP, false, false},
		{"mailboxActions.pop", &a.POP, r.POP, false, false},
		{"mailboxActions.activeSync", &a.ActiveSync, r.ActiveSync, false, false},
	} {
		if c.shown == nil {
			*c.field = c.otherwise
			m.Unseen = append(m.Unseen, c.path)
			continue
		}
		*c.field = *c.shown != c.inverted
	}
}

// status tells suspended from deactivated by whether mail is let in (§1.6). What
// incoming was before is then not shown: it is taken to be on.
func (m *Mapped) status(r Record, s Settings) {
	u := m.User
	u.Status = schema.StatusActive
	if s.Disabled == ShownNowhere || r.Enabled == nil && r.Status == nil && r.MailboxStatus == "" {
		m.Unseen = append(m.Unseen, "status")
		return
	}
	if !r.disabled() {
		return
	}
	u.Status = schema.StatusSuspended
	if !u.MailboxActions.Incoming {
		u.Status, u.MailboxActions.Incoming = schema.StatusDeactivated, true
		m.Unseen = append(m.Unseen, "mailboxActions.incoming")
	}
}

// disabled reports whether any of the fields says so: which does is not documented.
func (r Record) disabled() bool {
	return r.Enabled != nil && !*r.Enabled || r.Status != nil && !*r.Status || r.MailboxStatus != "" && r.MailboxStatus != "enabled"
}

// forwards reads where mail is forwarded to. Whether a copy is kept is shown with
// an address alone.
func (m *Mapped) forwards(r Record) {
	f := &m.User.Forwarding
	f.KeepCopy = true
	for _, forward := range r.Forwards {
		to := address(forward.To)
		f.To = append(f.To, to)
		f.KeepCopy = f.KeepCopy && !forward.DeleteCopy
		if forward.Inactive {
			m.Waiting = append(m.Waiting, to)
		}
	}
	if !r.ForwardsShown {
		m.Unseen = append(m.Unseen, "forwarding.to")
	}
	if len(r.Forwards) == 0 {
		m.Unseen = append(m.Unseen, "forwarding.keepCopy")
	}
}

// amounts reads storage: what is used and allowed in kibibytes, a plan in
// gibibytes (§1.4).
func (m *Mapped) amounts(r Record) {
	switch {
	case r.AllowedKB != nil && *r.AllowedKB > 0 && *r.AllowedKB < 1<<52:
		m.User.Quota = schema.Bytes(*r.AllowedKB << 10)
	case r.PlanGB != nil && *r.PlanGB > 0 && *r.PlanGB < 1<<32:
		m.User.Quota = schema.Bytes(*r.PlanGB << 30)
	default:
		m.Unseen = append(m.Unseen, "quota")
	}
	if r.UsedKB != nil && *r.UsedKB > 0 && *r.UsedKB < 1<<52 {
		m.Observed.StorageUsed = *r.UsedKB << 10
	}
	if r.LastSignIn != nil && *r.LastSignIn > 0 {
		m.Observed.LastSignInUnix = *r.LastSignIn / 1000
	}
}

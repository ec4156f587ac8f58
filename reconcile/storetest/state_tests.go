package storetest

import (
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

func testEmpty(h *harness) {
	h.holds(nil)
	h.apply(nil, nil)
	h.holds(nil)
	h.apply([]reconcile.Change{}, nil)
	h.holds(nil)
}

// testWalk goes through the states that an organization goes through.
func testWalk(h *harness) {
	secrets := make(schema.Secrets)
	deactivated := named(ana, "Ana")
	deactivated.Status = schema.StatusDeactivated
	closed := NewUser(ana) // always; and [] is as good as nothing
	closed.Permissions.AccessHours = &schema.AccessHours{Mon: []schema.Hours{}}
	closed.Permissions.SendAs, closed.Forwarding.To = []schema.Address{}, []schema.Address{}
	for _, want := range []schema.State{
		state(&schema.Domain{Name: domain}),
		h.small(),
		with(h.small(), full(ana, secrets)),
		with(h.small(), deactivated),
		with(h.small(), closed),
		without(h.small(), aliasKey(office)),
		with(h.small(), &schema.List{Address: team, Posting: schema.PostingAnyone}),
		with(h.small(), &schema.Domain{Name: "b.example"}, NewUser("ana@b.example")),
		h.small(),
		nil,
		h.small(),
	} {
		h.become(want, secrets)
	}
}

// testEveryField sets each field of each kind alone, and sets it back while it
// sets the next.
func testEveryField(h *harness) {
	secrets := make(schema.Secrets)
	bare := h.small()
	h.become(bare, secrets)
	for _, r := range []schema.Resource{
		full(ana, secrets),
		&schema.Domain{Name: domain, CatchAll: bruno, Timezone: "UTC"},
		&schema.Alias{Address: office, To: []schema.Address{bruno, "x@partner.example"}},
		&schema.List{Address: team, Posting: schema.PostingOrganization},
	} {
		for _, f := range schema.Fields(r.Key().Kind) {
			changed := schema.Clone(bare.Find(r.Key()))
			if err := f.Set(changed, f.Get(r)); err != nil {
				h.Fatal(err)
			}
			h.become(with(bare, changed), secrets)
		}
	}
}

func testConflicts(h *harness) {
	base := with(h.small(), &schema.List{Address: team, Members: []schema.Address{ana}, Posting: schema.PostingMembers})
	h.become(base, nil)
	seen := h.live()
	moved := with(without(base, userKey(bruno)), named(ana, "Changed"), NewUser("new@acme.example"),
		&schema.Alias{Address: "taken@acme.example", To: []schema.Address{ana}})
	h.become(moved, nil)
	// The plan was made before all that, and creates what is there by now.
	want := with(without(base, userKey(bruno)), named(ana, "Ana"), NewUser("new@acme.example"),
		NewUser("taken@acme.example"), named("fine@acme.example", "Fine"))
	h.refuse(h.diff(seen, want),
		reconcile.Conflict{Key: userKey(ana), Reason: reconcile.ReasonChanged},
		reconcile.Conflict{Key: userKey("new@acme.example"), Reason: reconcile.ReasonExists},
		reconcile.Conflict{Key: userKey("taken@acme.example"), Reason: reconcile.ReasonTaken},
		reconcile.Conflict{Key: userKey(bruno), Reason: reconcile.ReasonGone},
	)
	// What touches other rows alone is not stale.
	h.apply(h.diff(seen, with(seen, &schema.List{Address: team, Posting: schema.PostingAnyone})), nil)
	// A row that moved and came back is as the plan saw it.
	h.become(base, nil)
	h.apply(h.diff(seen, with(seen, named(ana, "Ana"))), nil)
	// An update of a row that is gone.
	h.become(nil, nil)
	h.refuse(h.diff(seen, with(seen, named(ana, "Ana"))),
		reconcile.Conflict{Key: userKey(ana), Reason: reconcile.ReasonGone})
}

// testDomains: a domain and its users come and go in one batch, and neither
// without the other.
func testDomains(h *harness) {
	h.become(h.small(), nil)
	two := with(h.small(), &schema.Domain{Name: "b.example"}, NewUser("u@b.example"),
		&schema.Alias{Address: "a@b.example", To: []schema.Address{"u@b.example"}}, &schema.List{Address: "l@b.example", Posting: schema.PostingAnyone})
	h.become(two, nil)
	onlyB := slices.DeleteFunc(slices.Clone(two), func(r schema.Resource) bool { return r.Key().Domain() == domain })
	h.become(onlyB, nil)
	onlyB = h.live()
	h.refuse(h.diff(onlyB, without(onlyB, domainKey("b.example"))),
		reconcile.Conflict{Key: domainKey("b.example"), Reason: reconcile.ReasonInUse})
	h.refuse(h.diff(onlyB, without(onlyB, domainKey("b.example"), userKey("u@b.example"))),
		reconcile.Conflict{Key: domainKey("b.example"), Reason: reconcile.ReasonInUse})
	h.refuse(h.diff(onlyB, with(onlyB, NewUser("x@c.example"), NewUser("y@c.example"))),
		reconcile.Conflict{Key: domainKey("c.example"), Reason: reconcile.ReasonGone})
	h.become(nil, nil)
}

// testSwap: an address goes from kind to kind, each time in one batch.
func testSwap(h *harness) {
	alias := &schema.Alias{Address: office, To: []schema.Address{ana, bruno}}
	list := &schema.List{Address: office, Members: []schema.Address{bruno}, Posting: schema.PostingAnyone}
	rest := without(h.small(), aliasKey(office))
	kinds := []schema.Resource{alias, NewUser(office), list, alias, list, NewUser(office), alias}
	for _, r := range kinds {
		h.become(with(rest, r), nil)
	}
	// Two at a time, crosswise.
	h.become(with(h.small(), &schema.List{Address: team, Posting: schema.PostingAnyone}), nil)
	h.become(with(without(rest, listKey(team)), &schema.List{Address: office, Posting: schema.PostingAnyone}, NewUser(team)), nil)
	// In whatever order the changes come.
	swapped := with(rest, NewUser(office))
	for _, want := range []schema.State{swapped, h.small(), nil, h.small()} {
		changes := h.diff(h.live(), want)
		slices.Reverse(changes)
		h.apply(changes, nil)
		h.holds(want)
	}
}

// testUnfit: batches that no plan makes are refused whole.
func testUnfit(h *harness) {
	h.become(h.small(), nil)
	live := h.live()
	fine := h.diff(live, with(live, named(ana, "Ana")))[0]
	for _, changes := range [][]reconcile.Change{
		{fine, fine},
		{fine, {Key: userKey(bruno), Op: reconcile.OpUpdate, Version: schema.Version(live.Find(userKey(bruno))),
			Fields: []reconcile.FieldChange{{Path: "no.such.field", After: "1"}}}},
		{fine, {Key: userKey(bruno), Op: reconcile.OpUpdate, Version: schema.Version(live.Find(userKey(bruno))),
			Fields: []reconcile.FieldChange{{Path: "name", After: `{"not":"a text"}`}}}},
		{fine, {Key: schema.Key{Kind: schema.KindProfile, Name: "x"}, Op: reconcile.OpCreate}},
		{fine, {Key: userKey("no-address"), Op: reconcile.OpCreate}},
		{fine, {Key: domainKey("a@b.example"), Op: reconcile.OpCreate}},
		h.diff(live, with(live, named(ana, "nul \x00"))),
		h.diff(live, with(live, NewUser("nul\x00@acme.example"))),
	} {
		h.fail(batch(changes, nil))
	}
	h.refuse(h.diff(live, with(live, NewUser("both@acme.example"), &schema.Alias{Address: "both@acme.example", To: []schema.Address{ana}})),
		reconcile.Conflict{Key: userKey("both@acme.example"), Reason: reconcile.ReasonTaken},
		reconcile.Conflict{Key: aliasKey("both@acme.example"), Reason: reconcile.ReasonTaken})
}

// hostile are texts that break what is put together from texts.
var hostile = []string{
	`'`, `"`, `''; DROP TABLE mailuser; --`, `\`, `\'`, `\\0`, "`", `%`, `%s%d%n`, `_`, `$1`, `?1`, `:x`, `@`, `@x`, `#`, ` `, `  x  `,
	"\n", "\r\n", "\t", "\x01", "\x7f", "null", "NULL", "true", "0", "-1", "1e9", "NaN", "[]", "{}", `{"a":1}`, "<b>", "&amp;",
	"ana@evil.example", "é", "e\u0301", "ß", "İ", "ı", "名前", "𝒜", "👩‍👩‍👧", "\u200b", "\u202e", "\ufeff", "\ufffd", "ſ",
	strings.Repeat("x", 64), strings.Repeat("é", 32), strings.Repeat("long ", 13000),
}

// testHostileNames: what people are called breaks nothing.
func testHostileNames(h *harness) {
	want := h.small()
	for i, text := range hostile {
		want = with(want, named(schema.Address(fmt.Sprintf("u%d@acme.example", i)), text))
	}
	h.become(want, nil)
	h.become(h.small(), nil)
}

func testHostile(h *harness) {
	want := h.small()
	for _, text := range hostile {
		u := named(schema.Address(text[:min(len(text), 64)]+"@acme.example"), text)
		u.Language, u.Timezone = text, text
		u.Forwarding.To = []schema.Address{schema.Address(text), schema.Address(text + text)}
		u.Permissions.SendAs = u.Forwarding.To
		u.Permissions.TrustedNetworks = []string{text}
		u.Permissions.AccessHours = &schema.AccessHours{Timezone: text}
		u.TravelMode = &schema.TravelMode{Until: text}
		want = with(want, u, &schema.Domain{Name: strings.ReplaceAll(text, "@", "-") + ".example", CatchAll: schema.Address(text), Timezone: text},
			&schema.Alias{Address: schema.Address("alias" + text[:min(len(text), 64)] + "@acme.example"), To: u.Forwarding.To})
	}
	h.become(want, nil)
	h.become(h.small(), nil)
}

package emailarray

import (
	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// Why values cannot be taken.
const (
	noUnlimited = "there is no unlimited quota: an amount is wanted"
	oneTarget   = "an alias leads to one mailbox: for more there are lists"
)

// lacks is what the service cannot do: the fields that it does not have, values
// that it does not take, and another address. A quota that it holds nearly is none
// of them.
func (s Settings) lacks() []reconcile.Lack {
	var out []reconcile.Lack
	fields := abilities()
	for _, kind := range schema.LiveKinds {
		out = append(out, fields[kind].Lacks(hosted.Blank(schema.Key{Kind: kind}))...)
	}
	return append(out,
		reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotSet, Reason: "a mailbox keeps its address there"},
		hosted.Takes(schema.KindUser, "status", "a user is enabled or disabled", reconcile.Bounds{OneOf: hosted.Values(schema.StatusActive, s.disabled())}),
		hosted.Takes(schema.KindUser, "accountType", "there are two", reconcile.Bounds{OneOf: hosted.Values(schema.AccountBasic, schema.AccountEnhanced)}),
		hosted.Takes(schema.KindUser, "quota", noUnlimited, reconcile.Bounds{Not: hosted.Values(schema.Unlimited.String())}),
		hosted.Takes(schema.KindAlias, "to", oneTarget, reconcile.Bounds{Least: 1, Most: 1, Users: true}),
	)
}

package emailarray

import (
	"strconv"

	"mailops/reconcile"
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
		out = append(out, fields[kind].Lacks(blank(schema.Key{Kind: kind}))...)
	}
	return append(out,
		reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotSet, Reason: "a mailbox keeps its address there"},
		takes(schema.KindUser, "status", "a user is enabled or disabled", reconcile.Bounds{OneOf: values(schema.StatusActive, s.disabled())}),
		takes(schema.KindUser, "accountType", "there are two", reconcile.Bounds{OneOf: values(schema.AccountBasic, schema.AccountEnhanced)}),
		takes(schema.KindUser, "quota", noUnlimited, reconcile.Bounds{Not: values(schema.Unlimited.String())}),
		takes(schema.KindAlias, "to", oneTarget, reconcile.Bounds{Least: 1, Most: 1, Users: true}),
	)
}

func takes(kind schema.Kind, path, why string, bounds reconcile.Bounds) reconcile.Lack {
	return reconcile.Lack{Kind: kind, Path: path, Cannot: reconcile.CannotTake, Bounds: &bounds, Reason: why}
}

// values are texts as values of a field.
func values(texts ...string) (out []schema.Value) {
	for _, text := range texts {
		out = append(out, schema.Value(strconv.Quote(text)))
	}
	return out
}

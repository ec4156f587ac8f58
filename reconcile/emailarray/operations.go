package emailarray

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// operations are what makes one resource of another, as [piecemeal.Service] says:
// what takes access away is first. A field that nothing sets brings none.
func (s Settings) operations(before, after schema.Resource) (out []piecemeal.Operation, err error) {
	switch of := cmp.Or(after, before).(type) {
	case *schema.User:
		out, err = s.userOperations(hosted.As[*schema.User](before), hosted.As[*schema.User](after))
	case *schema.Alias:
		out, err = aliasOperations(hosted.As[*schema.Alias](before), hosted.As[*schema.Alias](after))
	case *schema.List:
		out = listOperations(hosted.As[*schema.List](before), hosted.As[*schema.List](after))
	case *schema.Domain:
		out = domainOperations(hosted.As[*schema.Domain](before), hosted.As[*schema.Domain](after))
	default:
		err = fmt.Errorf("%T is nothing that the service holds", of)
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b piecemeal.Operation) int {
		switch {
		case a.Less == b.Less:
			return 0
		case a.Less:
			return -1
		}
		return 1
	})
	return out, nil
}

func (s Settings) userOperations(before, after *schema.User) ([]piecemeal.Operation, error) {
	switch {
	case after == nil:
		return []piecemeal.Operation{{Call: RemoveUser(before.Address)}}, nil
	case before == nil:
		will := s.shownUser(after)
		return []piecemeal.Operation{{Call: AddUser(will), Creates: true}}, s.unfit(will)
	}
	was, will := s.shownUser(before), s.shownUser(after)
	out, err := s.statusOperations(was, will)
	if err == nil && (was.Name != will.Name || was.AccountType != will.AccountType || was.Quota != will.Quota) {
		out, err = append(out, piecemeal.Operation{Call: UpdateUser(will)}), s.unfit(will)
	}
	return out, err
}

// statusOperations enable or disable a user, and change the forwards while the user
// is enabled, as far as that is possible: these need the user's own token, and
// whether a disabled user gets one is not documented. Whoever is to be disabled is
// so a few requests later for it, and whoever is to be enabled has the old forwards
// for so long.
func (s Settings) statusOperations(was, will *schema.User) (out []piecemeal.Operation, err error) {
	moves, on := was.Status != will.Status, will.Status == schema.StatusActive
	if moves && on {
		out = append(out, piecemeal.Operation{Call: EnableUser(will.Address)})
	}
	for _, gone := range hosted.Without(was.Forwarding.To, will.Forwarding.To) {
		out = append(out, piecemeal.Operation{Call: RemoveForward(will.Address, gone), Less: !moves || !on})
	}
	for _, come := range hosted.Without(will.Forwarding.To, was.Forwarding.To) {
		out = append(out, piecemeal.Operation{Call: AddForward(will.Address, come), Less: moves && !on})
	}
	if !moves || on {
		return out, nil
	}
	if will.Status != s.disabled() {
		return nil, fmt.Errorf("a user is %s or %s, and not %s", schema.StatusActive, s.disabled(), will.Status)
	}
	return append(out, piecemeal.Operation{Call: DisableUser(will.Address), Less: true}), nil
}

// unfit says what of a user cannot be written.
func (s Settings) unfit(u *schema.User) error {
	if _, ok := s.Hold(u.Quota); !ok {
		return errors.New(noUnlimited)
	}
	if accountNumber(u.AccountType) == "" {
		return fmt.Errorf("there is no account type %q", u.AccountType)
	}
	return nil
}

// aliasOperations replaces an alias that leads elsewhere: nothing changes one.
// That it is gone in between takes nobody's access away, and is to last no longer
// than a request: the two follow each other.
func aliasOperations(before, after *schema.Alias) (out []piecemeal.Operation, err error) {
	switch {
	case after == nil:
		return []piecemeal.Operation{{Call: RemoveAlias(before.Address)}}, nil
	case before != nil && slices.Equal(before.To, after.To):
		return nil, nil
	case len(after.To) != 1:
		return nil, errors.New(oneTarget)
	case before != nil:
		out = append(out, piecemeal.Operation{Call: RemoveAlias(before.Address)})
	}
	return append(out, piecemeal.Operation{Call: AddAlias(after.Address, after.To[0]), Creates: true}), nil
}

func listOperations(before, after *schema.List) (out []piecemeal.Operation) {
	switch {
	case after == nil:
		return []piecemeal.Operation{{Call: RemoveList(before.Address)}}
	case before == nil:
		return []piecemeal.Operation{{Call: AddList(after.Address), Creates: true}}
	}
	for _, gone := range hosted.Without(before.Members, after.Members) {
		out = append(out, piecemeal.Operation{Call: RemoveMember(after.Address, gone), Less: true})
	}
	for _, come := range hosted.Without(after.Members, before.Members) {
		out = append(out, piecemeal.Operation{Call: AddMember(after.Address, come)})
	}
	return out
}

func domainOperations(before, after *schema.Domain) []piecemeal.Operation {
	switch {
	case after == nil:
		return []piecemeal.Operation{{Call: RemoveDomain(before.Name)}}
	case before == nil:
		return []piecemeal.Operation{{Call: AddDomain(after.Name), Creates: true}}
	}
	return nil
}

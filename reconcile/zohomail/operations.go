package zohomail

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// passwordOf begins the name of the secret that a new user is made with.
const passwordOf = "password of "

var errUnknown = errors.New("the service does not show it")

// operations are what makes one resource of another, as [piecemeal.Service] says.
// Each does one thing and does no harm when it is repeated. A field that nothing
// sets brings none.
func (a API) operations(before, after schema.Resource, handles piecemeal.Handles) ([]piecemeal.Operation, error) {
	switch of := cmp.Or(after, before).(type) {
	case *schema.User:
		return a.userOperations(hosted.As[*schema.User](before), hosted.As[*schema.User](after), handles)
	case *schema.Alias:
		return a.aliasOperations(hosted.As[*schema.Alias](before), hosted.As[*schema.Alias](after), handles)
	case *schema.List:
		return a.listOperations(hosted.As[*schema.List](before), hosted.As[*schema.List](after), handles)
	case *schema.Domain:
		return nil, nil // the console's
	default:
		return nil, fmt.Errorf("%T is nothing that the service holds", of)
	}
}

// handle is how an [ID] is kept.
func (id ID) handle() string { return id.ZUID + "/" + id.Account }

// idOf is the ID of a user. For counting, without handles, any will do.
func idOf(a schema.Address, handles piecemeal.Handles) (ID, error) {
	if handles == nil {
		return ID{"0", "0"}, nil
	}
	zuid, account, ok := strings.Cut(handles[schema.Key{Kind: schema.KindUser, Name: string(a)}], "/")
	if !ok {
		return ID{}, fmt.Errorf("%s: %w", a, errUnknown)
	}
	return ID{zuid, account}, nil
}

func (a API) userOperations(before, after *schema.User, handles piecemeal.Handles) ([]piecemeal.Operation, error) {
	if before == nil {
		return []piecemeal.Operation{{Call: a.Create(after, passwordOf+string(after.Address)), Creates: true}}, nil
	}
	id, err := idOf(before.Address, handles)
	if err != nil {
		return nil, err
	}
	if after == nil {
		return []piecemeal.Operation{{Call: a.DeleteUsers(id.ZUID)}}, nil
	}
	return a.Update(id, before, after), nil
}

// aliasOperations move an alias from its user to another one. One whose user is gone
// went along.
func (a API) aliasOperations(before, after *schema.Alias, handles piecemeal.Handles) (out []piecemeal.Operation, err error) {
	if before != nil && after != nil && slices.Equal(before.To, after.To) {
		return nil, nil
	}
	if before != nil && len(before.To) == 1 {
		if id, err := idOf(before.To[0], handles); err == nil {
			out = append(out, piecemeal.Operation{Call: a.DeleteAliases(id, before.Address)})
		}
	}
	if after == nil {
		return out, nil
	}
	if len(after.To) != 1 {
		return nil, errors.New("an alias belongs to one user")
	}
	id, err := idOf(after.To[0], handles)
	if err != nil {
		return nil, err
	}
	return append(out, piecemeal.Operation{Call: a.AddAliases(id, after.Address), Creates: true}), nil
}

func (a API) listOperations(before, after *schema.List, handles piecemeal.Handles) (out []piecemeal.Operation, err error) {
	if before == nil {
		if len(after.Members) == 0 {
			return nil, errors.New("a group has a member from the beginning")
		}
		return []piecemeal.Operation{{Call: a.CreateGroup(after.Address, after.Members...), Creates: true}}, nil
	}
	zgid := "0"
	if handles != nil {
		if zgid = handles[before.Key()]; zgid == "" {
			return nil, errUnknown
		}
	}
	if after == nil {
		return []piecemeal.Operation{{Call: a.DeleteGroup(zgid)}}, nil
	}
	return a.memberOperations(zgid, before.Members, after.Members), nil
}

// memberOperations take members out of a group first, unless none would be left:
// whether there is a group without members is not documented.
func (a API) memberOperations(zgid string, before, after []schema.Address) (out []piecemeal.Operation) {
	gone, added := hosted.Without(before, after), hosted.Without(after, before)
	stay := len(gone) < len(before)
	if len(added) > 0 {
		out = append(out, operation(a.AddMembers(zgid, added...), false))
	}
	if len(gone) > 0 {
		out = append(out, operation(a.RemoveMembers(zgid, gone...), stay))
	}
	slices.SortStableFunc(out, byWeight)
	return out
}

package piecemeal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// A shop is a hosted service that sells mailboxes: every field is set by a call of
// its own, reads are late, and it breaks in the ways that tests ask for.
type shop struct {
	mu      sync.Mutex
	at      time.Time // its clock and everybody's, which waiting moves on
	late    time.Duration
	past    []moment // newest last
	log     []string // of what was carried out
	asked   int      // requests
	refuses map[string]string
	cuts    map[string]bool // of a call's name: the answer is lost; true: after it was carried out
	stops   int             // requests until the token is revoked; 0 is never
	lacks   []reconcile.Lack
	numbers int

	passwords []string // that were set
	dies      bool     // the process, at the next call
}

// A moment is what the shop held at a time.
type moment struct {
	at      time.Time
	state   schema.State
	handles piecemeal.Handles
}

func newShop() *shop {
	s := &shop{at: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC), refuses: make(map[string]string), cuts: make(map[string]bool)}
	s.past = []moment{{s.at, nil, make(piecemeal.Handles)}}
	blank := storetest.NewUser("a@b.example")
	for _, path := range []string{"password", "travelMode.until", "permissions.sendAs", "lock.mailAddOn"} {
		f, ok := schema.FieldAt(schema.KindUser, path)
		if !ok {
			continue
		}
		cannot := reconcile.CannotHold
		if path == "permissions.sendAs" {
			cannot = reconcile.CannotObserve
		}
		s.lacks = append(s.lacks, reconcile.Lack{Kind: schema.KindUser, Path: path, Cannot: cannot, Value: f.Get(blank)})
	}
	if f, ok := schema.FieldAt(schema.KindUser, "travelMode"); ok {
		s.lacks = append(s.lacks, reconcile.Lack{Kind: schema.KindUser, Path: "travelMode", Cannot: reconcile.CannotHold, Value: f.Get(blank)})
	}
	s.lacks = append(s.lacks,
		reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotSet},
		reconcile.Lack{Kind: schema.KindDomain, Cannot: reconcile.CannotObserve})
	return s
}

func (s *shop) clock() hosted.Clock {
	return hosted.Clock{
		Now: func() time.Time {
			defer s.mu.Unlock()
			s.mu.Lock()
			return s.at
		},
		Sleep: func(ctx context.Context, d time.Duration) error {
			defer s.mu.Unlock()
			s.mu.Lock()
			s.at = s.at.Add(d)
			return ctx.Err()
		},
	}
}

func (s *shop) is() *moment { return &s.past[len(s.past)-1] }

// shown is what a read brings now.
func (s *shop) shown() moment {
	for _, m := range slices.Backward(s.past) {
		if !m.at.After(s.at.Add(-s.late)) {
			return m
		}
	}
	return s.past[0]
}

// Read implements piecemeal.Service. Domains it does not show.
func (s *shop) Read(ctx context.Context, keys []schema.Key) (piecemeal.Reading, error) {
	defer s.mu.Unlock()
	s.mu.Lock()
	s.asked++
	if err := ctx.Err(); err != nil {
		return piecemeal.Reading{}, err
	}
	if s.stops > 0 && s.asked >= s.stops {
		return piecemeal.Reading{}, fmt.Errorf("%w: the token was revoked", reconcile.ErrUnreachable)
	}
	m := s.shown()
	r := piecemeal.Reading{Handles: make(piecemeal.Handles)}
	for _, is := range m.state {
		if is.Key().Kind == schema.KindDomain || keys != nil && !slices.Contains(keys, is.Key()) && is.Key().Kind != schema.KindUser {
			continue
		}
		r.State = append(r.State, s.Shown(is))
		r.Handles[is.Key()] = m.handles[is.Key()]
	}
	return r, nil
}

// Shown implements piecemeal.Service: quotas are of whole megabytes, sendAs is not
// shown, and a suspended user who gets no mail looks deactivated.
func (s *shop) Shown(r schema.Resource) schema.Resource {
	u, ok := r.(*schema.User)
	if !ok {
		return schema.Clone(r)
	}
	out := schema.Clone(u).(*schema.User)
	out.Quota -= out.Quota % 1e6
	out.Permissions.SendAs = nil
	if out.Status == schema.StatusSuspended && !out.MailboxActions.Incoming {
		out.Status, out.MailboxActions.Incoming = schema.StatusDeactivated, true
	}
	if out.Status == schema.StatusDeactivated {
		out.MailboxActions.Incoming = true
	}
	schema.Normalize(out)
	return out
}

// Together implements piecemeal.Service.
func (s *shop) Together() [][]string {
	return [][]string{{"status", "mailboxActions.incoming"}}
}

// Newcomer implements piecemeal.Service.
func (s *shop) Newcomer(want schema.Resource) schema.Resource {
	if u, ok := want.(*schema.User); ok {
		return storetest.NewUser(u.Address)
	}
	return want
}

// Operations implements piecemeal.Service.
func (s *shop) Operations(before, after schema.Resource, handles piecemeal.Handles) ([]piecemeal.Operation, error) {
	for _, r := range []schema.Resource{before, after} {
		if r != nil && r.Key().Kind == schema.KindDomain {
			return nil, nil // it sells none
		}
	}
	if after == nil {
		return []piecemeal.Operation{s.operation("delete", before, handles)}, nil
	}
	if before == nil {
		o := s.operation("create", s.Newcomer(after), nil)
		o.Creates = true
		for _, f := range schema.Fields(after.Key().Kind) {
			o.Call.Body = append(o.Call.Body, hosted.Value(f.Path, string(f.Get(s.Newcomer(after)))))
		}
		return []piecemeal.Operation{o}, nil
	}
	if handles != nil && handles[after.Key()] == "" && after.Key().Kind != schema.KindDomain {
		return nil, errors.New("the shop does not show it")
	}
	var out []piecemeal.Operation
	for _, f := range schema.Fields(after.Key().Kind) {
		if f.Equal(before, after) {
			continue
		}
		o := s.operation("set "+f.Path, after, handles)
		o.Call.Body = []hosted.Field{hosted.Value(f.Path, string(f.Get(after)))}
		o.Less = f.Get(after) == "false" || f.Path == "status"
		out = append(out, o)
	}
	return out, nil
}

func (s *shop) operation(name string, r schema.Resource, handles piecemeal.Handles) piecemeal.Operation {
	return piecemeal.Operation{Call: hosted.Call{Name: name, Path: r.Key().String(), Query: []hosted.Field{hosted.Value("id", handles[r.Key()])}}}
}

// Password implements piecemeal.Service.
func (s *shop) Password(live *schema.User, secret string, once bool, handles piecemeal.Handles) (hosted.Call, error) {
	if once {
		return hosted.Call{}, reconcile.ErrNotOnce
	}
	call := s.operation("password", live, handles).Call
	call.Body = []hosted.Field{hosted.Hidden("password", secret)}
	return call, nil
}

// Do implements piecemeal.Service.
func (s *shop) Do(_ context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	defer s.mu.Unlock()
	s.mu.Lock()
	if s.dies {
		panic("the process dies")
	}
	s.asked++
	s.at = s.at.Add(2 * time.Second)
	if s.stops > 0 && s.asked >= s.stops {
		return hosted.Answer{Outcome: hosted.TokenFailed, Status: 401, Text: "the token was revoked"}
	}
	line := call.Name + " " + call.Path
	if text, ok := s.refuses[line]; ok {
		return hosted.Answer{Outcome: hosted.Refused, Status: 200, Text: text}
	}
	after, cut := s.cuts[line]
	if cut {
		delete(s.cuts, line)
		if !after {
			return hosted.Answer{Outcome: hosted.Unknown, Text: "the answer breaks off"}
		}
	}
	answer := s.carryOut(call, line)
	for _, name := range call.Named() {
		s.passwords = append(s.passwords, call.Path+" "+secrets[name])
	}
	if cut {
		return hosted.Answer{Outcome: hosted.Unknown, Text: "the answer breaks off"}
	}
	return answer
}

func (s *shop) carryOut(call hosted.Call, line string) hosted.Answer {
	kind, name, _ := strings.Cut(call.Path, "/")
	key := schema.Key{Kind: schema.Kind(kind), Name: name}
	next := moment{s.at, slices.Clone(s.is().state), make(piecemeal.Handles)}
	for k, v := range s.is().handles {
		next.handles[k] = v
	}
	is := next.state.Find(key)
	var id string
	_ = json.Unmarshal(call.Query[0].Value, &id)
	var r schema.Resource
	switch {
	case call.Name == "create" && is != nil:
		return hosted.Answer{Outcome: hosted.Already, Status: 200}
	case call.Name == "create":
		r, _ = schema.New(key)
		s.numbers++
		next.handles[key] = fmt.Sprint(s.numbers)
	case is == nil || id != next.handles[key]:
		return hosted.Answer{Outcome: hosted.Refused, Status: 404, Text: "no such thing"}
	case call.Name == "password":
		return hosted.Answer{Outcome: hosted.Done, Status: 200}
	case call.Name == "delete":
		delete(next.handles, key)
	default:
		r = schema.Clone(is)
	}
	next.state = slices.DeleteFunc(next.state, func(r schema.Resource) bool { return r.Key() == key })
	if r != nil {
		for _, f := range call.Body {
			var value string
			field, _ := schema.FieldAt(key.Kind, f.Name)
			if json.Unmarshal(f.Value, &value) != nil || field.Set(r, schema.Value(value)) != nil {
				return hosted.Answer{Outcome: hosted.Refused, Status: 400, Text: "wrong value"}
			}
		}
		next.state = append(next.state, r)
	}
	next.state.Sort()
	s.past = append(s.past, next)
	s.log = append(s.log, line)
	data, _ := json.Marshal(next.handles[key])
	return hosted.Answer{Outcome: hosted.Done, Status: 200, Data: data}
}

// Handle implements piecemeal.Service: of lists, the shop does not answer it.
func (s *shop) Handle(key schema.Key, answer hosted.Answer) (id string) {
	if key.Kind != schema.KindList {
		_ = json.Unmarshal(answer.Data, &id)
	}
	return id
}

// Requests implements piecemeal.Service.
func (s *shop) Requests([]schema.Key, schema.State) int { return 1 }

// Cost implements piecemeal.Service.
func (s *shop) Cost(calls []hosted.Call) int { return len(calls) }

// Length implements piecemeal.Service.
func (s *shop) Length(requests int) (time.Duration, error) {
	return time.Duration(requests) * 2 * time.Second, nil
}

// Lacks implements piecemeal.Service.
func (s *shop) Lacks() []reconcile.Lack { return s.lacks }

// put is what somebody does in the shop's own pages.
func (s *shop) put(r schema.Resource) {
	defer s.mu.Unlock()
	s.mu.Lock()
	next := moment{s.at.Add(-s.late), nil, make(piecemeal.Handles)}
	for _, is := range s.is().state {
		if is.Key() != r.Key() {
			next.state = append(next.state, is)
		}
	}
	for k, v := range s.is().handles {
		next.handles[k] = v
	}
	if next.handles[r.Key()] == "" {
		s.numbers++
		next.handles[r.Key()] = fmt.Sprint(s.numbers)
	}
	next.state = append(next.state, r)
	next.state.Sort()
	s.past = []moment{next}
}

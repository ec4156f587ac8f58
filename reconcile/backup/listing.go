package backup

import (
	"fmt"
	"math"
	"slices"
)

// A listing is what a POP3 server says of its messages, in three answers that
// need not agree.
type listing struct {
	byNumber map[int]*remote
	twice    int // numbers or names that were said twice, and differ
}

func newListing() *listing { return &listing{byNumber: make(map[int]*remote)} }

// add takes a line of one answer.
func (l *listing) add(number int, size int64, uid string) {
	if number < 1 || number > math.MaxInt32 {
		return
	}
	r := l.byNumber[number]
	if r == nil {
		r = &remote{folder: inbox, size: -1, number: uint32(number)}
		l.byNumber[number] = r
	}
	if size >= 0 {
		r.size = size
	}
	switch {
	case uid == "":
	case r.uid != "" && r.uid != uid:
		l.twice++
		r.uid = ""
	default:
		r.uid = uid
	}
}

// remotes are the messages, by number.
func (l *listing) remotes() []remote {
	out := make([]remote, 0, len(l.byNumber))
	for _, r := range l.byNumber {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b remote) int { return int(a.number) - int(b.number) })
	return out
}

// odd says where the answers do not agree.
func (l *listing) odd(count, listed int, uidl error) []string {
	var odd []string
	if uidl != nil {
		odd = append(odd, "the server has no UIDL: every message is fetched and told by its bytes")
	}
	if count != listed || count != len(l.byNumber) {
		odd = append(odd, fmt.Sprintf("the server counts %d messages and lists %d", count, listed))
	}
	if l.twice > 0 {
		odd = append(odd, "the server gives one message two UIDLs")
	}
	return odd
}

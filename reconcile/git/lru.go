package git

import (
	"container/list"
	"sync"
)

// An lru keeps what was used last, up to a weight.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	room   int64
	weight int64
	items  map[K]*list.Element
	order  list.List // the one used last is first
}

type item[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

func newLRU[K comparable, V any](room int64) *lru[K, V] {
	return &lru[K, V]{room: room, items: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.items[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*item[K, V]).value, true
}

// put keeps a value, unless it alone would take more than the room.
func (l *lru[K, V]) put(key K, value V, weight int64) {
	if weight > l.room {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.items[key]; ok {
		return
	}
	l.items[key] = l.order.PushFront(&item[K, V]{key, value, weight})
	for l.weight += weight; l.weight > l.room; {
		last := l.order.Back()
		old := l.order.Remove(last).(*item[K, V])
		delete(l.items, old.key)
		l.weight -= old.weight
	}
}

func (l *lru[K, V]) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = make(map[K]*list.Element) // a cleared one would keep its size
	l.order.Init()
	l.weight = 0
}

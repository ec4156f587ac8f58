package simhttp

import (
	"iter"
	"time"
)

// A Table holds records, and how they were: a service whose reads are late shows
// each record as it was some time ago. A record is a value; whoever changes one
// puts a new one.
type Table[K comparable, T any] struct {
	keys []K // in the order in which they were first put
	rows map[K][]version[T]
}

// A version is how a record was from an instant on.
type version[T any] struct {
	at     time.Time
	record T
	gone   bool
}

// Put writes a record.
func (t *Table[K, T]) Put(at time.Time, key K, record T) {
	t.add(key, version[T]{at: at, record: record})
}

// Delete removes a record.
func (t *Table[K, T]) Delete(at time.Time, key K) {
	t.add(key, version[T]{at: at, gone: true})
}

func (t *Table[K, T]) add(key K, v version[T]) {
	if t.rows == nil {
		t.rows = make(map[K][]version[T])
	}
	if _, known := t.rows[key]; !known {
		t.keys = append(t.keys, key)
	}
	t.rows[key] = append(t.rows[key], v)
}

// Get is a record as it is.
func (t *Table[K, T]) Get(key K) (record T, ok bool) {
	versions := t.rows[key]
	if len(versions) == 0 {
		return record, false
	}
	last := versions[len(versions)-1]
	return last.record, !last.gone
}

// At is a record as it was.
func (t *Table[K, T]) At(at time.Time, key K) (record T, ok bool) {
	versions := t.rows[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if !versions[i].at.After(at) {
			return versions[i].record, !versions[i].gone
		}
	}
	return record, false
}

// All are the records as they are.
func (t *Table[K, T]) All() iter.Seq2[K, T] { return t.each(t.Get) }

// AllAt are the records as they were.
func (t *Table[K, T]) AllAt(at time.Time) iter.Seq2[K, T] {
	return t.each(func(key K) (T, bool) { return t.At(at, key) })
}

func (t *Table[K, T]) each(get func(K) (T, bool)) iter.Seq2[K, T] {
	return func(yield func(K, T) bool) {
		for _, key := range t.keys {
			if record, ok := get(key); ok && !yield(key, record) {
				return
			}
		}
	}
}

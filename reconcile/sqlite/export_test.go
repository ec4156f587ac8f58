package sqlite

import (
	"context"
	"strings"
)

// OpenFast opens a store that does not wait for the disk: for tests whose
// process does not die.
func OpenFast(ctx context.Context, path string) (*Store, error) {
	return open(ctx, path, Options{}, strings.Replace(durable, "synchronous = FULL", "synchronous = OFF", 1))
}

// OpenSmall opens a store on a disk with room for that many pages.
func OpenSmall(ctx context.Context, path string, pages string) (*Store, error) {
	return open(ctx, path, Options{}, durable+" PRAGMA max_page_count = "+pages+";")
}

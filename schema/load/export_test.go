package load

import (
	"context"
	"io/fs"

	"mailops/schema"
)

// A Loader is FS with a law that is taken apart once: under the race detector
// that takes longer than most of what tests load.
type Loader struct{ law *law }

// NewLoader takes the law apart.
func NewLoader() (Loader, error) {
	l, err := compileLaw()
	return Loader{l}, err
}

// FS is the package's FS.
func (l Loader) FS(ctx context.Context, fsys fs.FS) (*schema.Declarations, schema.Problems, error) {
	return l.law.load(ctx, fsys)
}

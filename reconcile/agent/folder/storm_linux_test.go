package folder

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConverges makes, moves, exchanges and deletes folders at random, as fast as
// it can, and holds after each storm that exactly the folders that are there are
// watched, and that a change in one of them is told.
func TestConverges(t *testing.T) {
	f := files{t, t.TempDir()}
	f.write("tree/a.yaml", "1")
	r, _ := read(t, f.path("tree"), quick)
	r.event()
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 2))
		for range 300 {
			storm(f, random)
		}
		var folders []string
		eventually(t, "exactly the folders are watched", func() bool {
			folders = foldersOf(t, f.path("tree"))
			_, watches := held(t)
			return watches == len(folders)
		})
		r.rest()
		in := folders[random.IntN(len(folders))]
		r.tells(in, func() { f.must(os.WriteFile(filepath.Join(in, "a.yaml"), nil, 0o644)) })
	}
}

// storm does one thing to folders that may be there or not.
func storm(f files, random *rand.Rand) {
	folder := func() string {
		name := "tree"
		for range 1 + random.IntN(3) {
			name += "/" + string('a'+rune(random.IntN(3)))
		}
		return f.path(name)
	}
	one, other := folder(), folder()
	// Much of it is impossible, and then nothing happens.
	switch random.IntN(6) {
	case 0, 1:
		_ = os.MkdirAll(one, 0o755)
	case 2, 3:
		_ = os.Rename(one, other)
	case 4:
		_ = unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
	case 5:
		_ = os.RemoveAll(one)
	}
}

func foldersOf(t *testing.T, root string) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			folders = append(folders, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package hosted

// TryLock does nothing here: two applies at a time are told apart by the rows that
// they change alone.
func TryLock(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}

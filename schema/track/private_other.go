//go:build !unix

package track

import "io/fs"

// private cannot be told here: the folder is in the user's profile, or where the
// user says.
func private(fs.FileInfo) bool { return true }

// Package confusable tells addresses apart that look alike.
package confusable

// Skeleton is a placeholder until the table is there.
func Skeleton(s string) string { return s }

// MixedScript is a placeholder until the table is there.
func MixedScript(s string) bool { return false }

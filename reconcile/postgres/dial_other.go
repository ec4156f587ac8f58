//go:build !linux

package postgres

import "syscall"

// giveUp leaves it to the system when to give up a connection.
func giveUp(string, string, syscall.RawConn) error { return nil }

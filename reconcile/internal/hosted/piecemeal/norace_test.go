//go:build !race

package piecemeal_test

const thorough = true // see race_test.go

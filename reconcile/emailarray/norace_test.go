//go:build !race

package emailarray_test

const thorough = true // see race_test.go

//go:build !race

package zohomail

const thorough = true // see race_test.go

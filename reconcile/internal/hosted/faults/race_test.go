//go:build race

package faults

// stride leaves out nearly all of the places where a process is killed: processes that
// are watched for races begin slowly, and make test runs this package once more
// without.
const stride = 400

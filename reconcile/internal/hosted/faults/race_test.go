//go:build race

package faults

// stride leaves out most of the places where a process is killed: processes that are
// watched for races begin slowly.
const stride = 40

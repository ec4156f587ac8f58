//go:build !race

package faults

// stride leaves out some of the places where a process is killed: each process takes
// a while to begin. The kinds of places begin at different ones.
const stride = 6

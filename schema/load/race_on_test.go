//go:build race

package load_test

// share of a text is read by slow tests.
const share = 32

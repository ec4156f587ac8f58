//go:build !race

package sqlite_test

// rounds are how often leaders race.
const rounds = 1000

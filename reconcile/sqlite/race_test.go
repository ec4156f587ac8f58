//go:build race

package sqlite_test

// rounds are how often leaders race: SQLite is thirty times slower where races
// are looked for.
const rounds = 100

//go:build race

package emailarray_test

// thorough is whether all of the suite runs: SQLite is thirty times slower where races
// are looked for, and make test runs these packages once more without.
const thorough = false

//go:build !race

package policy

// raceDetector says whether this program was built to look for data races.
const raceDetector = false

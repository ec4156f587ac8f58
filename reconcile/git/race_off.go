//go:build !race

package git

// raceDetector says whether this program was built to look for data races.
const raceDetector = false

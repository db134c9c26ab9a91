//go:build race

package repo_test

// bitStep makes the exhaustive tests try every 29th bit under the race
// detector, which slows them twentyfold; plain runs try every one.
const bitStep = 29

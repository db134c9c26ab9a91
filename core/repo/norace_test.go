//go:build !race

package repo_test

const bitStep = 1

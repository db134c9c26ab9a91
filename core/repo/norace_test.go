//go:build !race

package repo

const bitStep = 1

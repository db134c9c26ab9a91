//go:build cgo && (windows || darwin)

package main

import "github.com/holdfast-backup/holdfast/ui/shell"

// newDesk is nothing: on these systems the toolkit does all of it.
func newDesk(func()) shell.Desk { return shell.Desk{} }

// readCharacters does nothing: these systems give characters without a locale.
func readCharacters() {}

//go:build cgo && (windows || darwin)

package main

import "github.com/holdfast-backup/holdfast/ui"

// newDesk is nothing: on these systems the toolkit does all of it.
func newDesk(func()) ui.Desk { return ui.Desk{} }

// readCharacters does nothing: these systems give characters without a locale.
func readCharacters() {}

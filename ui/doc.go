// Package ui is Holdfast's window. It drives core.App and knows nothing below
// it, and it imports no display driver: package main does, so that everything
// here builds and is tested without cgo and without a screen.
//
// Pieces (ui/widgets) show state and call back. The controllers here own the
// flows: setupFlow, protectFlow, changeKeyFlow, restoreFlow, and the screens.
// keepSteps and passwordForm ask for a new key and a new password wherever one
// is made, passwordGate for one that a vault checks. Whatever touches
// a disk, a keyring or a destination runs in a goroutine that work owns, with
// a context, and ends in one function that runs on the toolkit's goroutine.
// All state of this package lives on that goroutine.
package ui

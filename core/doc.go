// Package core is all that Holdfast does, behind one door for the window and
// the command line.
//
// An [App] is opened on a profile. It sets backups up, runs them, turns
// encryption on and off, and keeps the history. A [Reader] reads a backup:
// the profile's own ([App.Reader]) or any other ([OpenReader]), as on a new
// computer. Long work takes a context, reports [Progress], and ends in a
// report or an error of errors.go; one piece of long work runs at a time.
//
// It promises that a backup that was reported can be restored with its
// destination and its key alone; that an interruption at any moment leaves
// every earlier backup whole; that encryption, once on, is never silently
// off. It does not know words for people: those are in ui/words.
package core

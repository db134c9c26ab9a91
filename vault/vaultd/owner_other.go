//go:build !unix

package main

// becomeOwner does nothing here: there is no root to give up.
func becomeOwner(string) error { return nil }

// readableByOthers is not known here.
func readableByOthers(string) bool { return false }

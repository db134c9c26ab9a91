// Package shell is Holdfast's window without what is in it: pages and screens,
// the sidebar, questions, trouble, long work and all other goroutines, the
// icon in the panel, and what the window remembers. It knows no feature: each
// hands in its Screen, and shows pages with NewPage and Flow.
//
// Whatever touches a disk, a keyring or a destination runs in a goroutine that
// Work owns, with a context, and ends in one function that runs on the
// toolkit's goroutine. All state of a Window lives on that goroutine.
package shell

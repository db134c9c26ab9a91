// Package source is what is backed up: folders and files of this computer.
//
// A [Dir] is an open folder; entries are reached through its handle, never by
// path, so that folders deeper than PATH_MAX can be read and a name that is
// swapped for a symbolic link between two looks leads nowhere else. An
// [Exclude] decides what is left out.
//
// A [Watch] makes the system calls on what is opened by it, and leaves those
// behind that have no answer ([ErrNoAnswer]).
//
// It promises entries sorted by their raw names, one lstat each, and files
// that are what they were listed as ([ErrChanged] otherwise). It never
// follows a symbolic link and never blocks on a FIFO. It does not promise a
// consistent moment over several files. On systems other than Linux it knows
// less about a file (no attributes, no holes).
package source

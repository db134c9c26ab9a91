// Package format is the bytes of a repository: what docs/format.md says, with nothing that reads or writes a place.
//
// It encodes, seals, opens and decodes: the header and the keyring (chapters 3 and 4), chunks and packs (5 and 6), indexes (7), the content
// of files and trees (8 and 9), snapshots (10) and the small objects (12). Every decoder enforces its limits before it allocates, and has a
// fuzz target. testdata/vectors.json of core/repo pins each construction.
package format

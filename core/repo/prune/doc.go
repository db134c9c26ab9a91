// Package prune deletes snapshots and what no snapshot needs any more (docs/format.md, chapter 12).
//
// [Run] takes no lock and trusts no clock but its own. It marks packs that nothing needs, looks again for backups under way,
// and deletes what it marked long enough ago. Packs with much waste are moved together first.
//
// It promises: cut off anywhere, and whoever else works at the same place, every snapshot that is kept is whole.
package prune

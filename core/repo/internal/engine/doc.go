// Package engine stores and finds chunks: it loads the indexes, reads chunks out of packs, and fills packs with new ones.
// It stands on package sealed, which says what counts, and knows nothing of what snapshots need.
//
// [Engine.LoadIndex] comes before [Engine.Chunk] and [Engine.Load]. [Engine.NewWriter] gives a [Writer], whose Savers store
// chunks; its [Writer.WriteSnapshot] is the last step of a backup.
package engine

// Package sealed is what stands at a destination under keys: the header, the keyrings, and the objects of the epochs. It
// decides which of them count, reads and writes them, and knows nothing of packs and chunks.
//
// [Objects.Counts] is the one place that says which objects are believed (docs/trust.md).
package sealed

// Package check finds out what is wrong with a repository, and puts right what can be.
//
// [Verify] only reads. It holds what the indexes say against the packs, reads back as much data as it is told, and finds the
// files that damage touches. [Repair] builds the indexes anew from the packs, and sets aside what does not read back.
package check

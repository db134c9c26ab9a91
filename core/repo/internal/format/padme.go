package format

import "math/bits"

// Padme rounds a length up so that little of it shows: PADMÉ, Nikitin et al.,
// "Reducing Metadata Leakage from Encrypted Files" (PETS 2019), section 4.
func Padme(length int) int {
	grain := PadmeGrain(length)
	return (length + grain - 1) &^ (grain - 1)
}

// PadmeGrain is what a length is rounded up to a multiple of.
func PadmeGrain(length int) int {
	if length < 2 {
		return 1
	}
	e := bits.Len(uint(length)) - 1
	return 1 << max(0, e-bits.Len(uint(e)))
}

package repo

import "math/bits"

// padme rounds a length up so that little of it shows: PADMÉ, Nikitin et al.,
// "Reducing Metadata Leakage from Encrypted Files" (PETS 2019), section 4.
func padme(length int) int {
	if length < 2 {
		return length
	}
	e := bits.Len(uint(length)) - 1
	s := bits.Len(uint(e))
	if s >= e {
		return length
	}
	mask := 1<<(e-s) - 1
	return (length + mask) &^ mask
}

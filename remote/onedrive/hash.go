package onedrive

import (
	"crypto/subtle"
	"encoding/binary"
)

const (
	hashSize = 20  // of QuickXorHash, bytes
	shift    = 11  // between the places of two bytes, bits
	turn     = 160 // bytes, after which they meet the same places again: as many as the hash has bits
)

// quickXor is Microsoft's QuickXorHash: each byte is XORed into the hash shift bits further on than the byte before, in
// a circle, and the length into its last eight bytes. It shows damage by accident, and nothing that somebody did.
func quickXor(data []byte) []byte {
	var places [turn]byte
	length := uint64(len(data))
	for len(data) > 0 {
		n := min(len(data), turn)
		subtle.XORBytes(places[:n], places[:n], data[:n])
		data = data[n:]
	}
	hash := make([]byte, hashSize)
	for i, b := range places {
		at := i * shift % (8 * hashSize)
		two := uint16(b) << (at % 8)
		hash[at/8] ^= byte(two)
		hash[(at/8+1)%hashSize] ^= byte(two >> 8)
	}
	end := hash[hashSize-8:]
	binary.LittleEndian.PutUint64(end, binary.LittleEndian.Uint64(end)^length)
	return hash
}

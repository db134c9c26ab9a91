package format

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/zeebo/blake3"
)

// EpochState says what an epoch's objects are worth (docs/format.md, chapter 4).
type EpochState byte

const (
	EpochCurrent EpochState = 0 // new objects are written under it
	EpochClosed  EpochState = 1 // its objects count as far as a closing list names them
	EpochPublic  EpochState = 2 // its secret was once in the clear: its objects are only deleted
)

// Epoch is a 32-byte secret with all keys that derive from it. It has no
// printable form.
type Epoch struct {
	secret      [32]byte
	began       int64 // Unix seconds
	State       EpochState
	ids         *macKey // under chunkIDKey
	nameKey     []byte
	names       *macKey // under nameKey
	chunkIDKey  []byte
	chunkerKey  []byte
	cuts        *macKey // under chunkerKey
	packKey     []byte
	indexKey    []byte
	snapshotKey []byte
	pruneKey    []byte
}

// String hides the secret; so do all verbs of fmt.
func (*Epoch) String() string { return "format.Epoch(hidden)" }

// Format implements fmt.Formatter and hides the secret.
func (*Epoch) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("format.Epoch(hidden)")) }

// RepositoryID is the public random identity of a repository.
type RepositoryID [32]byte

// NewSecret returns 32 random bytes.
func NewSecret() (s [32]byte) {
	if _, err := rand.Read(s[:]); err != nil {
		panic(fmt.Sprintf("repo: crypto/rand: %v", err)) // documented never to fail
	}
	return s
}

// NewEpoch derives the keys of chapter 2 from a secret.
func NewEpoch(id RepositoryID, secret [32]byte, began int64) *Epoch {
	derive := func(label string) []byte { return hkdfKey(secret[:], id[:], label) }
	nameKey, chunkerKey, chunkIDKey := derive(labelName), derive(labelChunker), derive(labelChunkID)
	return &Epoch{
		secret:      secret,
		began:       began,
		nameKey:     nameKey,
		names:       newMACKey(nameKey),
		chunkIDKey:  chunkIDKey,
		ids:         newMACKey(chunkIDKey),
		chunkerKey:  chunkerKey,
		cuts:        newMACKey(chunkerKey),
		packKey:     derive(labelPack),
		indexKey:    derive(labelIndex),
		snapshotKey: derive(labelSnapshot),
		pruneKey:    derive(labelPrune),
	}
}

// Cut hashes what decides where writers cut (docs/format.md, chapters 5 and 9).
func (e *Epoch) Cut(message []byte) [32]byte { return e.cuts.sum(message) }

// CutAfter reports whether gathered files are cut after this one, so that a cut
// comes about every average bytes (docs/format.md, chapter 5).
func (e *Epoch) CutAfter(name string, size, average int64) bool {
	m := e.Cut(appendUvarint(appendBytes(nil, name), uint64(size)))
	return uint64(binary.BigEndian.Uint32(m[:]))*uint64(average) < uint64(size)<<32
}

// ChunkerKey is the key of FastCDC's gear table.
func (e *Epoch) ChunkerKey() []byte { return e.chunkerKey }

// Public is the protection of a repository whose epoch's secret stands in the clear.
func (e *Epoch) Public() Guard {
	return Guard{Protection: ProtectionNone, Epoch: hex.EncodeToString(e.secret[:])}
}

// Equal reports whether both have one secret.
func (e *Epoch) Equal(o *Epoch) bool { return e.secret == o.secret }

// As returns the epoch in another state.
func (e *Epoch) As(state EpochState) *Epoch {
	other := *e
	other.State = state
	return &other
}

// SeenID names the epoch in what a computer remembers. It tells nothing of the secret.
func (e *Epoch) SeenID(id RepositoryID) [32]byte {
	return [32]byte(hkdfKey(e.secret[:], id[:], labelSeen))
}

// wrote reports whether content stands under its id: the keyed hash of the epoch whose pack holds it.
func (e *Epoch) wrote(id ID, content []byte) bool { return e.ids.sum(content) == id }

// GivenUpID names the epoch where a change to it is given up.
func (e *Epoch) GivenUpID(id RepositoryID) [32]byte {
	return [32]byte(hkdfKey(e.secret[:], id[:], labelGivenUp))
}

// hkdfKey is HKDF-SHA-256 (RFC 5869) with 32 bytes of output.
func hkdfKey(ikm, salt []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, ikm, salt, info, 32)
	if err != nil {
		panic(fmt.Sprintf("repo: hkdf: %v", err)) // only for outputs over 8,160 bytes
	}
	return k
}

// macKey computes keyed BLAKE3 with 32 bytes of output, for any number of goroutines. It keeps
// its hashers, of ten kilobytes each: names are checked by the hundred thousand.
type macKey struct{ hashers sync.Pool }

func newMACKey(key []byte) *macKey {
	return &macKey{sync.Pool{New: func() any { return newKeyed(key) }}}
}

func newKeyed(key []byte) *blake3.Hasher {
	h, err := blake3.NewKeyed(key)
	if err != nil {
		panic(fmt.Sprintf("repo: blake3: %v", err)) // only for keys that are not 32 bytes
	}
	return h
}

func (k *macKey) sum(message []byte) (sum [32]byte) {
	h := k.hashers.Get().(*blake3.Hasher)
	h.Reset()
	_, _ = h.Write(message)
	h.Sum(sum[:0])
	k.hashers.Put(h)
	return sum
}

// objectAEAD returns the cipher of one object.
func (e *Epoch) objectAEAD(kind ObjectKind, n Name) cipher.AEAD {
	secret := e.packKey
	switch kind {
	case KindIndex:
		secret = e.indexKey
	case KindSnapshot:
		secret = e.snapshotKey
	case KindMark, KindPending, KindRemoval, KindPin, KindClosing:
		secret = e.pruneKey
	}
	return newAEAD(hkdfKey(secret, n[:], labelObject))
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("repo: aes: %v", err)) // only for bad key lengths
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("repo: gcm: %v", err))
	}
	return aead
}

// nonce is eight zero bytes and the ordinal (docs/format.md, chapter 1).
func nonce(ordinal uint32) []byte {
	var n [12]byte
	binary.BigEndian.PutUint32(n[8:], ordinal)
	return n[:]
}

// Hasher computes chunk ids of one epoch. It is not safe for concurrent use.
type Hasher struct{ h *blake3.Hasher }

// NewHasher returns a hasher of the epoch's chunk ids.
func (e *Epoch) NewHasher() *Hasher { return &Hasher{newKeyed(e.chunkIDKey)} }

// ID returns the id of a chunk with this content.
func (h *Hasher) ID(content []byte) (id ID) {
	h.h.Reset()
	_, _ = h.h.Write(content)
	h.h.Sum(id[:0])
	return id
}

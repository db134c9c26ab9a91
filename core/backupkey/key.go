package backupkey

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Size is the length of a backup key in bytes.
const Size = 32

var (
	// ErrSize: a key was to be made from a number of bytes other than Size.
	ErrSize = errors.New("a backup key has 32 bytes")
	// ErrHidden is what encoders get that meet a key: it must not be written
	// by accident, and a placeholder in its stead would lose it.
	ErrHidden = errors.New("a backup key is not encoded")
)

const hidden = "backupkey.Key(hidden)"

// Key is a backup key. It may be used by several goroutines at once, except
// for Clear, which must come after all use. Only keys made by New, FromBytes,
// Parse or Repair work: methods that need the bytes panic on a zero or a
// cleared key, since the alternative is to encrypt under a key that everybody
// knows.
type Key struct {
	// fmt looks into unexported fields of foreign structs by reflection and
	// calls no methods there. It follows one pointer for a verb that does not
	// fit, but of a pointer to a pointer it never prints more than an address.
	bytes **[Size]byte
}

func newKey() *Key {
	b := new([Size]byte)
	return &Key{bytes: &b}
}

// New makes a random key. The error is that of the system's random source;
// current systems have none.
func New() (*Key, error) {
	k := newKey()
	if _, err := rand.Read(k.raw()[:]); err != nil {
		return nil, fmt.Errorf("make a backup key: %w", err)
	}
	return k, nil
}

// FromBytes makes a key from 32 bytes, which it copies; the caller clears b.
// Any other length gives ErrSize.
func FromBytes(b []byte) (*Key, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("%w, not %d", ErrSize, len(b))
	}
	k := newKey()
	copy(k.raw()[:], b)
	return k, nil
}

// Bytes returns a copy of the 32 bytes; the caller clears it.
func (k *Key) Bytes() []byte {
	return append(make([]byte, 0, Size), k.raw()[:]...)
}

// Clear overwrites the key and makes all copies of it unusable. It may be
// called more than once, and on nil.
func (k *Key) Clear() {
	if k == nil || k.bytes == nil || *k.bytes == nil {
		return
	}
	clear((*k.bytes)[:])
	*k.bytes = nil
}

// Equal compares in constant time.
func (k *Key) Equal(other *Key) bool {
	return subtle.ConstantTimeCompare(k.raw()[:], other.raw()[:]) == 1
}

// Derive returns n bytes of HKDF-SHA-256 with K as input keying material, the
// given salt (nil: none) and the label as info. Equal arguments give equal
// bytes; the caller clears them. n is 1 to 8160: it is a constant of the
// caller's design, so anything else panics.
func (k *Key) Derive(label Label, salt []byte, n int) []byte {
	if n < 1 {
		panic("backupkey: Derive of no bytes")
	}
	b, err := hkdf.Key(sha256.New, k.raw()[:], salt, string(label), n)
	if err != nil {
		panic("backupkey: " + err.Error())
	}
	return b
}

func (k *Key) raw() *[Size]byte {
	if k == nil || k.bytes == nil || *k.bytes == nil {
		panic("backupkey: use of a zero or cleared key")
	}
	return *k.bytes
}

// The methods below keep the digits out of whatever prints, logs or encodes.
// They have value receivers, so that they hold for Key and *Key alike.

// String returns a placeholder.
func (k Key) String() string { return hidden }

// GoString returns a placeholder.
func (k Key) GoString() string { return hidden }

// Format writes a placeholder for every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) } // fmt.State has no one to tell

// LogValue returns a placeholder.
func (k Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText always gives ErrHidden.
func (k Key) MarshalText() ([]byte, error) { return nil, ErrHidden }

// MarshalJSON always gives ErrHidden.
func (k Key) MarshalJSON() ([]byte, error) { return nil, ErrHidden }

// MarshalBinary always gives ErrHidden.
func (k Key) MarshalBinary() ([]byte, error) { return nil, ErrHidden }

package repo

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// ID identifies a chunk: the keyed BLAKE3 hash of its content.
type ID [32]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Name is the name of a pack, an index or a snapshot: 24 random bytes and a
// tag that only holders of the epoch can compute (docs/format.md, chapter 2).
type Name [32]byte

// String returns 64 hexadecimal digits.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// MarshalText writes 64 hexadecimal digits.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads them.
func (n *Name) UnmarshalText(b []byte) error {
	parsed, ok := parseName(string(b))
	if !ok {
		return fmt.Errorf("not a name: %q", b)
	}
	*n = parsed
	return nil
}

// objectKind is the kind of a named object; the value goes into the name's tag.
type objectKind byte

const (
	kindPack     objectKind = 1
	kindIndex    objectKind = 2
	kindSnapshot objectKind = 3
	kindMark     objectKind = 4
	kindPending  objectKind = 5
	kindRemoval  objectKind = 6
	kindPin      objectKind = 7
	kindClosing  objectKind = 8
)

// kinds are all kinds, in the order in which an epoch's objects are deleted:
// what is half gone must not look like a backup.
var kinds = []objectKind{kindSnapshot, kindPin, kindPending, kindMark, kindRemoval, kindIndex, kindPack, kindClosing}

// kindWords are each kind's name in associated data, and its folder.
var kindWords = [...]struct{ name, folder string }{
	kindPack: {"pack", "packs/"}, kindIndex: {"index", "indexes/"}, kindSnapshot: {"snapshot", "snapshots/"},
	kindMark: {"mark", "marks/"}, kindPending: {"pending", "pending/"}, kindRemoval: {"removal", "removed/"}, kindPin: {"pin", "pins/"},
	kindClosing: {"closing", "closings/"},
}

func (k objectKind) String() string { return kindWords[k].name }

func (k objectKind) prefix() string { return kindWords[k].folder }

// path returns the object's name at the destination.
func (k objectKind) path(n Name) string {
	s := n.String()
	if k == kindPack {
		return "packs/" + s[:2] + "/" + s
	}
	return k.prefix() + s
}

// parsePath returns the name in an object's path, or false for a path that no
// writer of this format makes.
func (k objectKind) parsePath(path string) (Name, bool) {
	s, ok := strings.CutPrefix(path, k.prefix())
	if !ok {
		return Name{}, false
	}
	if k == kindPack {
		folder, rest, ok := strings.Cut(s, "/")
		if !ok || len(rest) < 2 || folder != rest[:2] {
			return Name{}, false
		}
		s = rest
	}
	return parseName(s)
}

// ParseName reads 64 hexadecimal digits in lower case.
func ParseName(s string) (Name, bool) { return parseName(s) }

func parseName(s string) (n Name, ok bool) {
	if len(s) != 2*len(n) || strings.ToLower(s) != s {
		return n, false
	}
	_, err := hex.Decode(n[:], []byte(s))
	return n, err == nil
}

// newName returns a fresh name of the epoch.
func (e *Epoch) newName(kind objectKind) Name {
	var n Name
	if _, err := rand.Read(n[:24]); err != nil {
		panic(fmt.Sprintf("repo: crypto/rand: %v", err)) // documented never to fail
	}
	tag := e.nameTag(kind, n)
	copy(n[24:], tag[:])
	return n
}

// owns tells whether the epoch made this name for this kind of object.
func (e *Epoch) owns(kind objectKind, n Name) bool {
	tag := e.nameTag(kind, n)
	return subtle.ConstantTimeCompare(tag[:], n[24:]) == 1
}

func (e *Epoch) nameTag(kind objectKind, n Name) (tag [8]byte) {
	var m [25]byte
	m[0] = byte(kind)
	copy(m[1:], n[:24])
	full := e.names.sum(m[:])
	copy(tag[:], full[:])
	return tag
}

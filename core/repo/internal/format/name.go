package format

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// ID identifies a chunk: the keyed BLAKE3 hash of its content.
type ID [32]byte

// String returns 64 hexadecimal digits.
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

// ObjectKind is the kind of a named object; the value goes into the name's tag.
type ObjectKind byte

const (
	KindPack     ObjectKind = 1
	KindIndex    ObjectKind = 2
	KindSnapshot ObjectKind = 3
	KindMark     ObjectKind = 4
	KindPending  ObjectKind = 5
	KindRemoval  ObjectKind = 6
	KindPin      ObjectKind = 7
	KindClosing  ObjectKind = 8
)

// Kinds are all kinds, in the order in which an epoch's objects are deleted:
// what is half gone must not look like a backup.
var Kinds = []ObjectKind{KindSnapshot, KindPin, KindPending, KindMark, KindRemoval, KindIndex, KindPack, KindClosing}

// kindWords are each kind's name in associated data, and its folder.
var kindWords = [...]struct{ name, folder string }{
	KindPack: {"pack", "packs/"}, KindIndex: {"index", "indexes/"}, KindSnapshot: {"snapshot", "snapshots/"},
	KindMark: {"mark", "marks/"}, KindPending: {"pending", "pending/"}, KindRemoval: {"removal", "removed/"}, KindPin: {"pin", "pins/"},
	KindClosing: {"closing", "closings/"},
}

// String returns the kind's name in associated data.
func (k ObjectKind) String() string { return kindWords[k].name }

// Prefix returns the folder of the kind, with a slash at its end.
func (k ObjectKind) Prefix() string { return kindWords[k].folder }

// Path returns the object's name at the destination.
func (k ObjectKind) Path(n Name) string {
	s := n.String()
	if k == KindPack {
		return "packs/" + s[:2] + "/" + s
	}
	return k.Prefix() + s
}

// ParsePath returns the name in an object's path, or false for a path that no
// writer of this format makes.
func (k ObjectKind) ParsePath(path string) (Name, bool) {
	s, ok := strings.CutPrefix(path, k.Prefix())
	if !ok {
		return Name{}, false
	}
	if k == KindPack {
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

// NewName returns a fresh name of the epoch.
func (e *Epoch) NewName(kind ObjectKind) Name {
	var n Name
	if _, err := rand.Read(n[:24]); err != nil {
		panic(fmt.Sprintf("repo: crypto/rand: %v", err)) // documented never to fail
	}
	tag := e.nameTag(kind, n)
	copy(n[24:], tag[:])
	return n
}

// Owns reports whether the epoch made this name for this kind of object.
func (e *Epoch) Owns(kind ObjectKind, n Name) bool {
	tag := e.nameTag(kind, n)
	return subtle.ConstantTimeCompare(tag[:], n[24:]) == 1
}

func (e *Epoch) nameTag(kind ObjectKind, n Name) (tag [8]byte) {
	var m [25]byte
	m[0] = byte(kind)
	copy(m[1:], n[:24])
	full := e.names.sum(m[:])
	copy(tag[:], full[:])
	return tag
}

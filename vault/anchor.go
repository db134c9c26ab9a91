package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// An anchor is base64url of 8 bytes of commit number, 18 of MAC over number and
// digest, and 4 of CRC-32 (IEEE) over those 26, big-endian: a text that a crash cut
// or mixed with the one before is told from a whole one without any key.
const (
	anchorChars = 40
	anchorMAC   = 18
)

// anchorOf is what the token shows when this head is the newest.
func (k *storageKeys) anchorOf(h head) string {
	b := append(binary.BigEndian.AppendUint64(nil, h.number), k.anchorTag(h)[:anchorMAC]...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// firstAnchorOf is the anchor by docs/adr/0011, which had no checksum. It is read, never written.
func (k *storageKeys) firstAnchorOf(h head) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, h.number), k.anchorTag(h)[:22]...))
}

func (k *storageKeys) anchorTag(h head) []byte {
	m := hmac.New(sha256.New, k.anchor)
	m.Write(binary.BigEndian.AppendUint64(nil, h.number))
	m.Write(h.sum.bytes())
	return m.Sum(nil)
}

// anchorNumber returns the commit number that an anchor of either kind names, 0 if it is none.
func anchorNumber(anchor string) uint64 {
	b, err := base64.RawURLEncoding.DecodeString(anchor)
	if err != nil || len(b) != 30 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// wholeAnchor tells an anchor by its checksum.
func wholeAnchor(anchor string) bool {
	b, err := base64.RawURLEncoding.DecodeString(anchor)
	return err == nil && len(b) == 30 && crc32.ChecksumIEEE(b[:26]) == binary.BigEndian.Uint32(b[26:])
}

// shown is what the token shows.
type shown struct {
	anchor string // the newest; "" if there is none yet
	next   int    // the place that the next one goes to
}

// readAnchor returns the newest anchor on the token. The places are written
// in turns, so a write that a crash broke was that of the other one.
func readAnchor(ctx context.Context, h HSM) (shown, error) {
	places, err := h.Anchors(ctx)
	if err != nil {
		return shown{}, err
	}
	var s shown
	for place, a := range places {
		if wholeAnchor(a) && anchorNumber(a) >= anchorNumber(s.anchor) {
			s = shown{a, (place + 1) % hsm.Anchors}
		}
	}
	if s.anchor != "" {
		return s, nil
	}
	// A new vault, or one from before docs/adr/0014, anchored in the label of its newest storage key that has one.
	storages, err := h.Storages(ctx)
	if err != nil {
		return shown{}, err
	}
	for _, one := range storages {
		if one.Anchor != "" {
			s.anchor = one.Anchor
		}
	}
	return s, nil
}

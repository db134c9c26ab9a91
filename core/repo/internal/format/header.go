package format

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// HeaderVersion is the version that writers write. A header of version 1 names a keyring of version 1 (docs/adr/0020).
const HeaderVersion = 2

// HeaderPath is the name of the one object that is ever replaced.
const HeaderPath = "holdfast.json"

// Protection says who can open a repository.
type Protection string

// The protections of chapter 3.
const (
	ProtectionNone Protection = "none"
	ProtectionKey  Protection = "key"
)

// Guard is one way a repository is, or is about to be, protected.
type Guard struct {
	Protection Protection `json:"protection"`
	KeyID      string     `json:"key_id,omitempty"`
	Keyring    uint32     `json:"keyring,omitempty"`
	Epoch      string     `json:"epoch,omitempty"`
}

func (g Guard) valid() bool {
	switch g.Protection {
	case ProtectionKey:
		_, err := backupkey.ParseID(g.KeyID)
		return err == nil && g.Keyring > 0 && g.Keyring <= MaxKeyring && g.Epoch == ""
	case ProtectionNone:
		_, ok := ParseHex32(g.Epoch)
		return ok && g.KeyID == "" && g.Keyring == 0
	}
	return false
}

// Header is holdfast.json (docs/format.md, chapter 3).
type Header struct {
	Format     string `json:"format"`
	Version    int    `json:"version"`
	Repository string `json:"repository"`
	Guard
	Next      *Guard          `json:"next,omitempty"`
	VaultCard json.RawMessage `json:"vault_card,omitempty"`
	Seal      string          `json:"seal"`
}

// ID returns the repository's identity.
func (h *Header) ID() RepositoryID {
	id, _ := ParseHex32(h.Repository)
	return id
}

// ParseHex32 reads 64 hexadecimal digits in lower case.
func ParseHex32(s string) (out [32]byte, ok bool) {
	n, good := parseName(s)
	return n, good
}

// SameEpochs reports whether both name the same protection and epochs, also to come.
func (h *Header) SameEpochs(o *Header) bool {
	if (h.Next == nil) != (o.Next == nil) || h.Next != nil && *h.Next != *o.Next {
		return false
	}
	return h.Guard == o.Guard
}

// Encode returns the header in canonical form.
func (h *Header) Encode() []byte {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("repo: header: %v", err)) // only for an invalid vault card, which parse and set refuse
	}
	return append(b, '\n')
}

// sealKey returns the header key of the header's protection; k may be nil
// for one without encryption.
func (h *Header) sealKey(k *backupkey.Key) []byte {
	id := h.ID()
	if h.Protection == ProtectionKey {
		return k.Derive(backupkey.LabelHeaderSeal, id[:], 32)
	}
	secret, _ := ParseHex32(h.Epoch)
	return hkdfKey(secret[:], id[:], labelHeaderSeal)
}

func (h *Header) computeSeal(k *backupkey.Key) []byte {
	bare := *h
	bare.Seal = ""
	m := hmac.New(sha256.New, h.sealKey(k))
	_, _ = m.Write(bare.Encode())
	return m.Sum(nil)
}

// SetSeal seals the header with its protection's key; k is nil for one without encryption.
func (h *Header) SetSeal(k *backupkey.Key) { h.Seal = hex.EncodeToString(h.computeSeal(k)) }

// CheckSeal proves to a holder of K that a holder of K wrote the header.
func (h *Header) CheckSeal(k *backupkey.Key) error {
	got, err := hex.DecodeString(h.Seal)
	if err != nil || !hmac.Equal(got, h.computeSeal(k)) {
		return fmt.Errorf("%w: %s was changed", ErrDamaged, HeaderPath)
	}
	return nil
}

// maxCard is how long a vault card may be, bytes.
const maxCard = 16 << 10

// CheckCard refuses what a header cannot hold as a vault card.
func CheckCard(card []byte) error {
	if card == nil {
		return nil
	}
	if t := bytes.TrimSpace(card); len(card) > maxCard || !json.Valid(card) || t[0] != '{' {
		return errors.New("a vault card is a JSON object of at most 16 KiB")
	}
	return nil
}

// ParseHeader decodes a header; its seal is not checked yet.
func ParseHeader(b []byte) (*Header, error) {
	var probe struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &probe); err != nil || probe.Format != HeaderFormat {
		return nil, fmt.Errorf("%w: %s is not one of ours", ErrNotRepository, HeaderPath)
	}
	if probe.Version > HeaderVersion {
		return nil, fmt.Errorf("%w: format %d", ErrNewerFormat, probe.Version)
	}
	var h Header
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, HeaderPath, err)
	}
	_, ok := ParseHex32(h.Repository)
	_, sealed := ParseHex32(h.Seal)
	switch {
	case h.Version < 1, !ok, !sealed, !h.valid(), h.Next != nil && !h.Next.valid():
		return nil, fmt.Errorf("%w: %s has a bad value", ErrDamaged, HeaderPath)
	case !bytes.Equal(h.Encode(), b):
		return nil, fmt.Errorf("%w: %s is not in canonical form", ErrDamaged, HeaderPath)
	}
	return &h, nil
}

// Facts is what anybody who sees the destination can tell about a repository.
type Facts struct {
	Repository string // 64 hex digits
	Protection Protection
	KeyID      backupkey.ID // zero without encryption
	// Changing: a change of protection is under way; NextKeyID is the key to come, if any.
	Changing  bool
	NextKeyID backupkey.ID
	// VaultCard is the public card of the vault that holds the key, JSON; nil
	// without one. Only a repository that was opened with its key vouches for it.
	VaultCard []byte
}

// Facts returns what the header says.
func (h *Header) Facts() Facts {
	f := Facts{Repository: h.Repository, Protection: h.Protection, VaultCard: bytes.Clone(h.VaultCard)}
	f.KeyID, _ = backupkey.ParseID(h.KeyID) // absent without encryption
	if h.Next != nil {
		f.Changing = true
		f.NextKeyID, _ = backupkey.ParseID(h.Next.KeyID)
	}
	return f
}

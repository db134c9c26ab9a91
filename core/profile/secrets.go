package profile

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/privatefile"
)

// ErrSecretsDamaged: the sealed secrets do not open with the device key.
var ErrSecretsDamaged = errors.New("the sealed secrets cannot be opened")

// Secrets are the keys that scheduled work needs. Clear them after use.
type Secrets struct {
	// Key is the backup key in use, 32 bytes; nil without encryption.
	Key []byte `json:"key,omitempty"`
	// Next is a key that is being put to use: it is kept before the
	// destination learns of it, so that no crash can lose it.
	Next []byte `json:"next,omitempty"`
}

// Clear overwrites the keys; best effort, as everywhere in Go.
func (s *Secrets) Clear() {
	clear(s.Key)
	clear(s.Next)
}

// The file: a magic, a random nonce, and JSON sealed with AES-256-GCM under
// the device key, the magic and the profile's id as associated data.
const secretsMagic = "holdfast secrets 1\n"

func (p *Profile) secretsPath() string { return filepath.Join(p.dir, "secrets") }

// Secrets opens the sealed secrets; empty ones when there are none.
// Errors: ErrSecretsDamaged, those of the keyring.
func (p *Profile) Secrets(ctx context.Context) (*Secrets, error) {
	b, err := os.ReadFile(p.secretsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return &Secrets{}, nil
	}
	if err != nil {
		return nil, err
	}
	device, err := p.ring().Get(ctx, p.Settings().ID)
	if err != nil {
		return nil, err
	}
	defer clear(device)
	aead, err := newAEAD(device)
	if err != nil {
		return nil, err
	}
	n := len(secretsMagic)
	if len(b) < n+aead.NonceSize() || string(b[:n]) != secretsMagic {
		return nil, ErrSecretsDamaged
	}
	plain, err := aead.Open(nil, b[n:n+aead.NonceSize()], b[n+aead.NonceSize():], p.secretsAAD())
	if err != nil {
		return nil, ErrSecretsDamaged
	}
	defer clear(plain)
	s := &Secrets{}
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, ErrSecretsDamaged
	}
	return s, nil
}

// SetSecrets seals and saves secrets, making a device key at the first time.
func (p *Profile) SetSecrets(ctx context.Context, s *Secrets) error {
	id := p.Settings().ID
	// The id must be on disk before the keyring refers to it.
	if err := p.Update(func(*Settings) {}); err != nil {
		return err
	}
	device, err := p.ring().Get(ctx, id)
	if errors.Is(err, keyring.ErrNotFound) {
		if _, statErr := os.Stat(p.secretsPath()); statErr == nil {
			return err // never seal over secrets that another device key holds
		}
		device = make([]byte, keyring.Size)
		_, _ = rand.Read(device) // documented never to fail
		err = p.ring().Set(ctx, id, device)
	}
	if err != nil {
		return err
	}
	defer clear(device)
	aead, err := newAEAD(device)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(plain)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // documented never to fail
	sealed := append([]byte(secretsMagic), nonce...)
	return privatefile.Replace(p.secretsPath(), aead.Seal(sealed, nonce, plain, p.secretsAAD()))
}

func (p *Profile) secretsAAD() []byte { return []byte(secretsMagic + p.Settings().ID) }

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keyring.Size {
		return nil, fmt.Errorf("%w: a device key has %d bytes", keyring.ErrMalformed, keyring.Size)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

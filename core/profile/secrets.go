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
	"maps"
	"os"
	"path/filepath"
	"slices"

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

// A sealed file: a magic, a random nonce, and JSON sealed with AES-256-GCM under
// the device key, the magic and the profile's id as associated data.
type sealedFile struct{ name, magic string }

var (
	secretsFile = sealedFile{"secrets", "holdfast secrets 1\n"}
	placesFile  = sealedFile{"places", "holdfast places 1\n"}
)

func (p *Profile) pathOf(f sealedFile) string { return filepath.Join(p.dir, f.name) }

// Secrets opens the sealed secrets; empty ones when there are none.
// Errors: ErrSecretsDamaged, those of the keyring.
func (p *Profile) Secrets(ctx context.Context) (*Secrets, error) {
	s := &Secrets{}
	if err := p.unseal(ctx, secretsFile, s); err != nil {
		return nil, err
	}
	return s, nil
}

// SetSecrets seals and saves secrets, making a device key at the first time.
func (p *Profile) SetSecrets(ctx context.Context, s *Secrets) error {
	return p.seal(ctx, secretsFile, s)
}

// PlaceSecret opens what is kept for a place; nil: nothing is.
// Errors: ErrSecretsDamaged, those of the keyring.
func (p *Profile) PlaceSecret(ctx context.Context, place string) (map[string]string, error) {
	all := make(map[string]map[string]string)
	if err := p.unseal(ctx, placesFile, &all); err != nil {
		return nil, err
	}
	return all[place], nil
}

// SetPlaceSecret keeps what opens a place, sealed; nil forgets it.
func (p *Profile) SetPlaceSecret(ctx context.Context, place string, secret map[string]string) error {
	p.placesMu.Lock()
	defer p.placesMu.Unlock()
	all := make(map[string]map[string]string)
	if err := p.unseal(ctx, placesFile, &all); err != nil {
		return err
	}
	if maps.Equal(all[place], secret) {
		return nil
	}
	if secret == nil {
		delete(all, place)
	} else {
		all[place] = secret
	}
	return p.seal(ctx, placesFile, all)
}

// unseal reads a sealed file into v, which stays as it is when there is none.
func (p *Profile) unseal(ctx context.Context, f sealedFile, v any) error {
	b, err := os.ReadFile(p.pathOf(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	device, err := p.ring().Get(ctx, p.Settings().ID)
	if err != nil {
		return err
	}
	defer clear(device)
	aead, err := newAEAD(device)
	if err != nil {
		return err
	}
	n := len(f.magic)
	if len(b) < n+aead.NonceSize() || string(b[:n]) != f.magic {
		return ErrSecretsDamaged
	}
	plain, err := aead.Open(nil, b[n:n+aead.NonceSize()], b[n+aead.NonceSize():], p.aad(f))
	if err != nil {
		return ErrSecretsDamaged
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, v); err != nil {
		return ErrSecretsDamaged
	}
	return nil
}

// seal writes a sealed file, making a device key at the first time.
func (p *Profile) seal(ctx context.Context, f sealedFile, v any) error {
	id := p.Settings().ID
	// The id must be on disk before the keyring refers to it.
	if err := p.Update(func(*Settings) {}); err != nil {
		return err
	}
	device, err := p.ring().Get(ctx, id)
	if errors.Is(err, keyring.ErrNotFound) {
		if p.sealed() {
			return err // never seal beside secrets that another device key holds
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
	plain, err := json.Marshal(v)
	if err != nil {
		return err
	}
	defer clear(plain)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // documented never to fail
	sealed := append([]byte(f.magic), nonce...)
	return privatefile.Replace(p.pathOf(f), aead.Seal(sealed, nonce, plain, p.aad(f)))
}

// sealed reports whether a file is sealed under the device key.
func (p *Profile) sealed() bool {
	return slices.ContainsFunc([]sealedFile{secretsFile, placesFile}, func(f sealedFile) bool {
		_, err := os.Lstat(p.pathOf(f))
		return err == nil
	})
}

func (p *Profile) aad(f sealedFile) []byte { return []byte(f.magic + p.Settings().ID) }

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

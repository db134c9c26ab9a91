package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/bytemare/ecc"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/store"
)

const (
	valueFormat = 1
	valueHeader = 1 + 4 + 12 // format, generation, nonce
	gcmOverhead = 16
)

// storagePoint is the fixed point that storage secrets are derived with. Its
// logarithm is unknown, so a storage secret does not follow from any public
// key, nor from any evaluation of another scalar.
var storagePoint = sync.OnceValue(func() opaque.Point {
	p, err := opaque.ParsePoint(ecc.P256Sha256.HashToGroup([]byte(labelStoragePoint), []byte(dstStoragePoint)).Encode())
	if err != nil {
		panic("vault: " + err.Error())
	}
	return p
})

// storageKeys are the three keys under the storage scalar of one generation.
type storageKeys struct {
	generation     uint32
	seal           cipher.AEAD
	digest, anchor []byte
}

func deriveStorageKeys(ctx context.Context, h HSM, generation uint32) (*storageKeys, error) {
	secret, err := h.StorageSecret(ctx, generation, storagePoint())
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return storageKeysOf(generation, secret), nil
}

func storageKeysOf(generation uint32, secret []byte) *storageKeys {
	seal := derive(secret, labelRecordSeal)
	defer clear(seal)
	return &storageKeys{generation, newGCM(seal), derive(secret, labelDigest), derive(secret, labelAnchor)}
}

// chooseStorageKeys is deriveStorageKeys for a generation that has several keys on the token: the one that opens
// a value of the store was used, and the others are destroyed. nil: none opens it.
func chooseStorageKeys(ctx context.Context, h HSM, generation uint32, opens func(*storageKeys) bool) (*storageKeys, error) {
	secrets, err := h.StorageSecrets(ctx, generation, storagePoint())
	if err != nil {
		return nil, err
	}
	for _, secret := range secrets {
		defer clear(secret)
		if k := storageKeysOf(generation, secret); opens(k) {
			return k, h.KeepStorage(ctx, generation, storagePoint(), secret)
		}
	}
	return nil, nil
}

func (k *storageKeys) clear() { clear(k.digest); clear(k.anchor) }

func derive(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label, 32)
	if err != nil {
		panic("vault: " + err.Error()) // lengths are constants
	}
	return key
}

func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vault: " + err.Error()) // keys have 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("vault: " + err.Error())
	}
	return gcm
}

func (k *storageKeys) associated(label string, key store.Key) []byte {
	b := append([]byte(label), key[:]...)
	return binary.BigEndian.AppendUint32(b, k.generation)
}

// sealValue encrypts what the store keeps under key.
func (k *storageKeys) sealValue(label string, key store.Key, plain []byte) []byte {
	b := make([]byte, valueHeader, valueHeader+len(plain)+gcmOverhead)
	b[0] = valueFormat
	binary.BigEndian.PutUint32(b[1:], k.generation)
	_, _ = rand.Read(b[5:valueHeader]) // never fails since Go 1.24
	return k.seal.Seal(b, b[5:valueHeader], plain, k.associated(label, key))
}

var errSeal = errors.New("cannot be decrypted")

// valueGeneration returns the generation of a stored value.
func valueGeneration(value []byte) (uint32, error) {
	if len(value) < valueHeader+gcmOverhead || value[0] != valueFormat {
		return 0, fmt.Errorf("%w: it is not a sealed value", errSeal)
	}
	return binary.BigEndian.Uint32(value[1:]), nil
}

func (k *storageKeys) openValue(label string, key store.Key, value []byte) ([]byte, error) {
	plain, err := k.seal.Open(nil, value[5:valueHeader], value[valueHeader:], k.associated(label, key))
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

// summand is the part of one stored pair in the digest.
func (k *storageKeys) summand(key store.Key, value []byte) digest {
	h := hmac.New(sha256.New, k.digest)
	h.Write(key[:])
	h.Write(value)
	return digestFrom(h.Sum(nil))
}

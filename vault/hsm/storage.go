package hsm

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// Storage is a storage scalar on the token.
type Storage struct {
	Generation uint32 // from 1
	// Anchor is the label of its private key, "" if that is the key's name. Only
	// vaults from before docs/adr/0014 have one here; it is never written.
	Anchor string
	// Doubles is how many further private keys have this name: what two rotations at once left, in versions
	// that let them.
	Doubles int
}

func (h *HSM) storageName(generation uint32) string {
	return fmt.Sprintf("%s%08d", h.storagePrefix, generation)
}

// generation is 0 for names that are not of storage keys.
func (h *HSM) generation(name string) uint32 {
	digits, ok := strings.CutPrefix(name, h.storagePrefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || h.storageName(uint32(n)) != name {
		return 0
	}
	return uint32(n)
}

// Storages returns the storage scalars on the token, oldest first, each once.
func (h *HSM) Storages(ctx context.Context) ([]Storage, error) {
	all, err := with(ctx, h.token, forAccounts, func(s session) ([]Storage, error) {
		var all []Storage
		objects, err := s.findAll(pkcs11.CKO_PRIVATE_KEY)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if g := h.generation(o.id); g > 0 {
				all = append(all, Storage{g, strings.TrimPrefix(o.label, o.id), 0})
			}
		}
		return all, nil
	})
	slices.SortFunc(all, func(a, b Storage) int { return cmp.Compare(a.Generation, b.Generation) })
	var once []Storage
	for _, s := range all {
		if last := len(once) - 1; last >= 0 && once[last].Generation == s.Generation {
			once[last].Doubles++
			continue
		}
		once = append(once, s)
	}
	return once, err
}

// StorageSecrets is StorageSecret for each key that has the name of the generation, in the token's order.
func (h *HSM) StorageSecrets(ctx context.Context, generation uint32, p opaque.Point) ([][]byte, error) {
	return with(ctx, h.token, forAccounts, func(s session) ([][]byte, error) {
		handles, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_ID, h.storageName(generation)))
		if err != nil {
			return nil, err
		}
		var all [][]byte
		for _, key := range handles {
			x, err := deriveWith(s.module, s.handle, key, p)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
		return all, nil
	})
}

// KeepStorage destroys the keys that have the name of the generation but one: that whose StorageSecret with p is x.
func (h *HSM) KeepStorage(ctx context.Context, generation uint32, p opaque.Point, x []byte) error {
	name := h.storageName(generation)
	return h.token.call(ctx, forAccounts, func(s session) error {
		s.forget(name)
		handles, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_ID, name))
		if err != nil {
			return err
		}
		for _, key := range handles {
			other, err := deriveWith(s.module, s.handle, key, p)
			if err != nil {
				return err
			}
			if bytes.Equal(other, x) {
				continue
			}
			if err := s.module.DestroyObject(s.handle, key); err != nil {
				return fmt.Errorf("destroy %s: %w", name, err)
			}
		}
		return nil
	})
}

// MakeStorage generates the storage scalar of a generation. ErrExists if there is one.
func (h *HSM) MakeStorage(ctx context.Context, generation uint32) error {
	name := h.storageName(generation)
	return h.token.call(ctx, forAccounts, func(s session) error {
		found, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_ID, name))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%w: %s", ErrExists, name)
		}
		return s.generate(name, name)
	})
}

// DestroyStorage destroys the storage scalar of a generation, for good. Destroying what is not there is no error.
func (h *HSM) DestroyStorage(ctx context.Context, generation uint32) error {
	name := h.storageName(generation)
	return h.token.call(ctx, forAccounts, func(s session) error { return s.destroyAll(name) })
}

// destroyAll destroys all objects with this CKA_ID.
func (s session) destroyAll(id string) error {
	s.forget(id)
	found, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	if err != nil {
		return err
	}
	for _, o := range found {
		if err := s.module.DestroyObject(s.handle, o); err != nil {
			return fmt.Errorf("destroy %s: %w", id, err)
		}
	}
	return nil
}

// StorageSecret returns x(k·p) for the storage scalar of a generation, 32
// bytes; the caller clears it. ErrGeneration if there is none.
func (h *HSM) StorageSecret(ctx context.Context, generation uint32, p opaque.Point) ([]byte, error) {
	x, err := with(ctx, h.token, forAccounts, func(s session) ([]byte, error) {
		if err := s.guard(h.storageName(generation), h.copied); err != nil {
			return nil, err
		}
		return s.derive(h.storageName(generation), p)
	})
	return x, asGeneration(err)
}

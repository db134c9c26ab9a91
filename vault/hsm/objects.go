package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Object is a data object of the token (PKCS#11 2.40, section 4.5).
type Object struct {
	Label string
	Value []byte
}

func (h *HSM) application() *pkcs11.Attribute {
	return pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, h.storagePrefix+"data")
}

// Objects returns this vault's data objects. ErrNoObjects if the token keeps none.
func (h *HSM) Objects(ctx context.Context) ([]Object, error) {
	return with(ctx, h.token, forAccounts, func(s session) ([]Object, error) {
		var all []Object
		handles, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), h.application())
		if err != nil {
			return nil, err
		}
		for _, o := range handles {
			a, err := s.module.GetAttributeValue(s.handle, o,
				[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil), pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
			if err != nil {
				return nil, fmt.Errorf("read a data object: %w", err)
			}
			all = append(all, Object{string(a[0].Value), a[1].Value})
		}
		return all, nil
	})
}

// PutObject creates a data object, or replaces one that has this very label:
// repeated after a lost answer it leaves one object.
func (h *HSM) PutObject(ctx context.Context, o Object) error {
	return h.token.call(ctx, forAccounts, func(s session) error {
		if err := h.removeObject(s, o.Label); err != nil {
			return err
		}
		_, err := s.module.CreateObject(s.handle, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			h.application(),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, o.Label),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE, o.Value),
		})
		if err != nil && !lost(err) {
			return fmt.Errorf("%w: %w", ErrNoObjects, err)
		}
		return err
	})
}

// DeleteObject destroys the data objects with this label.
func (h *HSM) DeleteObject(ctx context.Context, label string) error {
	return h.token.call(ctx, forAccounts, func(s session) error { return h.removeObject(s, label) })
}

func (h *HSM) removeObject(s session, label string) error {
	handles, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), h.application(),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	if err != nil {
		return err
	}
	for _, o := range handles {
		if err := s.module.DestroyObject(s.handle, o); err != nil {
			return fmt.Errorf("destroy a data object: %w", err)
		}
	}
	return nil
}

// KeepsObjects reports whether the token keeps data objects, by making and
// removing one.
func (h *HSM) KeepsObjects(ctx context.Context) (bool, error) {
	const label = "probe"
	err := h.PutObject(ctx, Object{Label: label, Value: make([]byte, 4<<10)})
	if errors.Is(err, ErrNoObjects) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, h.DeleteObject(ctx, label)
}

package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Anchors is how many places the token has for a vault's anchor: two, so that
// one is whole while the other is written (docs/adr/0014).
const Anchors = 2

func (h *HSM) anchorName(place int) string { return fmt.Sprintf("%s%d", h.anchorPrefix, place+1) }

// Anchors returns what SetAnchor last wrote to each place, "" for one that was never
// written, or that a crash in the middle of a write made unreadable.
func (h *HSM) Anchors(ctx context.Context) (shown [Anchors]string, err error) {
	return with(ctx, h.token, forAnchor, func(s session) (shown [Anchors]string, err error) {
		for place := range shown {
			if shown[place], err = s.label(h.anchorName(place)); err != nil {
				return shown, fmt.Errorf("read the anchor: %w", err)
			}
		}
		return shown, nil
	})
}

// label returns the label of the private key with this CKA_ID, "" if there is none.
func (s session) label(id string) (string, error) {
	key, err := s.privateKey(id)
	if errors.Is(err, ErrNoKeys) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	a, err := s.module.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
	if broken(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return string(a[0].Value), nil
}

// SetAnchor writes one place, 0 or 1: at most 40 bytes of ASCII. It touches
// nothing else on the token. The place is the label of a key pair that serves for nothing
// but that: every token can rewrite a label, few have anything else that changes.
func (h *HSM) SetAnchor(ctx context.Context, place int, anchor string) error {
	name := h.anchorName(place)
	err := h.token.call(ctx, forAnchor, func(s session) error {
		key, err := s.privateKey(name)
		if err == nil {
			err = s.module.SetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, anchor)})
		}
		if !errors.Is(err, ErrNoKeys) && !broken(err) {
			return err
		}
		// Never written, or what a crash left of it.
		if err := s.destroyAll(name); err != nil {
			return err
		}
		return s.generate(name, anchor)
	})
	if err != nil {
		return fmt.Errorf("write the anchor: %w", err)
	}
	return nil
}

// broken tells an object that is there and cannot be read or changed: SoftHSM
// lists what a crash left of a file as an object.
func broken(err error) bool {
	return errors.Is(err, pkcs11.Error(pkcs11.CKR_GENERAL_ERROR)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED))
}

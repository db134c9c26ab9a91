package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// evaluate multiplies p with the scalar of that name. CKM_ECDH1_DERIVE gives
// the x-coordinate only, so it is asked for p and for p+G; see opaque.FromXOnly.
func (h *HSM) evaluate(ctx context.Context, name string, public, p opaque.Point) (opaque.Point, error) {
	if p.IsZero() {
		return opaque.Point{}, ErrPoint
	}
	plus, err := p.Add(opaque.Generator())
	if err != nil {
		return opaque.Point{}, fmt.Errorf("%w: it is -G", ErrPoint)
	}
	var x, xPlus []byte
	err = h.token.with(ctx, func(s session) error {
		var err error
		if x, err = s.derive(name, p); err != nil {
			return err
		}
		xPlus, err = s.derive(name, plus)
		return err
	})
	if err != nil {
		return opaque.Point{}, err
	}
	defer clear(x)
	defer clear(xPlus)
	q, err := opaque.FromXOnly(x, xPlus, public)
	if err != nil {
		return opaque.Point{}, fmt.Errorf("%w: %w", ErrFaulty, err)
	}
	return q, nil
}

// derivedTemplate asks for a secret that may be read: it is a coordinate of a
// point that goes to the client, or the input of a KDF.
func derivedTemplate() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
	}
}

// derive returns x(k·p), 32 bytes (PKCS#11 2.40 mechanisms, section 2.3.8).
func (s session) derive(name string, p opaque.Point) ([]byte, error) {
	base, err := s.privateKey(name)
	if err != nil {
		return nil, err
	}
	return deriveWith(s.module, s.handle, base, p)
}

func deriveWith(m Module, s pkcs11.SessionHandle, base pkcs11.ObjectHandle, p opaque.Point) ([]byte, error) {
	// The text of PKCS#11 allows the raw point and the DER-encoded one; modules
	// take either or both. Raw comes first, as its older versions demand it.
	var failed error
	for _, point := range [][]byte{p.Uncompressed(), append([]byte{0x04, 65}, p.Uncompressed()...)} {
		mechanism := pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point))
		secret, err := m.DeriveKey(s, []*pkcs11.Mechanism{mechanism}, base, derivedTemplate())
		if err == nil {
			return readSecret(m, s, secret)
		}
		failed = errors.Join(failed, err)
		if lost(err) || !errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)) && !errors.Is(err, pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD)) {
			break
		}
	}
	return nil, fmt.Errorf("derive: %w", failed)
}

func readSecret(m Module, s pkcs11.SessionHandle, secret pkcs11.ObjectHandle) ([]byte, error) {
	a, err := m.GetAttributeValue(s, secret, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	destroyed := m.DestroyObject(s, secret)
	if err != nil {
		return nil, fmt.Errorf("read a derived secret: %w", err)
	}
	if destroyed != nil {
		return nil, fmt.Errorf("destroy a derived secret: %w", destroyed)
	}
	if len(a) != 1 || len(a[0].Value) == 0 || len(a[0].Value) > 32 {
		return nil, fmt.Errorf("%w: a derived secret has not 32 bytes", ErrFaulty)
	}
	x := make([]byte, 32) // some tokens leave out leading zeros
	copy(x[32-len(a[0].Value):], a[0].Value)
	clear(a[0].Value)
	return x, nil
}

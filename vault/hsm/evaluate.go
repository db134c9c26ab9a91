package hsm

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// evaluate multiplies p with the scalar of that name. CKM_ECDH1_DERIVE gives
// the x-coordinate only, so it is asked for p and for p+G; see opaque.FromXOnly.
// output, unless nil, is set once this process has read either.
func (h *HSM) evaluate(ctx context.Context, from pool, name string, public, p opaque.Point, output *atomic.Bool) (opaque.Point, error) {
	work, err := twoDerives(name, public, p, output)
	if err != nil {
		return opaque.Point{}, err
	}
	return with(ctx, h.token, from, work)
}

// twoDerives is an evaluation on one session.
func twoDerives(name string, public, p opaque.Point, output *atomic.Bool) (func(session) (opaque.Point, error), error) {
	if p.IsZero() {
		return nil, ErrPoint
	}
	plus, err := p.Add(opaque.Generator())
	if err != nil {
		return nil, fmt.Errorf("%w: it is -G", ErrPoint)
	}
	return func(s session) (opaque.Point, error) {
		// Both are derived before either is read: a token that fails has mostly failed by then, and nothing was learned.
		var secrets [2]pkcs11.ObjectHandle
		for i, point := range []opaque.Point{p, plus} {
			base, err := s.privateKey(name)
			if err == nil {
				secrets[i], err = deriveKey(s.module, s.handle, base, point)
			}
			if err != nil {
				for _, secret := range secrets[:i] {
					_ = s.module.DestroyObject(s.handle, secret) // it ends with its session, at the latest
				}
				return opaque.Point{}, err
			}
		}
		x, err := readSecret(s.module, s.handle, secrets[0], output)
		defer clear(x)
		if err != nil {
			_ = s.module.DestroyObject(s.handle, secrets[1]) // as above
			return opaque.Point{}, err
		}
		xPlus, err := readSecret(s.module, s.handle, secrets[1], output)
		defer clear(xPlus)
		if err != nil {
			return opaque.Point{}, err
		}
		q, err := opaque.FromXOnly(x, xPlus, public)
		if err != nil {
			return opaque.Point{}, fmt.Errorf("%w: %w", ErrFaulty, err)
		}
		return q, nil
	}, nil
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
	secret, err := deriveKey(m, s, base, p)
	if err != nil {
		return nil, err
	}
	return readSecret(m, s, secret, nil)
}

// deriveKey leaves x(k·p) on the token, as an object of the session.
func deriveKey(m Module, s pkcs11.SessionHandle, base pkcs11.ObjectHandle, p opaque.Point) (pkcs11.ObjectHandle, error) {
	// The text of PKCS#11 allows the raw point and the DER-encoded one; modules
	// take either or both. Raw comes first, as its older versions demand it.
	var failed error
	for _, point := range [][]byte{p.Uncompressed(), append([]byte{0x04, 65}, p.Uncompressed()...)} {
		mechanism := pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point))
		secret, err := m.DeriveKey(s, []*pkcs11.Mechanism{mechanism}, base, derivedTemplate())
		if err == nil {
			return secret, nil
		}
		failed = errors.Join(failed, err)
		if lost(err) || !errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)) &&
			!errors.Is(err, pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD)) {
			break
		}
	}
	return 0, fmt.Errorf("derive: %w", failed)
}

// readSecret reads a derived secret, 32 bytes, and destroys it on the token. output, unless nil, is set once it was read.
func readSecret(m Module, s pkcs11.SessionHandle, secret pkcs11.ObjectHandle, output *atomic.Bool) ([]byte, error) {
	a, err := m.GetAttributeValue(s, secret, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if err == nil && output != nil {
		output.Store(true)
	}
	_ = m.DestroyObject(s, secret) // what cannot be destroyed ends with the session
	if err != nil {
		return nil, fmt.Errorf("read a derived secret: %w", err)
	}
	if len(a) != 1 || len(a[0].Value) == 0 || len(a[0].Value) > 32 {
		return nil, fmt.Errorf("%w: a derived secret has not 32 bytes", ErrFaulty)
	}
	defer clear(a[0].Value)
	x := make([]byte, 32) // some tokens leave out leading zeros
	copy(x[32-len(a[0].Value):], a[0].Value)
	return x, nil
}

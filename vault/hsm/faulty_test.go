package hsm_test

import (
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// faulty changes what the token answers.
type faulty struct {
	hsm.Module
	broken *bool
}

func (f faulty) GetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	got, err := f.Module.GetAttributeValue(s, o, a)
	if *f.broken && err == nil && a[0].Type == pkcs11.CKA_VALUE {
		got[0].Value = opaque.NewScalar().MultiplyBase().X() // a coordinate, of another point
	}
	return got, err
}

func TestFaultyToken(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	broken := false
	h := open(t, hsm.Params{URI: uri, Between: func(m hsm.Module) hsm.Module { return faulty{m, &broken} }})
	defer h.Close()
	works(t, h)
	broken = true
	for range 20 {
		_, err := h.EvaluateOPRF(t.Context(), opaque.NewScalar().MultiplyBase())
		wantErr(t, "wrong answer", err, hsm.ErrFaulty)
	}
}

// Two keys of one name: neither is used.
func TestDoubledKey(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h := open(t, hsm.Params{URI: uri})
	other := behind(t, uri)
	slots, err := other.GetSlotList(true)
	must(t, err)
	s, err := other.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	oid := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	_, _, err = other.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, oid),
			pkcs11.NewAttribute(pkcs11.CKA_ID, "holdfast-oprf")},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true),
			pkcs11.NewAttribute(pkcs11.CKA_ID, "holdfast-oprf")})
	must(t, err)
	must(t, other.CloseSession(s))
	h.Close()
	_, err = hsm.Open(t.Context(), hsm.Params{URI: uri})
	wantErr(t, "two keys", err, hsm.ErrAmbiguous)
}

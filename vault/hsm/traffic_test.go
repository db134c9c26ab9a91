package hsm_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/vault/hsm"
)

// tapped keeps all bytes that cross the PKCS#11 boundary, in both directions.
type tapped struct {
	hsm.Module
	mu      sync.Mutex
	bytes   [][]byte
	derived int
}

func (m *tapped) keep(attributes []*pkcs11.Attribute) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range attributes {
		m.bytes = append(m.bytes, bytes.Clone(a.Value))
	}
}

func (m *tapped) GetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	got, err := m.Module.GetAttributeValue(s, o, a)
	m.keep(got)
	return got, err
}

func (m *tapped) DeriveKey(s pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle,
	a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	m.keep(a)
	m.mu.Lock()
	m.derived++
	for _, mech := range mechanism {
		m.bytes = append(m.bytes, bytes.Clone(mech.Parameter))
	}
	m.mu.Unlock()
	return m.Module.DeriveKey(s, mechanism, base, a)
}

func (m *tapped) GenerateKeyPair(s pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, public,
	private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	m.keep(append(public, private...))
	return m.Module.GenerateKeyPair(s, mechanism, public, private)
}

func (m *tapped) FindObjectsInit(s pkcs11.SessionHandle, a []*pkcs11.Attribute) error {
	m.keep(a)
	return m.Module.FindObjectsInit(s, a)
}

func (m *tapped) SetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) error {
	m.keep(a)
	return m.Module.SetAttributeValue(s, o, a)
}

// In no 32 bytes of all that a token was told and told is one of its scalars:
// a scalar is told by its public key. Nor does the token give one when it is asked outright.
func TestTrafficShowsNoScalar(t *testing.T) {
	onEach(t, func(t *testing.T, uri *hsm.URI) {
		tap := &tapped{}
		p := hsm.Params{URI: uri, Between: func(m hsm.Module) hsm.Module { tap.Module = m; return tap }}
		must(t, hsm.Init(t.Context(), p))
		h := open(t, p)
		defer h.Close()
		for range 3 {
			_, err := h.EvaluateOPRF(t.Context(), opaque.NewScalar().MultiplyBase())
			must(t, err)
			_, err = h.EvaluateAKE(t.Context(), opaque.NewScalar().MultiplyBase())
			must(t, err)
			_, err = h.StorageSecret(t.Context(), 1, opaque.NewScalar().MultiplyBase())
			must(t, err)
		}
		must(t, h.SetAnchor(t.Context(), 1, "anchor"))
		oprf, ake := h.PublicKeys()
		windows := 0
		for _, b := range tap.bytes {
			for i := range max(0, len(b)-31) {
				s, err := opaque.ParseScalar(b[i : i+32])
				if err != nil {
					continue
				}
				windows++
				if public := s.MultiplyBase(); public.Equal(oprf) || public.Equal(ake) {
					t.Fatal("a scalar crossed the boundary")
				}
			}
		}
		if tap.derived < 15 || windows < 15 {
			t.Errorf("only %d derives and %d windows were seen", tap.derived, windows)
		}
		session, err := tap.OpenSession(slotOf(t, tap.Module, uri), pkcs11.CKF_SERIAL_SESSION)
		must(t, err)
		must(t, tap.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}))
		keys, _, err := tap.FindObjects(session, 10)
		must(t, err)
		must(t, tap.FindObjectsFinal(session))
		if len(keys) != 4 { // one is the place of an anchor
			t.Errorf("%d private keys", len(keys))
		}
		for _, key := range keys {
			got, err := tap.Module.GetAttributeValue(session, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
			if err == nil && len(got[0].Value) > 0 {
				t.Error("the token gave a scalar away")
			}
		}
		must(t, tap.CloseSession(session))
	})
}

func slotOf(t *testing.T, m hsm.Module, uri *hsm.URI) uint {
	t.Helper()
	slots, err := m.GetSlotList(true)
	must(t, err)
	for _, s := range slots {
		if i, err := m.GetTokenInfo(s); err == nil && i.Label == uri.Token {
			return s
		}
	}
	t.Fatal("no slot")
	return 0
}

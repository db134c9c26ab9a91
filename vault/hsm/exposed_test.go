package hsm_test

import (
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// A vault's key that can be taken out, or could be once, or came from elsewhere, is refused at every open.
func TestExposedKeysAreRefused(t *testing.T) {
	for _, name := range []string{"holdfast-oprf", "holdfast-ake"} {
		for what, change := range map[string]func(private []*pkcs11.Attribute) []*pkcs11.Attribute{
			"extractable": func(a []*pkcs11.Attribute) []*pkcs11.Attribute {
				return append(a, pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true))
			},
			"not sensitive": func(a []*pkcs11.Attribute) []*pkcs11.Attribute {
				return append(a, pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false))
			},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				uri := hsmtest.SoftHSM(t, "x")
				must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
				var module hsm.Module
				h := open(t, hsm.Params{URI: uri, Between: func(m hsm.Module) hsm.Module { module = m; return m }})
				slots, err := module.GetSlotList(true)
				must(t, err)
				s, err := module.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
				must(t, err)
				must(t, module.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, name)}))
				found, _, err := module.FindObjects(s, 10)
				must(t, err)
				must(t, module.FindObjectsFinal(s))
				for _, o := range found {
					must(t, module.DestroyObject(s, o))
				}
				p256 := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
				named := func(a ...*pkcs11.Attribute) []*pkcs11.Attribute {
					return append(a, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, name),
						pkcs11.NewAttribute(pkcs11.CKA_LABEL, name))
				}
				_, _, err = module.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
					named(pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256)),
					change(named(pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true))))
				must(t, err)
				must(t, module.CloseSession(s))
				h.Close()
				for _, copied := range []bool{false, true} {
					_, err := hsm.Open(t.Context(), hsm.Params{URI: uri, Copied: copied})
					wantErr(t, "an exposed key", err, hsm.ErrExposed)
				}
			})
		}
	}
}

package vault_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// Rotations at once come one after the other.
func TestRotationsAtOnce(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	for range 3 {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if _, err := d.Rotate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		p.opens()
		d.restart(p)
		p.opens()
	}
	storages, err := d.h.Storages(t.Context())
	if err != nil || len(storages) != 1 || storages[0].Generation != 13 || storages[0].Doubles != 0 {
		t.Errorf("%+v %v", storages, err)
	}
}

// What versions before left of two rotations at once, or of a killed one: a second key of the present generation, two of the
// next, a key cut in half. The vault opens, tells them apart, and rotates.
func TestLeftoverKeysOfRotations(t *testing.T) {
	for what, leave := range map[string]func(m hsm.Module, s pkcs11.SessionHandle, present, next string){
		"a second key of the present": func(m hsm.Module, s pkcs11.SessionHandle, present, _ string) { makeKey(t, m, s, present) },
		"two keys of the next": func(m hsm.Module, s pkcs11.SessionHandle, _, next string) {
			makeKey(t, m, s, next)
			makeKey(t, m, s, next)
		},
		"half a key of the next": func(m hsm.Module, s pkcs11.SessionHandle, _, next string) {
			_, private := makeKey(t, m, s, next)
			must(t, m.DestroyObject(s, private))
		},
		"the other half": func(m hsm.Module, s pkcs11.SessionHandle, _, next string) {
			public, _ := makeKey(t, m, s, next)
			must(t, m.DestroyObject(s, public))
		},
	} {
		t.Run(what, func(t *testing.T) {
			uri := hsmtest.SoftHSM(t, "vault")
			must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
			var module hsm.Module
			h, err := hsm.Open(t.Context(), hsm.Params{URI: uri, Between: func(m hsm.Module) hsm.Module { module = m; return m }})
			must(t, err)
			defer h.Close()
			d := &onDisk{t: t, h: h, path: filepath.Join(t.TempDir(), "store.db")}
			must(t, d.open())
			defer func() { d.close() }()
			p := registered(t, d.Vault)
			_, err = d.Rotate(t.Context())
			must(t, err)
			slots, err := module.GetSlotList(true)
			must(t, err)
			s, err := module.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
			must(t, err)
			leave(module, s, "holdfast-storage-00000002", "holdfast-storage-00000003")
			must(t, module.CloseSession(s))
			d.restart(p)
			p.opens()
			_, err = d.Rotate(t.Context())
			must(t, err)
			d.restart(p)
			p.opens()
			if storages, err := h.Storages(t.Context()); err != nil || len(storages) != 1 || storages[0].Generation != 3 ||
				storages[0].Doubles != 0 {
				t.Errorf("%+v %v", storages, err)
			}
		})
	}
}

func makeKey(t *testing.T, m hsm.Module, s pkcs11.SessionHandle, id string) (public, private pkcs11.ObjectHandle) {
	t.Helper()
	p256 := []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	public, private, err := m.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256),
			pkcs11.NewAttribute(pkcs11.CKA_ID, id), pkcs11.NewAttribute(pkcs11.CKA_LABEL, id)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			pkcs11.NewAttribute(pkcs11.CKA_ID, id), pkcs11.NewAttribute(pkcs11.CKA_LABEL, id)})
	must(t, err)
	return public, private
}

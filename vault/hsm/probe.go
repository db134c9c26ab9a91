package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// Report says what a token is and whether it can hold a vault.
type Report struct {
	Token, Manufacturer, Model, Serial string
	// Lacks says in plain words what the token cannot do that a vault needs; empty: it can.
	Lacks []string
	// DataObjects: accounts can be kept on the token itself.
	DataObjects bool
	// Software: the token is files of this computer.
	Software bool
	// Unfit says why a vault's anchor does not hold on tokens of this maker; "": nothing is known against it.
	Unfit string
	// Keys: a vault's keys are on it already.
	Keys bool
}

// Probe logs in to the token and tries, with keys that it destroys again, all that a vault
// needs. An error means that the token could not be tried at all.
func Probe(ctx context.Context, p Params) (*Report, error) {
	t, err := connect(ctx, p)
	if err != nil {
		return nil, err
	}
	defer t.close()
	h := newHSM(t)
	return with(ctx, t, forAccounts, func(s session) (*Report, error) {
		r := &Report{}
		info, err := s.module.GetTokenInfo(s.slot)
		if err != nil {
			return nil, err
		}
		trim := func(s string) string { return strings.TrimRight(s, " \x00") }
		r.Token, r.Manufacturer, r.Model, r.Serial = trim(info.Label), trim(info.ManufacturerID), trim(info.Model), trim(info.SerialNumber)
		r.Unfit, r.Software = maker(r.Manufacturer, r.Model)
		_, err = s.find(pkcs11.CKO_PRIVATE_KEY, h.oprfName)
		r.Keys = err == nil
		if info.Flags&pkcs11.CKF_WRITE_PROTECTED != 0 {
			r.Lacks = append(r.Lacks, "it is write-protected, so no keys can be made on it")
			return r, nil
		}
		return r, s.try(r)
	})
}

const probeName = "holdfast-probe"

func (s session) try(r *Report) error {
	lacks := func(what string, err error) error {
		if lost(err) {
			return err
		}
		r.Lacks = append(r.Lacks, fmt.Sprintf("%s (%v)", what, err))
		return nil
	}
	if err := s.removeProbe(); err != nil {
		return err
	}
	public, private := keyTemplates(probeName, probeName, true)
	_, _, err := s.module.GenerateKeyPair(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)}, public, private)
	if err != nil {
		return lacks("it cannot make a P-256 key that stays inside and can be used for Diffie-Hellman", err)
	}
	defer func() { _ = s.removeProbe() }()
	key, err := s.find(pkcs11.CKO_PRIVATE_KEY, probeName)
	if err != nil {
		return lacks("it does not keep the name (CKA_ID) of a key", err)
	}
	point, err := s.publicPoint(probeName)
	if err != nil {
		return lacks("it does not show the public half of a key", err)
	}
	scalar := opaque.NewScalar()
	x, err := deriveWith(s.module, s.handle, key, scalar.MultiplyBase())
	switch {
	case err != nil:
		err = lacks("it does not do CKM_ECDH1_DERIVE without a KDF, or does not let the derived secret be read", err)
	case !bytes.Equal(x, scalar.Multiply(point).X()):
		err = lacks("its Diffie-Hellman gives wrong results", ErrFaulty)
	}
	if err != nil {
		return err
	}
	label := strings.Repeat("a", 40)
	err = s.module.SetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)})
	if err == nil {
		var a []*pkcs11.Attribute
		a, err = s.module.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
		if err == nil && string(a[0].Value) != label {
			err = errors.New("the label was cut")
		}
	}
	if err != nil {
		return lacks("it does not let the label of a key be changed, so an old copy of the accounts could not be told from the newest", err)
	}
	object, err := s.module.CreateObject(s.handle, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, probeName),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, 8<<10)),
	})
	if err == nil {
		r.DataObjects = true
		return s.module.DestroyObject(s.handle, object)
	}
	if lost(err) {
		return err
	}
	return nil
}

func (s session) removeProbe() error {
	handles, err := s.search(pkcs11.NewAttribute(pkcs11.CKA_ID, probeName))
	if err != nil {
		return err
	}
	for _, o := range handles {
		if err := s.module.DestroyObject(s.handle, o); err != nil {
			return err
		}
	}
	return nil
}

// Token is one token that this computer can see.
type Token struct {
	URI   *URI
	Label string
}

// Tokens lists the initialised tokens of all modules of this computer. Modules
// that cannot be loaded are passed over. No PIN is needed.
func Tokens() []Token {
	var all []Token
	for _, path := range Modules() {
		m, err := load(path)
		if err != nil {
			continue
		}
		slots, _ := m.ctx.GetSlotList(true) // a module without slots has no tokens
		for _, slot := range slots {
			info, err := m.ctx.GetTokenInfo(slot)
			if err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || info.Flags&pkcs11.CKF_WRITE_PROTECTED != 0 {
				continue
			}
			label := strings.TrimRight(info.Label, " \x00")
			all = append(all, Token{Label: label, URI: &URI{Token: label, Serial: strings.TrimRight(info.SerialNumber, " \x00"), ModulePath: path}})
		}
		m.release()
	}
	return all
}

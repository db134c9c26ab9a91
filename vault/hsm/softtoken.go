package hsm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// MakeToken initialises a free slot of the module, an absolute path, as a
// token of that label with these PINs. SoftHSM always has a free slot; the
// folder that its configuration names gets the token.
func MakeToken(modulePath, label string, securityOfficer, pin []byte) error {
	m, err := load(modulePath)
	if err != nil {
		return err
	}
	defer m.release()
	slots, err := m.ctx.GetSlotList(true)
	if err != nil {
		return words(err)
	}
	for _, slot := range slots {
		info, err := m.ctx.GetTokenInfo(slot)
		if err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			continue
		}
		if err := m.ctx.InitToken(slot, string(securityOfficer), label); err != nil {
			return fmt.Errorf("initialise the token: %w", words(err))
		}
		// SoftHSM gives an initialised token another slot.
		slot, _, err = find(m.ctx, &URI{Token: label})
		if err != nil {
			return err
		}
		return m.setPIN(slot, securityOfficer, pin)
	}
	return fmt.Errorf("%w: no slot is free", ErrAbsent)
}

func (m *loaded) setPIN(slot uint, securityOfficer, pin []byte) error {
	s, err := m.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return words(err)
	}
	err = m.ctx.Login(s, pkcs11.CKU_SO, string(securityOfficer))
	if err == nil {
		err = m.ctx.InitPIN(s, string(pin))
	}
	return words(errors.Join(err, m.ctx.CloseSession(s)))
}

// SoftHSM returns the path of SoftHSM's module on this computer, "" if it is not installed.
func SoftHSM() string {
	for _, path := range Modules() {
		if strings.Contains(path, "softhsm2") {
			return path
		}
	}
	return ""
}

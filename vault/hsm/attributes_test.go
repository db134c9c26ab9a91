package hsm

import "testing"

// What a probe cannot see is known by the maker's name.
func TestMakers(t *testing.T) {
	for _, m := range []struct {
		manufacturer, model string
		unfit, software     bool
	}{
		{"SoftHSM project", "SoftHSM v2", false, true},
		{"Mozilla Foundation", "NSS 3", false, true},
		{"nCipher Corp. Ltd", "", true, false},
		{"Entrust nShield", "nC4035E", true, false},
		{"Marvell Semiconductors, Inc.", "NITROX-III CNN", true, false},
		{"Cavium Networks", "NITROX-III", true, false},
		{"Yubico (www.yubico.com)", "YubiHSM", false, false},
		{"www.CardContact.de", "PKCS#15 emulated", false, false},
	} {
		why, software := maker(m.manufacturer, m.model)
		if (why != "") != m.unfit || software != m.software {
			t.Errorf("%+v: %q %v", m, why, software)
		}
	}
}

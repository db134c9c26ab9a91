package vault_test

import (
	"testing"

	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// openToken makes a SoftHSM token with keys and opens it.
func openToken(t testing.TB) *hsm.HSM {
	t.Helper()
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	h, err := hsm.Open(t.Context(), hsm.Params{URI: uri})
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package vault_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// SoftHSM 2.6 cuts the file of a changed object to nothing and writes it anew. Wherever a
// crash breaks that off, and in whichever file that an anchor is written to, the vault opens
// again and has counted the guess that was being anchored (docs/adr/0014).
// token.object is left out: SoftHSM writes that at each login, whatever a vault does.
func TestTornAnchors(t *testing.T) {
	uri := hsmtest.SoftHSM(t, "vault")
	must(t, hsm.Init(t.Context(), hsm.Params{URI: uri}))
	mem := store.NewMemory()
	var p *person
	// use opens the vault, as after the crash, and closes it in good order.
	use := func(do func(*vault.Vault)) {
		t.Helper()
		h, err := hsm.Open(t.Context(), hsm.Params{URI: uri, Sessions: 2})
		must(t, err)
		defer h.Close()
		v, err := vault.Open(t.Context(), vault.Params{Store: mem, HSM: h})
		must(t, err)
		defer v.Close()
		if p != nil {
			p.v = v
		}
		do(v)
	}
	before := tokenFiles(t)
	for _, step := range []struct {
		left, stride int
		do           func(*vault.Vault)
	}{
		{10, 16, func(v *vault.Vault) { p = registered(t, v) }}, // the places are made
		{9, 1, func(*vault.Vault) { p.wrong() }},                // and then rewritten
	} {
		if testing.Short() {
			step.stride = 16
		}
		use(step.do)
		after := tokenFiles(t)
		torn := 0
		for path, now := range after {
			if now == before[path] || filepath.Base(path) == "token.object" {
				continue
			}
			for n := 0; n < len(now); n += step.stride {
				ways := []string{now[:n]}
				if n%16 == 0 && n < len(before[path]) {
					ways = append(ways, now[:n]+before[path][n:])
				}
				for _, broken := range ways {
					writeToken(t, after)
					must(t, os.WriteFile(path, []byte(broken), 0o600))
					use(func(*vault.Vault) {
						if a := p.account(); a.GuessesLeft != step.left {
							t.Fatalf("%s torn at %d of %d: %d guesses left, not %d", filepath.Base(path), n, len(now), a.GuessesLeft, step.left)
						}
					})
					torn++
				}
			}
		}
		if torn < 100 {
			t.Errorf("only %d ways to tear were tried", torn)
		}
		writeToken(t, after)
		before = after
	}
}

// tokenFiles reads all files of the token.
func tokenFiles(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(hsmtest.TokenDir(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	}))
	return all
}

// writeToken makes the token's files what they were.
func writeToken(t *testing.T, files map[string]string) {
	t.Helper()
	for path, now := range tokenFiles(t) {
		if want, ok := files[path]; !ok {
			must(t, os.Remove(path))
		} else if want != now {
			must(t, os.WriteFile(path, []byte(want), 0o600))
		}
	}
	for path := range maps.Keys(files) {
		if _, err := os.Stat(path); err != nil {
			must(t, os.WriteFile(path, []byte(files[path]), 0o600))
		}
	}
}

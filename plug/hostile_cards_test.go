//go:build cgo && unix

package plug_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/nistec"
	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/plug"
	"github.com/holdfast-backup/holdfast/ui/cli"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// stranger is somebody on a computer with traps, who knows only a place and a password.
type stranger struct {
	traps    *hsmtest.Traps
	vaults   plug.Vaults
	dir      string
	password string
	n        int
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	s := &stranger{traps: hsmtest.Trap(t, "trap"), dir: t.TempDir()}
	s.vaults = plug.Vaults{Dir: filepath.Join(s.dir, "vaults"), Software: filepath.Join(s.dir, "software")}
	s.password = filepath.Join(s.dir, "pw")
	for path, text := range map[string]string{s.password: "lamp otter quilt seventy\n", filepath.Join(s.dir, "docs", "a"): "a"} {
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	s.traps.Sprung(t)
	return s
}

type failer interface {
	Helper()
	Fatal(args ...any)
}

func must(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func point(t failer) []byte {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	p, err := nistec.NewP256Point().SetBytes(k.PublicKey().Bytes())
	must(t, err)
	return p.BytesCompressed()
}

// card is a hostile card with that address, as JSON.
func card(t failer, address string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"version": 1, "name": "Your vault", "url": address, "suite": 1, "public_key": point(t),
		"account": make([]byte, 32)})
	must(t, err)
	return b
}

// place makes a backup whose header has that card; nobody has its key.
func (s *stranger) place(t failer, card []byte) string {
	t.Helper()
	s.n++
	place := filepath.Join(s.dir, fmt.Sprint("place", s.n))
	key, err := backupkey.New()
	must(t, err)
	defer key.Clear()
	st, err := store.OpenFolder(place, store.FolderOptions{Create: true})
	must(t, err)
	_, err = repo.Create(context.Background(), st, key, card)
	must(t, err)
	must(t, st.Close())
	return place
}

func (s *stranger) run(args ...string) (code int, said string) {
	var out, problems bytes.Buffer
	code = cli.Run(cli.Params{
		Args: args, Stdin: strings.NewReader("y\nyes\n"), Stdout: &out, Stderr: &problems, Vaults: s.vaults,
		NewKeyring: func(_, profile string) (core.Keyring, error) {
			return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
		},
	})
	return code, out.String() + problems.String()
}

// commands are all that ask a vault for a password of a backup somewhere.
func (s *stranger) commands(place string) [][]string {
	with := []string{"--destination", place, "--password-in", s.password}
	profile := filepath.Join(s.dir, fmt.Sprint("profile", s.n))
	var out [][]string
	for _, verb := range [][]string{{"snapshots"}, {"ls", "latest"}, {"verify"}, {"find", "a"}, {"versions", "docs/a"},
		{"diff", "latest", "latest"},
		{"restore", "latest", "--to", filepath.Join(s.dir, "out")}, {"--profile", profile, "setup", "--source", filepath.Join(s.dir, "docs")}} {
		out = append(out, append(verb, with...))
	}
	return out
}

// Nothing that a card names is loaded, opened, logged in to or connected to
// before the person agreed, whatever the card says.
func TestHostileCardsByCommand(t *testing.T) {
	s := newStranger(t)
	for _, address := range s.traps.Addresses() {
		place := s.place(t, card(t, address))
		for _, args := range s.commands(place) {
			code, said := s.run(args...)
			if code != cli.ExitUsage && code != cli.ExitFailed {
				t.Errorf("%s with %q: exit code %d, %s", args, address, code, said)
			}
			if sprung := s.traps.Sprung(t); sprung != "" {
				t.Fatalf("%s with %q: %s", args, address, sprung)
			}
		}
	}
	// Whoever agrees to a token of this computer, or to a host, goes there: the traps work.
	for address, want := range map[string]string{"pkcs11:token=trap": "loaded", "https://" + s.traps.Addr: "connected"} {
		place := s.place(t, card(t, address))
		_, said := s.run("snapshots", "--destination", place, "--password-in", s.password, "--trust-vault")
		if sprung := s.traps.Sprung(t); !strings.Contains(sprung, want) {
			t.Errorf("%s, agreed: %q, %s", address, sprung, said)
		}
	}
	pin := filepath.Join(s.dir, "pin")
	must(t, os.WriteFile(pin, []byte(hsmtest.PIN), 0o600))
	_, said := s.run("snapshots", "--destination", s.place(t, card(t, "pkcs11:token=trap")), "--password-in", s.password,
		"--vault", "pkcs11:token=trap?pin-source=file:"+pin+"&module-path="+s.traps.Library)
	if sprung := s.traps.Sprung(t); !strings.Contains(sprung, "loaded") || !strings.Contains(sprung, "login") {
		t.Errorf("typed: %q, %s", sprung, said)
	}
	_, said = s.run("snapshots", "--destination", s.place(t, card(t, "pkcs11:token=trap")), "--password-in", s.traps.File, "--trust-vault")
	if sprung := s.traps.Sprung(t); !strings.Contains(sprung, "opened") {
		t.Errorf("a file that was named: %q, %s", sprung, said)
	}
	// Agreed or not: a card leads to no file and no module of its own, and tries no PIN.
	for _, address := range s.traps.Addresses() {
		if strings.HasPrefix(address, "https:") {
			continue
		}
		place := s.place(t, card(t, address))
		_, said := s.run("snapshots", "--destination", place, "--password-in", s.password, "--trust-vault")
		if sprung := s.traps.Sprung(t); sprung != "" {
			t.Errorf("%s, agreed: %s, %s", address, sprung, said)
		}
	}
}

// A destination that shows another card after the person agreed gains nothing.
func TestAnAgreementHoldsForOneCard(t *testing.T) {
	s := newStranger(t)
	place := s.place(t, card(t, "https://"+s.traps.Addr))
	err := (core.Elsewhere{}).TrustedVault(t.Context(), place, core.PasswordRequest{Password: []byte("x")})
	unknown, ok := err.(*core.VaultNotTrustedError) //nolint:errorlint // this very value
	if !ok || unknown.Name != "Your vault" || unknown.Host != s.traps.Addr || !strings.HasPrefix(unknown.Fingerprint, "SHA256:") {
		t.Fatalf("%v", err)
	}
	other := s.place(t, card(t, "https://"+s.traps.Addr)) // another public key
	for name, change := range map[string]func(*core.VaultTrust){
		"another key": func(*core.VaultTrust) {}, "no name": func(v *core.VaultTrust) { v.Name = "" },
		"another host": func(v *core.VaultTrust) { v.Address += "/x" }, "nothing": func(v *core.VaultTrust) { *v = core.VaultTrust{} },
	} {
		trust := unknown.Trust
		change(&trust)
		at := place
		if name == "another key" {
			at = other
		}
		_, err := core.Elsewhere{Vaults: s.vaults}.RecoverKey(t.Context(), at, core.PasswordRequest{Password: []byte("x"), Trust: trust})
		if _, ok := err.(*core.VaultNotTrustedError); !ok { //nolint:errorlint // this very value
			t.Errorf("%s: %v", name, err)
		}
	}
	if sprung := s.traps.Sprung(t); sprung != "" {
		t.Error(sprung)
	}
	// nobody answers there
	_, _ = core.Elsewhere{Vaults: s.vaults}.RecoverKey(t.Context(), place,
		core.PasswordRequest{Password: []byte("x"), Trust: unknown.Trust})
	if sprung := s.traps.Sprung(t); !strings.Contains(sprung, "connected") {
		t.Errorf("agreed, and not asked: %q", sprung)
	}
}

// forgeProfile puts a card into a profile that has none yet, if it is of a backup without encryption.
func forgeProfile(t *testing.T, settings string, card []byte) {
	t.Helper()
	var fields map[string]json.RawMessage
	b, err := os.ReadFile(settings)
	must(t, err)
	must(t, json.Unmarshal(b, &fields))
	if string(fields["protection"]) != `"none"` {
		return
	}
	fields["vault_card"] = card
	b, err = json.Marshal(fields)
	must(t, err)
	must(t, os.WriteFile(settings, b, 0o600))
}

// Nobody vouches for the header of a backup without encryption: its card is nobody's vault,
// on the computer that joins and on its owner's.
func TestACardInAPlainHeaderIsNobodysVault(t *testing.T) {
	s := newStranger(t)
	for i, address := range []string{"https://" + s.traps.Addr, "pkcs11:token=trap",
		"pkcs11:token=trap?module-path=" + s.traps.Library + "&pin-source=file:" + s.traps.File} {
		place, profile := filepath.Join(s.dir, fmt.Sprint("plain", i)), filepath.Join(s.dir, fmt.Sprint("owner", i))
		st, err := store.OpenFolder(place, store.FolderOptions{Create: true})
		must(t, err)
		_, err = repo.Create(t.Context(), st, nil, card(t, address))
		must(t, err)
		must(t, st.Close())
		own := []string{"--profile", profile, "--keyring", "file"}
		for _, c := range []struct {
			want int
			args []string
		}{
			{cli.ExitDone, []string{"setup", "--destination", place, "--source", filepath.Join(s.dir, "docs"), "--no-encryption"}},
			{cli.ExitDone, []string{"backup"}}, {cli.ExitDone, []string{"status"}}, {cli.ExitDone, []string{"snapshots"}},
			{cli.ExitFailed, []string{"vault", "status"}}, {cli.ExitFailed, []string{"password", "check", "--password-in", s.password}},
			{cli.ExitFailed, []string{"password", "set", "--password-in", s.password}}, {cli.ExitFailed, []string{"password", "remove"}},
			{cli.ExitDone, []string{"backup"}}, {cli.ExitDone,
				[]string{"encryption", "on", "--key-out", filepath.Join(s.dir, fmt.Sprint("key", i))}},
			{cli.ExitDone, []string{"backup"}}, {cli.ExitFailed, []string{"vault", "status"}},
		} {
			if c.args[0] == "backup" { // as a version before left the profile
				forgeProfile(t, filepath.Join(profile, "settings.json"), card(t, address))
			}
			if code, said := s.run(append(own, c.args...)...); code != c.want {
				t.Errorf("%s with %s: exit code %d, %s", c.args, address, code, said)
			}
			if sprung := s.traps.Sprung(t); sprung != "" {
				t.Errorf("%s with %s: %s", c.args, address, sprung)
			}
		}
		if b, err := os.ReadFile(filepath.Join(place, "holdfast.json")); err != nil || bytes.Contains(b, []byte("vault_card")) {
			t.Errorf("%s came into the sealed header: %s %v", address, b, err)
		}
	}
}

// Generated cards of all kinds, JSON that is nearly one among them.
func TestGeneratedCards(t *testing.T) {
	s := newStranger(t)
	part := rapid.SampledFrom([]string{"token=trap", "token=Holdfast", "serial=1", "slot-id=0", "object=x", "type=cert", "x=y",
		"module-path=" + s.traps.Library, "module-path=%2fproc%2fself%2froot" + s.traps.Library,
		"module-name=configured", "pin-value=" + hsmtest.PIN, "pin-source=file:" + s.traps.File, "pin-source=" + s.traps.File,
		"pin-source=|touch%20x", "%00", ""})
	host := rapid.SampledFrom([]string{s.traps.Addr, "user@" + s.traps.Addr, s.traps.Addr + "/x", s.traps.Addr + "?q", s.traps.Addr + "#f",
		"localhost", "[::1]:1", "ｌocalhost", ""})
	address := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return "pkcs11:" + strings.Join(rapid.SliceOfN(part, 0, 3).Draw(t, "path"), ";") + rapid.SampledFrom([]string{"", "?"}).Draw(t, "mark") +
				strings.Join(rapid.SliceOfN(part, 0, 3).Draw(t, "query"), "&")
		}),
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"https://", "http://", "HTTPS://", "https:", "file://", "//", "unix://"}).Draw(t, "scheme") +
				host.Draw(t, "host")
		}))
	fields := rapid.SampledFrom([]string{`"enrolment":"x"`, `"module_path":"` + s.traps.Library + `"`, `"URL":"https://` + s.traps.Addr + `"`,
		`"version":2`, `"certificate":"AAAA"`, `"account":null`})
	rapid.Check(t, func(rt *rapid.T) {
		text := card(rt, address.Draw(rt, "address"))
		if rapid.IntRange(0, 4).Draw(rt, "more") == 0 {
			text = append([]byte("{"+fields.Draw(rt, "field")+","), text[1:]...)
		}
		place := s.place(rt, text)
		for _, args := range s.commands(place)[:1] {
			if code, said := s.run(args...); code != cli.ExitUsage && code != cli.ExitFailed {
				rt.Fatalf("%s with %s: exit code %d, %s", args, text, code, said)
			}
		}
		if code, said := s.run(s.commands(place)[7]...); code != cli.ExitUsage && code != cli.ExitFailed {
			rt.Fatalf("joining with %s: exit code %d, %s", text, code, said)
		}
		if sprung := s.traps.Sprung(t); sprung != "" {
			rt.Fatalf("%s: %s", text, sprung)
		}
		must(rt, os.RemoveAll(place))
	})
}

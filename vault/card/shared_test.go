package card

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"filippo.io/nistec"
)

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// sharedCard is one of 2 of 3, with another set pending.
func sharedCard(t *testing.T) (*Shared, ed25519.PrivateKey) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(fill(7, 32))
	set := func(first byte, pending bool) *Set {
		s := &Set{Threshold: 2, Salt: fill(first, 32), Commitment: fill(first+1, 32)}
		for i := range byte(3) {
			p, err := nistec.NewP256Point().ScalarBaseMult(fill(i+1, 32))
			if err != nil {
				t.Fatal(err)
			}
			m := Member{Name: "vault " + string('a'+rune(i)), URL: URL("https://vault-" + string('a'+rune(i)) + ".example"), Suite: 1,
				PublicKey: p.BytesCompressed(), Nonce: fill(first+i, 16), Mask: fill(first+9, 32), Registered: 1_790_000_000_000}
			if pending {
				m.Bridge, m.Registered = fill(3, 32), 0
			}
			if i == 0 {
				m.SPKI = fill(4, 32)
			}
			s.Vaults = append(s.Vaults, m)
		}
		return s
	}
	c := &Shared{Set: set(10, false), Pending: set(20, true)}
	c.Sign(key)
	return c, key
}

func TestSharedCards(t *testing.T) {
	c, _ := sharedCard(t)
	got, err := ParseShared(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), c.Encode()) || !IsShared(c.Encode()) || len(got.Members()) != 6 {
		t.Errorf("%s", got.Encode())
	}
	var again bytes.Buffer
	if err := json.Indent(&again, c.Encode(), "", "\t"); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseShared(again.Bytes()); err != nil {
		t.Errorf("with other blanks: %v", err)
	}
	if _, err := Parse(c.Encode()); !errors.Is(err, ErrNewer) && !errors.Is(err, ErrCard) {
		t.Errorf("as the card of one vault: %v", err)
	}
	one, err := Parse(c.Set.Vaults[1].Card(c.Key).Encode())
	if err != nil || !bytes.Equal(one.Account, c.Set.Vaults[1].Account(c.Key)) {
		t.Errorf("the card of one of them: %v", err)
	}
	full := &Shared{Set: &Set{Threshold: 5, Salt: fill(1, 32), Commitment: fill(1, 32)}}
	for i := range byte(8) {
		p, err := nistec.NewP256Point().ScalarBaseMult(fill(i+1, 32))
		if err != nil {
			t.Fatal(err)
		}
		full.Set.Vaults = append(full.Set.Vaults, Member{Name: strings.Repeat("x", 80), URL: URL("https://" + strings.Repeat("a", 60) +
			string('a'+rune(i)) + ".example"), Suite: 1, PublicKey: p.BytesCompressed(), Nonce: fill(1, 16), Mask: fill(1, 32), SPKI: fill(1, 32),
			Registered: 1})
	}
	pending := *full.Set
	pending.Vaults = bridged(full.Set.Vaults)
	full.Pending = &pending
	full.Sign(ed25519.NewKeyFromSeed(fill(7, 32)))
	if _, err := ParseShared(full.Encode()); err != nil || len(full.Encode()) > MaxBytes {
		t.Errorf("two sets of eight have %d bytes: %v", len(full.Encode()), err)
	}
}

func bridged(vaults []Member) (out []Member) {
	for _, m := range vaults {
		m.Bridge, m.Registered = fill(2, 32), 0
		out = append(out, m)
	}
	return out
}

// Whatever is altered, the card is refused: by its signature, if by nothing else.
func TestAlteredSharedCards(t *testing.T) {
	c, _ := sharedCard(t)
	text := c.Encode()
	refused := 0
	for i, b := range text[:len(text)-1] {
		for _, to := range []byte{b ^ 1, 'A', ' ', '"'} {
			bad := bytes.Clone(text)
			if bad[i] = to; to == b {
				continue
			}
			got, err := ParseShared(bad)
			if err == nil && !bytes.Equal(got.Encode(), text) {
				t.Fatalf("byte %d as %q: it is read as %s", i, to, got.Encode())
			}
			if err != nil {
				refused++
				if !errors.Is(err, ErrCard) && !errors.Is(err, ErrNewer) {
					t.Fatal(err)
				}
			}
		}
	}
	if refused < len(text) {
		t.Errorf("%d refused", refused)
	}
	for what, bad := range map[string]string{
		"twice":          strings.Replace(string(text), `"threshold":2`, `"threshold":3,"threshold":2`, 1),
		"other spelling": strings.Replace(string(text), `"set":`, `"Set":`, 1),
		"unknown":        strings.Replace(string(text), `"set":`, `"more":1,"set":`, 1),
		"followed":       string(text) + "{}",
		"newer":          strings.Replace(string(text), `"version":3`, `"version":4`, 1),
	} {
		if _, err := ParseShared([]byte(bad)); !errors.Is(err, ErrCard) && !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What is signed is still refused if it is no set.
func TestSignedButNoSet(t *testing.T) {
	for what, change := range map[string]func(c *Shared){
		"no set":              func(c *Shared) { c.Set, c.Pending = nil, nil },
		"half":                func(c *Shared) { c.Set.Threshold = 1 },
		"too many":            func(c *Shared) { c.Set.Threshold = 4 },
		"nobody":              func(c *Shared) { c.Set.Vaults = nil },
		"a key twice":         func(c *Shared) { c.Set.Vaults[1].PublicKey = c.Set.Vaults[0].PublicKey },
		"an address twice":    func(c *Shared) { c.Set.Vaults[1].URL = c.Set.Vaults[0].URL },
		"a bridge that stays": func(c *Shared) { c.Set.Vaults[0].Bridge = fill(1, 32) },
		"not registered":      func(c *Shared) { c.Set.Vaults[0].Registered = 0 },
		"registered early":    func(c *Shared) { c.Pending.Vaults[0].Registered = 1 },
		"a path that climbs":  func(c *Shared) { c.Set.Vaults[0].URL = "https://vault.example/../x" },
		"no https":            func(c *Shared) { c.Set.Vaults[0].URL = "http://vault.example" },
		"a hidden name":       func(c *Shared) { c.Set.Vaults[0].Name = "a\u202eb" },
		"short nonce":         func(c *Shared) { c.Set.Vaults[0].Nonce = fill(1, 15) },
		"short salt":          func(c *Shared) { c.Set.Salt = fill(1, 31) },
		"suite":               func(c *Shared) { c.Set.Vaults[0].Suite = 2 },
	} {
		c, key := sharedCard(t)
		change(c)
		c.Sign(key)
		if _, err := ParseShared(c.Encode()); !errors.Is(err, ErrCard) && !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzParseShared(f *testing.F) {
	c, _ := sharedCard(&testing.T{})
	f.Add(c.Encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseShared(text)
		if err != nil {
			return
		}
		if again, err := ParseShared(got.Encode()); err != nil || !bytes.Equal(again.Encode(), got.Encode()) {
			t.Errorf("%s is read again as %v", text, err)
		}
	})
}

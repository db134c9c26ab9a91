package card

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/nistec"
	"pgregory.net/rapid"
)

func publicKey(t testing.TB) []byte {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p, err := nistec.NewP256Point().SetBytes(k.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return p.BytesCompressed()
}

func TestCardsComeBack(t *testing.T) {
	for _, url := range []URL{"https://vault.example", "https://vault.example:8443/", "https://vault.example/holdfast/v",
		"https://[2001:db8::1]:1", "https://192.0.2.1",
		"https://xn--bcher-kva.example", "pkcs11:token=Holdfast", "pkcs11:token=my%20vault;serial=9c1e;manufacturer=M;model=x;object=v"} {
		c := New("Example vault — Zürich", url, publicKey(t))
		c.Account = make([]byte, AccountBytes)
		again, err := Parse(c.Encode())
		if err != nil || !again.Equal(c) {
			t.Errorf("%s: %+v %v", url, again, err)
		}
	}
}

// What a card may not say: anything that is not which vault or which token it is.
func TestACardOnlyIdentifies(t *testing.T) {
	for _, url := range []string{
		"pkcs11:token=a?module-path=/tmp/x.so", "pkcs11:token=a?module-path=/proc/self/fd/3", `pkcs11:token=a?module-path=\\host\share\x.dll`,
		"pkcs11:token=a?module-name=x",
		"pkcs11:token=a?pin-value=1", "pkcs11:token=a?pin-source=/etc/passwd", "pkcs11:token=a?pin-source=file:/x",
		"pkcs11:token=a?pin-source=|sh", "pkcs11:token=a?",
		"pkcs11:token=a?x-vendor=1", "pkcs11:x-vendor=1", "pkcs11:token=a;slot-id=1", "pkcs11:token=a;slot-manufacturer=b",
		"pkcs11:library-version=1", "pkcs11:type=private", "pkcs11:id=%01",
		"pkcs11:token=a;token=b", "pkcs11:token=a;token=a", "pkcs11:token=", "pkcs11:token", "pkcs11:token=%00", "pkcs11:token=a%0Ab",
		"pkcs11:token=%E2%80%AEb", "pkcs11:token=%ff",
		"pkcs11:token=%61", "pkcs11:token=a;", "pkcs11:;token=a", "PKCS11:token=a", "pkcs11:token=a#x", "pkcs11:serial=1;token=a",
		"pkcs11:token=a&serial=1",
		"http://vault.example", "HTTPS://vault.example", "https://", "https:///x", "https://user@vault.example", "https://u:p@vault.example",
		"https://vault.example?x", "https://vault.example#x",
		"https://vault.example/?", "https://vault.example/..", "https://vault.example/a/../b", "https://vault.example//b",
		"https://vault.example/%2e", "https://vault.example/a b", "https://vault.example\\@evil",
		"https://vault.example:", "https://vault.example:0", "https://vault.example:080", "https://vault.example:99999",
		"https://vault.example:8a", "https://vault..example", "https://.example", "https://example.",
		"https://-a.example", "https://vault_1.example", "https://vаult.example", "https://bücher.example", "https://vault.example\u202e",
		"https://vault.example\n", " https://vault.example",
		"https://[::1%25eth0]", "https://[::1", "https://::1", "https://[127.0.0.1]", "https://[vault.example]",
		"https://" + strings.Repeat("a", 64) + ".example",
		"file:///etc/passwd", "ftp://x", "unix:/run/x", `\\host\share`, "//host", "javascript:x", "", "x",
	} {
		c := New("v", URL(url), publicKey(t))
		if got, err := Parse(c.Encode()); !errors.Is(err, ErrCard) {
			t.Errorf("%q: %+v %v", url, got, err)
		}
	}
}

func TestNamesShowAsThemselves(t *testing.T) {
	for _, name := range []string{"a\nb", "a\x00", "\u202eelpmaxe", "a\u200bb", "\u2066x", "a\ufeff", "a\u00a0b", " a", "a ", "a  b", "\u3164",
		"a\u2800b", "\u2028", "\U000e0041", "a\u0300\u0300\u0300\u0300\u0300",
		"\ue000", strings.Repeat("a", 81), "a\ufe0f", "\x1b[31m", "\u061c", "\ufffd"} {
		c := New(name, "https://vault.example", publicKey(t))
		if _, err := Parse(c.Encode()); !errors.Is(err, ErrCard) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "Tresor Zürich", "保险库", "كنز", "Zur\u0308ich", "v 2.0 (test) – №1"} {
		c := New(name, "https://vault.example", publicKey(t))
		if _, err := Parse(c.Encode()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCardsThatAreRefused(t *testing.T) {
	good := New("v", "https://vault.example", publicKey(t)).Encode()
	for what, c := range map[string]struct {
		text string
		err  error
	}{
		"nothing":          {"", ErrCard},
		"no object":        {"[]", ErrCard},
		"two":              {string(good) + string(good), ErrCard},
		"several vaults":   {`{"version":2,"vaults":[]}`, ErrNewer},
		"newer":            {`{"version":3}`, ErrNewer},
		"newer suite":      {strings.Replace(string(good), `"suite": 1`, `"suite": 2`, 1), ErrNewer},
		"no suite":         {strings.Replace(string(good), `"suite": 1`, `"suite": 0`, 1), ErrCard},
		"unknown field":    {strings.Replace(string(good), `{`, `{"x":1,`, 1), ErrCard},
		"two urls":         {strings.Replace(string(good), `{`, `{"url":"https://evil.example",`, 1), ErrCard},
		"URL in capitals":  {strings.Replace(string(good), `{`, `{"URL":"https://evil.example",`, 1), ErrCard},
		"a secret":         {strings.Replace(string(good), `{`, `{"enrolment":"x",`, 1), ErrCard},
		"a short account":  {strings.Replace(string(good), `{`, `{"account":"AAAA",`, 1), ErrCard},
		"no certificate":   {strings.Replace(string(good), `{`, `{"certificate":"AAAA",`, 1), ErrCard},
		"not UTF-8":        {strings.Replace(string(good), `"v"`, "\"\xff\"", 1), ErrCard},
		"much too long":    {strings.Repeat(" ", MaxBytes) + string(good), ErrCard},
		"no point":         {`{"version":1,"name":"v","url":"https://x","suite":1,"public_key":"AAAA"}`, ErrCard},
		"an infinite key":  {`{"version":1,"name":"v","url":"https://x","suite":1,"public_key":"AA=="}`, ErrCard},
		"another language": {"<html>", ErrCard},
	} {
		if got, err := Parse([]byte(c.text)); !errors.Is(err, c.err) {
			t.Errorf("%s: %+v %v", what, got, err)
		}
	}
}

// A version before this one wrote places of a computer into the card of a header.
// The card opens; what it says of a computer is dropped unread.
func TestLandedCards(t *testing.T) {
	for old, want := range map[URL]URL{
		"pkcs11:token=mine?module-path=/usr/lib/x.so&pin-source=file:/home/me/pin": "pkcs11:token=mine",
		"pkcs11:token=mine;serial=1;slot-id=7?module-name=x&pin-value=1":           "pkcs11:token=mine;serial=1",
		"pkcs11:token=mine?a=1&a=2&%zz":                                            "pkcs11:token=mine",
		"pkcs11:token=mine":                                                        "pkcs11:token=mine",
		"https://vault.example":                                                    "https://vault.example",
	} {
		c := New("v", old, publicKey(t))
		got, changed, err := ParseLanded(c.Encode())
		if err != nil || got.URL != want || changed != (old != want) {
			t.Errorf("%s: %s %v %v", old, got.URL, changed, err)
		}
	}
	if _, _, err := ParseLanded(New("v", "pkcs11:type=cert?module-path=/x", publicKey(t)).Encode()); !errors.Is(err, ErrCard) {
		t.Error(err)
	}
}

func TestTyped(t *testing.T) {
	card := New("v", "https://vault.example", publicKey(t))
	with := strings.Replace(string(card.Encode()), "{", `{"enrolment":"planted-token",`, 1)
	got, err := ParseTyped(with)
	if err != nil || string(got.Enrolment()) != "planted-token" {
		t.Fatalf("%v %v", got, err)
	}
	c, ok := got.Card()
	if !ok || bytes.Contains(c.Encode(), []byte("planted")) || got.Remembered() != "" {
		t.Errorf("%s", c.Encode())
	}
	token, err := ParseTyped("pkcs11:token=mine?module-path=/x.so&pin-source=file:/a%20b&module-name=x")
	if err != nil || token.Remembered() != "pkcs11:token=mine?module-path=/x.so&module-name=x&pin-source=file:/a%20b" {
		t.Errorf("%q %v", token.Remembered(), err)
	}
	pin, err := ParseTyped("pkcs11:token=mine?pin-value=planted")
	if err != nil || pin.Remembered() != "pkcs11:token=mine" {
		t.Errorf("%q %v", pin.Remembered(), err)
	}
	a, _ := pin.Token()
	for _, v := range []any{got, token, pin, a, &a, struct{ X Typed }{got}, struct{ X Address }{a}} {
		if text := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(text, "planted") || strings.Contains(text, "112 108") ||
			strings.Contains(text, "0x70") {
			t.Error(text)
		}
	}
	for _, bad := range []string{strings.Replace(with, "planted-token", "two words", 1),
		strings.Replace(with, "https://vault.example", "pkcs11:token=a?module-path=/x", 1), "pkcs11:", "x"} {
		if _, err := ParseTyped(bad); bad != "pkcs11:" && err == nil {
			t.Error(bad)
		}
	}
	if none, err := ParseTyped(" \n"); err != nil || !none.IsZero() {
		t.Error(err)
	}
}

// Whatever attributes a URI has, in whatever order and escaping: a card takes it
// only where it identifies, and what a card takes names no file and no PIN.
func TestAnyURIInACard(t *testing.T) {
	public := publicKey(t)
	attribute := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"token", "serial", "manufacturer", "model", "object", "slot-id", "type", "id", "library-manufacturer",
			"x-vendor",
			"module-path", "module-name", "pin-source", "pin-value", "TOKEN", ""}).Draw(t, "name")
		value := rapid.OneOf(rapid.SampledFrom([]string{"a", "%61", "/tmp/x.so", "%2Ftmp", "|sh", "file:/x", "..", "%00", "%E2%80%AE",
			"a?module-path=/x", "a;x=1"}), rapid.StringN(0, 6, 12)).Draw(t, "value")
		return name + "=" + value
	})
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOfN(attribute, 0, 4).Draw(t, "path"), ";")
		text := "pkcs11:" + path
		if rapid.Bool().Draw(t, "query") {
			text += "?" + strings.Join(rapid.SliceOfN(attribute, 0, 4).Draw(t, "query"), "&")
		}
		onlyIdentifies(t, URL(text), public)
	})
}

func onlyIdentifies(t interface{ Errorf(string, ...any) }, url URL, public []byte) {
	b, err := json.Marshal(New("v", url, public))
	if err != nil {
		return // not to be said in JSON
	}
	c, err := Parse(b)
	if err != nil {
		c, _, err = ParseLanded(b)
	}
	if err != nil || !c.URL.IsToken() {
		return
	}
	a, err := c.URL.Address()
	if err != nil || a.ModulePath != "" || a.ModuleName != "" || a.PINSource != "" || a.HasPIN() || a.SlotID != nil {
		t.Errorf("%q leads to %+v, %v", url, a, err)
	}
}

func FuzzCard(f *testing.F) {
	public := publicKey(f)
	f.Add([]byte(`{"version":1,"name":"v","url":"https://vault.example","suite":1,"public_key":"AA=="}`), "pkcs11:token=a?module-path=/x")
	f.Fuzz(func(t *testing.T, text []byte, url string) {
		onlyIdentifies(t, URL(url), public)
		c, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(c.Encode())
		if err != nil || !again.Equal(c) {
			t.Errorf("%q gives %+v, %v", text, again, err)
		}
		if _, err := ParseTyped(string(text)); err != nil {
			t.Errorf("a card that is no file of one: %v", err)
		}
	})
}

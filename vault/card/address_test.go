package card

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	u, err := ParseAddress("pkcs11:token=my%20vault;serial=9c1e;slot-id=7;object=abc?module-path=/usr/lib/x.so&pin-source=file:/etc/p%20in")
	if err != nil {
		t.Fatal(err)
	}
	if u.Token != "my vault" || u.Serial != "9c1e" || *u.SlotID != 7 || u.Object != "abc" || u.ModulePath != "/usr/lib/x.so" ||
		u.PINSource != "/etc/p in" {
		t.Errorf("%+v", *u)
	}
	if got := u.String(); got != "pkcs11:token=my%20vault;serial=9c1e;object=abc;slot-id=7?module-path=/usr/lib/x.so" {
		t.Error(got)
	}
	again, err := ParseAddress(u.String())
	if err != nil || again.Token != u.Token || again.ModulePath != u.ModulePath {
		t.Errorf("%+v %v", again, err)
	}
	for _, source := range []string{"file:/a/b", "file:///a/b", "file://localhost/a/b", "/a/b"} {
		if u, err := ParseAddress("pkcs11:token=a?pin-source=" + source); err != nil || u.PINSource != "/a/b" {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, bad := range []string{"", "token=a", "PKCS11:token=a", "pkcs11:token", "pkcs11:token=", "pkcs11:token=a;token=b",
		"pkcs11:slot-id=x",
		"pkcs11:token=%zz", "pkcs11:type=private", "pkcs11:pin-value=1", "pkcs11:token=a?pin-source=|cmd",
		"pkcs11:token=a?pin-source=file://host/a",
		"pkcs11:token=a?pin-source=file:", "pkcs11:token=a?module-path=", "pkcs11:token=a?pin-value=1&pin-source=/x",
		"pkcs11:token=a?color=red"} {
		if _, err := ParseAddress(bad); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAddressNeverShowsThePIN(t *testing.T) {
	u, err := ParseAddress("pkcs11:token=a?pin-value=planted")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", u, u, u, u.String()); strings.Contains(text, "planted") {
		t.Error(text)
	}
	_, err = ParseAddress("pkcs11:token=a?pin-value=planted&pin-value=planted")
	if err == nil || strings.Contains(err.Error(), "planted") {
		t.Error(err)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("pkcs11:token=a;slot-id=1?module-path=/x&pin-source=file:/y")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseAddress(text)
		if err != nil {
			return
		}
		again, err := ParseAddress(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("%q gives %q, %v", text, u, err)
		}
	})
}

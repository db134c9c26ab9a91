package dropbox

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The hash is Dropbox's, also at the ends of its blocks.
func TestHash(t *testing.T) {
	for n, want := range map[int]string{
		0:           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1:           "1cd6ef71e6e0ff46ad2609d403dc3fee244417089aa4461245a4e4fe23a55e42",
		4096:        "8620913d33852befe09f16fff8fd75f77a83160d29f76f07e0276e9690903035",
		4<<20 - 1:   "647c8627d70f7a7d13ce96b1e7710a771a55d41a62c3da490d92e56044d311fa",
		4 << 20:     "d4d63bac5b866c71620185392a8a6218ac1092454a2d16f820363b69852befa3",
		4<<20 + 1:   "8f553da8d00d0bf509d8470e242888be33019c20c0544811f5b2b89e98360b92",
		2*4<<20 + 1: "02c8a4aefc2bfc9036f89a7098001865885938ca580e5c9e5db672385edd303c",
	} {
		if got := hex.EncodeToString((*service)(nil).Hash(bytes.Repeat([]byte("A"), n))); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

// An argument in a header is ASCII, and says the same.
func TestHeader(t *testing.T) {
	for arg, want := range map[string]string{
		"plain": `"plain"`, "ä\x7f": `"\u00e4\u007f"`, "😀\"\\": `"\ud83d\ude00\"\\"`, "\n": `"\n"`,
	} {
		if got, err := header(arg); got != want || err != nil {
			t.Errorf("%q: %s, %v", arg, got, err)
		}
	}
}

package scan_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"math/rand/v2"
	"testing"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"github.com/holdfast-backup/holdfast/ui/scan"
)

// A picture that is a code and nothing else is read, however large the code is. The search for corners alone misses one in twenty.
func TestPicturesOfCodesAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		secret := make([]byte, 300+5*n)
		for i := range secret {
			secret[i] = byte(random.Uint32())
		}
		text := `{"version":2,"certificate":"` + base64.StdEncoding.EncodeToString(secret) + `"}`
		code, err := qr.Encode(text, qr.L, qr.Unicode)
		if err != nil {
			t.Fatal(err)
		}
		side := 4 * (code.Bounds().Dx() + 8)
		if code, err = barcode.Scale(code, side, side); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, code); err != nil {
			t.Fatal(err)
		}
		if got, err := scan.Code(t.Context(), b.Bytes()); err != nil || string(got) != text {
			t.Errorf("%d bytes: %q, %v", len(text), got, err)
		}
	}
}

package cli_test

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"os"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/rogpeppe/go-internal/testscript"
)

// paper TEXT PICTURE makes a picture of the QR code that the recovery kit has for the digits in a file.
func paper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: paper TEXT PICTURE")
	}
	digits := strings.ToUpper(strings.Join(strings.Fields(ts.ReadFile(args[0])), ""))
	code, err := qr.Encode(digits, qr.Q, qr.AlphaNumeric)
	ts.Check(err)
	code, err = barcode.Scale(code, 300, 300)
	ts.Check(err)
	page := image.NewGray(image.Rect(0, 0, 600, 800))
	draw.Draw(page, page.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(page, image.Rect(250, 60, 550, 360), code, image.Point{}, draw.Src)
	var b bytes.Buffer
	ts.Check(png.Encode(&b, page))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/boombuler/barcode/qr"

	cards "github.com/holdfast-backup/holdfast/vault/card"
)

// A code's squares in pixels, and the white around it in squares, as ISO/IEC 18004 wants it.
const (
	square = 6
	quiet  = 4
)

// picture is the card as a PNG with a QR code: its JSON, without spaces. The largest code holds 2,953 bytes, three times of what a card
// with the certificate of --dev-tls has.
func picture(c cards.Card) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	code, err := qr.Encode(string(text), qr.M, qr.Unicode)
	if err != nil {
		if code, err = qr.Encode(string(text), qr.L, qr.Unicode); err != nil {
			return nil, fmt.Errorf("the card has %d bytes, and no QR code holds more than 2,953: hand out its file", len(text))
		}
	}
	n := code.Bounds().Dx()
	side := (n + 2*quiet) * square
	out := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range n * square {
		for x := range n * square {
			if r, _, _, _ := code.At(x/square, y/square).RGBA(); r == 0 {
				out.SetColorIndex(x+quiet*square, y+quiet*square, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, out); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

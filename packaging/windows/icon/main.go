// Command icon makes the icon of a Windows program out of a PNG:
//
//	go run ./packaging/windows/icon assets/icon.png build/holdfast.ico
//
// The small sizes are bitmaps, since not every call of Windows reads a PNG in an icon; the large one is a PNG.
package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"log"
	"os"

	"golang.org/x/image/draw"
)

// sizes are what Windows shows at its usual scales, pixels.
var sizes = []int{16, 20, 24, 32, 40, 48, 64, large}

const large = 256

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: icon PNG ICO")
	}
	b, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		log.Fatal(err)
	}
	ico, err := icon(src)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], ico, 0o644); err != nil { //nolint:gosec // not a secret
		log.Fatal(err)
	}
}

// icon returns an .ico with src in all sizes.
func icon(src image.Image) ([]byte, error) {
	var head, body bytes.Buffer
	put(&head, [3]uint16{0, 1, uint16(len(sizes))}) // ICONDIR
	at := 6 + 16*len(sizes)
	for _, size := range sizes {
		m := image.NewNRGBA(image.Rect(0, 0, size, size))
		draw.CatmullRom.Scale(m, m.Bounds(), src, src.Bounds(), draw.Src, nil)
		var b []byte
		if size < large {
			b = bitmap(m)
		} else {
			var p bytes.Buffer
			if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&p, m); err != nil {
				return nil, err
			}
			b = p.Bytes()
		}
		// ICONDIRENTRY; 256 is written as 0
		put(&head, struct {
			Width, Height, Colours, Reserved uint8
			Planes, Bits                     uint16
			Bytes, Offset                    uint32
		}{uint8(size), uint8(size), 0, 0, 1, 32, uint32(len(b)), uint32(at + body.Len())}) //nolint:gosec // small numbers
		body.Write(b)
	}
	return append(head.Bytes(), body.Bytes()...), nil
}

// bitmap returns a BITMAPINFOHEADER, the pixels from the last line to the first, and an empty mask: the alpha channel says it.
func bitmap(m *image.NRGBA) []byte {
	size := m.Rect.Dx()
	var b bytes.Buffer
	put(&b, struct {
		Size          uint32
		Width, Height int32
		Planes, Bits  uint16
		Rest          [6]uint32
	}{40, int32(size), int32(2 * size), 1, 32, [6]uint32{}}) //nolint:gosec // small numbers
	for y := size - 1; y >= 0; y-- {
		for x := range size {
			c := m.NRGBAAt(x, y)
			b.Write([]byte{c.B, c.G, c.R, c.A})
		}
	}
	b.Write(make([]byte, size*((size+31)/32*4)))
	return b.Bytes()
}

func put(b *bytes.Buffer, v any) {
	if err := binary.Write(b, binary.LittleEndian, v); err != nil {
		panic(err) // only of types without a fixed size
	}
}

// Package scan reads QR codes from pictures: a photo or a scan of a recovery kit, of a sheet, of a vault's card.
//
// A picture is a PNG or a JPEG, of at most MaxBytes and MaxPixels. It comes from anywhere, so its size is looked at before it is
// decoded, and nothing that a decoder does wrong with it ends the program. A picture is only read; nothing of it is kept.
package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// What is wrong with a picture.
var (
	// ErrPicture: it is none that can be read, or too large.
	ErrPicture = errors.New("not a picture that can be read")
	// ErrNoCode: no QR code was found in it.
	ErrNoCode = errors.New("no QR code was found in the picture")
	// ErrLong: a text is longer than what was looked for.
	ErrLong = errors.New("the file is too long")
)

const (
	// MaxBytes is the most that a picture's file may have.
	MaxBytes = 32 << 20
	// MaxPixels is the most that a picture may have: a phone's 24 megapixels. A JPEG of so many takes up to 400 MB while it is read.
	MaxPixels = 25_000_000
	// maxCorners is the most corners of codes that are looked at in one picture: the decoder tries every three of them.
	maxCorners = 300
)

// sides are the lengths in pixels of the longer side at which a code is looked for, one after the other; a smaller picture is taken
// as it is. Small ones first: noise and blur vanish there, and they are fast.
var sides = []int{800, 1600, 3200}

// signatures are how files begin, with what they are called. "": a picture that is read.
var signatures = []struct{ begins, name string }{
	{"\x89PNG\r\n\x1a\n", ""},
	{"\xff\xd8\xff", ""},
	{"%PDF-", "PDF"}, {"GIF8", "GIF"}, {"II*\x00", "TIFF"}, {"MM\x00*", "TIFF"}, {"BM", "BMP"},
}

// kind says of a file's beginning what it is: a picture; else its name, "" where it may be text.
func kind(b []byte) (picture bool, other string) {
	for _, s := range signatures {
		if bytes.HasPrefix(b, []byte(s.begins)) {
			return s.name == "", s.name
		}
	}
	if len(b) >= 12 {
		switch {
		case string(b[4:8]) == "ftyp":
			return false, "HEIC"
		case string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
			return false, "WebP"
		}
	}
	return false, ""
}

// Read reads what a person has in a file: a text of at most most bytes as it is, or what the QR code in a picture says. The caller
// clears it. name is for the errors. Errors: ErrPicture, ErrNoCode, ErrLong, each with the name; those of r and ctx.
func Read(ctx context.Context, r io.Reader, name string, most int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		clear(b)
		return nil, err
	}
	picture, other := kind(b)
	switch {
	case other != "":
		return nil, fmt.Errorf("%s: %w: it is a %s, and pictures are PNG or JPEG", name, ErrPicture, other)
	case !picture && len(b) > most:
		clear(b)
		return nil, fmt.Errorf("%w: %s holds more than %d bytes", ErrLong, name, most)
	case !picture:
		return b, nil
	}
	whole, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(b), r), MaxBytes+1))
	clear(b)
	defer clear(whole)
	if err != nil {
		return nil, err
	}
	text, err := Code(ctx, whole)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// File is Read of the file at a path.
func File(ctx context.Context, path, name string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	return Read(ctx, f, name, most)
}

// Code is what the QR code in a picture says. The caller clears it. Errors: ErrPicture, ErrNoCode, that of ctx.
func Code(ctx context.Context, file []byte) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // a decoder met what it did not expect
			text, err = nil, fmt.Errorf("%w: %v", ErrPicture, p)
		}
	}()
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("%w: it has more than %d MB", ErrPicture, MaxBytes>>20)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	case c.Width <= 0 || c.Height <= 0 || int64(c.Width)*int64(c.Height) > MaxPixels:
		return nil, fmt.Errorf("%w: it has %d by %d pixels, and more than %d million are not read",
			ErrPicture, c.Width, c.Height, MaxPixels/1_000_000)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	gray := grayOf(img)
	defer clear(gray.Pix)
	// A picture that is the code and nothing else needs no corners to be found, and the search for them misses one in twenty of the
	// large ones.
	if text, found := look(ctx, gray, gozxing.NewGlobalHistgramBinarizer, gozxing.DecodeHintType_PURE_BARCODE); found {
		return text, nil
	}
	longer := max(gray.Rect.Dx(), gray.Rect.Dy())
	for _, side := range sides {
		g := shrunk(gray, side)
		for _, binarizer := range []binarizer{gozxing.NewHybridBinarizer, gozxing.NewGlobalHistgramBinarizer} {
			if text, found := look(ctx, g, binarizer, gozxing.DecodeHintType_TRY_HARDER); found {
				return text, nil
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if longer <= side {
			break
		}
	}
	return nil, ErrNoCode
}

// tooMuch ends the decoder where a picture would keep it for ever: it has no other way out.
type tooMuch struct{}

// binarizer tells dark from light: by neighbourhoods, or by the whole picture.
type binarizer = func(gozxing.LuminanceSource) gozxing.Binarizer

// look looks for a code in one way.
func look(ctx context.Context, g *image.Gray, binary binarizer, way gozxing.DecodeHintType) (text []byte, found bool) {
	corners := 0
	defer func() {
		switch p := recover(); p.(type) {
		case nil, tooMuch:
		default:
			panic(p)
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmap(binary(gozxing.NewLuminanceSourceFromImage(g)))
	if err != nil {
		return nil, false
	}
	r, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{
		way:                                  true,
		gozxing.DecodeHintType_CHARACTER_SET: "UTF-8",
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
			if corners++; corners > maxCorners || ctx.Err() != nil {
				panic(tooMuch{})
			}
		}),
	})
	if err != nil {
		return nil, false
	}
	return []byte(r.GetText()), true
}

// grayOf is a picture in shades of gray, on white paper where it can be seen through.
func grayOf(img image.Image) *image.Gray {
	b := img.Bounds()
	g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	switch p := img.(type) {
	case *image.Gray:
		for y := range b.Dy() {
			copy(g.Pix[y*g.Stride:][:b.Dx()], p.Pix[y*p.Stride:])
		}
	case *image.YCbCr:
		for y := range b.Dy() {
			copy(g.Pix[y*g.Stride:][:b.Dx()], p.Y[y*p.YStride:])
		}
	default:
		for y := range b.Dy() {
			for x := range b.Dx() {
				r, gr, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
				clear := 0xffff - a
				g.Pix[y*g.Stride+x] = color.GrayModel.Convert(color.RGBA64{
					R: uint16(r + clear), G: uint16(gr + clear), B: uint16(bl + clear), A: 0xffff,
				}).(color.Gray).Y
			}
		}
	}
	return g
}

// shrunk is a picture whose longer side has at most so many pixels, each the mean of those that it stands for; itself where it is
// no longer than that.
func shrunk(g *image.Gray, side int) *image.Gray {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	if max(w, h) <= side {
		return g
	}
	nw, nh := max(1, w*side/max(w, h)), max(1, h*side/max(w, h))
	out := image.NewGray(image.Rect(0, 0, nw, nh))
	for y := range nh {
		top, bottom := y*h/nh, max(y*h/nh+1, (y+1)*h/nh)
		for x := range nw {
			left, right := x*w/nw, max(x*w/nw+1, (x+1)*w/nw)
			sum := 0
			for j := top; j < bottom; j++ {
				for _, v := range g.Pix[j*g.Stride+left : j*g.Stride+right] {
					sum += int(v)
				}
			}
			out.Pix[y*out.Stride+x] = byte(sum / ((bottom - top) * (right - left)))
		}
	}
	return out
}

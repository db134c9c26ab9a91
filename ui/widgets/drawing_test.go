package widgets

import (
	"bytes"
	"image"
	"image/color"
	"testing"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Every icon is drawn, in its colour alone, as no other is, and stronger where it is large.
func TestIconsAreDrawn(t *testing.T) {
	red := color.NRGBA{R: 0xd0, A: 0xff}
	seen := map[string]string{}
	for _, name := range assets.IconNames() {
		img := drawing(name, red, theme.IconMedium, 40, 40).(*image.RGBA)
		inked := 0
		for i := 0; i < len(img.Pix); i += 4 {
			if img.Pix[i+3] > 0 {
				inked++
			}
			if img.Pix[i+1] != 0 || img.Pix[i+2] != 0 {
				t.Fatalf("%s is not in the colour that was asked for", name)
			}
		}
		if inked < 10 {
			t.Errorf("%s shows %d pixels", name, inked)
		}
		if other, ok := seen[string(img.Pix)]; ok {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[string(img.Pix)] = name
	}
	thin := drawing("check", red, theme.IconMedium, 40, 40).(*image.RGBA)
	bold := drawing("check", red, theme.IconLarge+1, 40, 40).(*image.RGBA)
	if bytes.Equal(thin.Pix, bold.Pix) {
		t.Error("a large icon has the stroke of a small one")
	}
	if len(seen) < 30 {
		t.Errorf("only %d icons were found", len(seen))
	}
}

// At a larger scale an icon has as much ink for its size: its strokes grow with it.
func TestStrokesGrowWithTheScale(t *testing.T) {
	ink := func(img image.Image) (sum float64) {
		rgba := img.(*image.RGBA)
		for i := 3; i < len(rgba.Pix); i += 4 {
			sum += float64(rgba.Pix[i]) / 255
		}
		b := rgba.Bounds()
		return sum / float64(b.Dx()*b.Dy())
	}
	for _, side := range []float32{theme.IconSmall, theme.IconMedium, theme.IconLarge, 40} {
		for _, name := range assets.IconNames() {
			base := ink(drawing(name, color.Black, side, int(side), int(side)))
			for _, scale := range []float32{1.25, 1.5, 2, 3} {
				px := int(side * scale)
				if got := ink(drawing(name, color.Black, side, px, px)); got < 0.9*base || got > 1.1*base {
					t.Errorf("%s of %v: %.3f of it is ink at %v, %.3f at 1", name, side, got, scale, base)
				}
			}
		}
	}
}

package widgets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"sync"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
)

type drawingKey struct {
	name, color string
	side        float32
	w, h        int
}

var drawings sync.Map // drawingKey → image.Image; a few hundred small pictures at most

// drawing is an icon in a colour, w × h pixels for side units of the window, so
// that its strokes grow with the window's scale. Large icons get a stronger
// stroke, or they would look thinner than small ones.
func drawing(name string, c color.Color, side float32, w, h int) image.Image {
	if name == "" || w <= 0 || h <= 0 {
		return image.NewRGBA(image.Rect(0, 0, max(w, 1), max(h, 1)))
	}
	r, g, b, _ := c.RGBA()
	key := drawingKey{name: name, color: fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8), side: side, w: w, h: h}
	if known, ok := drawings.Load(key); ok {
		return known.(image.Image)
	}
	svg := assets.Icon(name)
	if side > theme.IconLarge {
		svg = bytes.ReplaceAll(svg, []byte(`stroke-width="1.75"`), []byte(`stroke-width="2.5"`))
	}
	icon, err := oksvg.ReadReplacingCurrentColor(bytes.NewReader(svg), key.color)
	if err != nil {
		panic(fmt.Sprintf("widgets: icon %q: %v", name, err)) // a mistake in the program, which a test finds
	}
	icon.SetTarget(0, 0, float64(w), float64(h))
	for i := range icon.SVGPaths { // SetTarget leaves the strokes as they are
		icon.SVGPaths[i].LineWidth *= float64(w) / float64(side)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	icon.Draw(rasterx.NewDasher(w, h, rasterx.NewScannerGV(w, h, img, img.Bounds())), 1)
	drawings.Store(key, img)
	return img
}

package widgets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Icon is one of the small icons in a colour of the theme.
type Icon struct {
	widget.BaseWidget
	Name  string // of assets.Icon; "" shows nothing
	Color fyne.ThemeColorName
	Side  float32
}

// NewIcon returns an icon.
func NewIcon(name string, color fyne.ThemeColorName, side float32) *Icon {
	i := &Icon{Name: name, Color: color, Side: side}
	i.ExtendBaseWidget(i)
	return i
}

// Set shows another icon or colour.
func (i *Icon) Set(name string, color fyne.ThemeColorName) {
	if i.Name == name && i.Color == color {
		return
	}
	i.Name, i.Color = name, color
	i.Refresh()
}

// CreateRenderer implements fyne.Widget. The drawing is read and drawn when the
// window is painted, once for each size and colour: the toolkit's own images
// read theirs whenever one is made.
func (i *Icon) CreateRenderer() fyne.WidgetRenderer {
	picture := canvas.NewRaster(func(w, h int) image.Image { return drawing(i.Name, colorOf(i.Color), i.Side, w, h) })
	return laidOut(i.Size(), &renderer{
		objects: []fyne.CanvasObject{picture},
		layout: func(s fyne.Size) {
			side := min(i.Side, s.Width, s.Height)
			picture.Resize(fyne.NewSquareSize(side))
			picture.Move(fyne.NewPos((s.Width-side)/2, (s.Height-side)/2))
		},
		min:     func() fyne.Size { return fyne.NewSquareSize(i.Side) },
		refresh: picture.Refresh,
	})
}

// Medallion is an icon in a tinted circle.
type Medallion struct {
	widget.BaseWidget
	icon *Icon
	tint fyne.ThemeColorName
	side float32
}

// NewMedallion returns a circle of the given size.
func NewMedallion(side float32) *Medallion {
	m := &Medallion{icon: NewIcon("", theme.Text, side*0.5), tint: theme.TintMuted, side: side}
	m.ExtendBaseWidget(m)
	return m
}

// Set shows an icon in a tone.
func (m *Medallion) Set(icon string, tone Tone) {
	m.tint = tone.tint()
	m.icon.Set(icon, tone.color())
	m.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (m *Medallion) CreateRenderer() fyne.WidgetRenderer {
	circle := canvas.NewCircle(colorOf(m.tint))
	return laidOut(m.Size(), &renderer{
		objects: []fyne.CanvasObject{circle, m.icon},
		layout: func(s fyne.Size) {
			side := min(m.side, s.Width, s.Height)
			at := fyne.NewPos((s.Width-side)/2, (s.Height-side)/2)
			circle.Resize(fyne.NewSquareSize(side))
			circle.Move(at)
			m.icon.Resize(fyne.NewSquareSize(side))
			m.icon.Move(at)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(m.side) },
		refresh: func() {
			circle.FillColor = colorOf(m.tint)
			circle.Refresh()
			m.icon.Refresh()
		},
	})
}

// Tone is what a state means to the person; an icon and words go with it.
type Tone int

// The tones.
const (
	ToneNeutral Tone = iota
	TonePrimary
	ToneGood
	ToneAttention
	ToneBad
)

func (t Tone) color() fyne.ThemeColorName {
	return [...]fyne.ThemeColorName{theme.Muted, theme.Primary, theme.Good, theme.Attention, theme.Bad}[t]
}

func (t Tone) tint() fyne.ThemeColorName {
	return [...]fyne.ThemeColorName{theme.TintMuted, theme.TintPrimary, theme.TintGood, theme.TintAttention, theme.TintBad}[t]
}

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

package widgets

import (
	"bytes"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

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

// CreateRenderer implements fyne.Widget.
func (i *Icon) CreateRenderer() fyne.WidgetRenderer {
	img := &canvas.Image{FillMode: canvas.ImageFillContain}
	update := func() {
		var drawn fyne.Resource
		if i.Name != "" {
			drawn = resource(i.Name, i.Color, i.Side)
		}
		if drawn != nil && img.Resource != nil && drawn.Name() == img.Resource.Name() {
			return // reading a drawing is what costs most of a screen
		}
		img.Resource = drawn
		img.Refresh()
	}
	update()
	return &renderer{
		objects: []fyne.CanvasObject{img},
		layout: func(s fyne.Size) {
			side := min(i.Side, s.Width, s.Height)
			img.Resize(fyne.NewSquareSize(side))
			img.Move(fyne.NewPos((s.Width-side)/2, (s.Height-side)/2))
		},
		min:     func() fyne.Size { return fyne.NewSquareSize(i.Side) },
		refresh: func() { update(); canvas.Refresh(i) },
	}
}

// resource draws an icon in a colour. The toolkit recolours fills only, and
// these icons are strokes; the name holds the colour, since it caches by name.
//
// Large icons get a stronger stroke, or they would look thinner than small ones.
func resource(name string, color fyne.ThemeColorName, side float32) fyne.Resource {
	r, g, b, _ := colorOf(color).RGBA()
	hex := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
	svg := bytes.ReplaceAll(assets.Icon(name), []byte("currentColor"), []byte(hex))
	weight := ""
	if side > theme.IconLarge {
		weight = "-bold"
		svg = bytes.ReplaceAll(svg, []byte(`stroke-width="1.75"`), []byte(`stroke-width="2.5"`))
	}
	return fyne.NewStaticResource(name+weight+hex+".svg", svg)
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
	return &renderer{
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
	}
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

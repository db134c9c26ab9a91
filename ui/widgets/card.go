package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Ground is a filled, rounded rectangle that follows the theme.
type Ground struct {
	widget.BaseWidget
	Fill, Stroke fyne.ThemeColorName
	Radius       float32
}

// NewGround returns a ground; stroke may be "".
func NewGround(fill, stroke fyne.ThemeColorName, radius float32) *Ground {
	g := &Ground{Fill: fill, Stroke: stroke, Radius: radius}
	g.ExtendBaseWidget(g)
	return g
}

// CreateRenderer implements fyne.Widget.
func (g *Ground) CreateRenderer() fyne.WidgetRenderer {
	r := box(g.Radius)
	paint(r, g.Fill, g.Stroke, 1)
	return laidOut(g.Size(), &renderer{
		objects: []fyne.CanvasObject{r},
		layout:  func(s fyne.Size) { r.Resize(s) },
		min:     func() fyne.Size { return fyne.Size{} },
		refresh: func() { paint(r, g.Fill, g.Stroke, 1); canvas.Refresh(g) },
	})
}

// Card puts content on a raised surface.
func Card(content fyne.CanvasObject) *fyne.Container {
	return container.NewStack(NewGround(theme.Surface, theme.Outline, theme.RadiusCard), Inset(theme.Space6, theme.Space4+4, content))
}

// Rows is a card of rows with lines between them.
func Rows(rows ...fyne.CanvasObject) *fyne.Container {
	var objects []fyne.CanvasObject
	for i, r := range rows {
		if i > 0 {
			objects = append(objects, Inset(theme.Space4, 0, AtLeast(1, 1, NewGround(theme.Outline, "", 0))))
		}
		objects = append(objects, r)
	}
	return container.NewStack(NewGround(theme.Surface, theme.Outline, theme.RadiusCard), Inset(1, 1, Column(0, objects...)))
}

// Notice is a tinted box with an icon and a text.
func Notice(tone Tone, icon, text string) *fyne.Container {
	t := NewBody(text)
	return container.NewStack(NewGround(tone.tint(), "", theme.RadiusControl),
		Inset(theme.Space4, theme.Space3, TopRow(theme.Space3, Wide(t), NewIcon(icon, tone.color(), theme.IconMedium), t)))
}

// Bordered draws the edge of what can be operated around a field that has none.
func Bordered(field fyne.CanvasObject) *fyne.Container {
	return container.NewStack(field, NewGround("", theme.Control, theme.RadiusControl))
}

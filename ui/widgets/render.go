package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// renderer is a fyne.WidgetRenderer made of closures over the widget's parts.
type renderer struct {
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     func() fyne.Size
	refresh func()
}

func (r *renderer) Layout(s fyne.Size)           { r.layout(s) }
func (r *renderer) MinSize() fyne.Size           { return r.min() }
func (r *renderer) Refresh()                     { r.refresh() }
func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *renderer) Destroy()                     {}

// laidOut lays a renderer out at once where its widget has a size already. The
// toolkit forgets the renderers of what was not seen for a minute, and makes
// new ones without telling them the size: what comes back would be empty.
func laidOut(size fyne.Size, r *renderer) *renderer {
	if !size.IsZero() {
		r.layout(size)
	}
	return r
}

// Unsize has all parts of a page laid out anew when it is shown again. Of its own
// fields the toolkit forgets after a minute how they were laid out, and lays
// out again only what changes its size.
func Unsize(o fyne.CanvasObject) {
	switch x := o.(type) {
	case *fyne.Container:
		for _, part := range x.Objects {
			Unsize(part)
		}
	case *container.Scroll:
		Unsize(x.Content)
	case interface{ inside() *fyne.Container }:
		Unsize(x.inside())
	}
	o.Resize(fyne.NewSquareSize(1))
}

// colorOf resolves a colour of the theme in use.
func colorOf(name fyne.ThemeColorName) color.Color {
	s := fyne.CurrentApp().Settings()
	return s.Theme().Color(name, s.ThemeVariant())
}

func box(radius float32) *canvas.Rectangle {
	r := canvas.NewRectangle(color.Transparent)
	r.CornerRadius = radius
	return r
}

// paint sets fill and stroke by name; "" is none.
func paint(r *canvas.Rectangle, fill, stroke fyne.ThemeColorName, width float32) {
	r.FillColor, r.StrokeColor, r.StrokeWidth = color.Transparent, color.Transparent, 0
	if fill != "" {
		r.FillColor = colorOf(fill)
	}
	if stroke != "" {
		r.StrokeColor, r.StrokeWidth = colorOf(stroke), width
	}
	r.Refresh()
}

// paintState shows hover and focus on a layer that lies over a widget's ground.
func paintState(r *canvas.Rectangle, hovered, focused bool) {
	var fill, stroke fyne.ThemeColorName
	if hovered {
		fill = theme.Hover
	}
	if focused {
		stroke = theme.Primary
	}
	paint(r, fill, stroke, theme.Ring)
}

// composite is a piece that is made of other pieces. (A struct that embeds a
// container would not do: the toolkit knows containers by their exact type.)
type composite struct {
	widget.BaseWidget
	root *fyne.Container
}

// CreateRenderer implements fyne.Widget.
func (c *composite) CreateRenderer() fyne.WidgetRenderer {
	return laidOut(c.Size(), &renderer{
		objects: []fyne.CanvasObject{c.root},
		layout:  func(s fyne.Size) { c.root.Resize(s) },
		min:     func() fyne.Size { return c.root.MinSize() },
		refresh: func() { c.root.Refresh(); canvas.Refresh(c.root) },
	})
}

func (c *composite) inside() *fyne.Container { return c.root }

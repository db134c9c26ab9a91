package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

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

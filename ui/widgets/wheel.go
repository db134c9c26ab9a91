package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// wheel lies over a field of several lines and gives the mouse's wheel to the
// page around it: the toolkit's field keeps it, whether there is something to
// scroll in it or not. All else goes through to the field.
type wheel struct {
	widget.BaseWidget
	field fyne.CanvasObject
}

func newWheel(field fyne.CanvasObject) *wheel {
	w := &wheel{field: field}
	w.ExtendBaseWidget(w)
	return w
}

// CreateRenderer implements fyne.Widget. There is nothing to be seen.
func (w *wheel) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(canvas.NewRectangle(color.Transparent))
}

// Scrolled implements fyne.Scrollable.
func (w *wheel) Scrolled(e *fyne.ScrollEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(w.field)
	if c == nil || c.Content() == nil {
		return
	}
	if around := scrollOf(c.Content(), w.field, nil); around != nil {
		around.Scrolled(e)
	}
}

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// reveal scrolls to what got the focus, which the toolkit leaves wherever it is.
func reveal(o fyne.CanvasObject) {
	d := fyne.CurrentApp().Driver()
	c := d.CanvasForObject(o)
	if c == nil || c.Content() == nil {
		return
	}
	s := scrollOf(c.Content(), o, nil)
	if s == nil {
		return
	}
	top := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(s.Content).Y
	bottom := top + o.Size().Height
	to := min(max(s.Offset.Y, bottom+theme.Space4-s.Size().Height), top-theme.Space4)
	to = max(0, min(to, s.Content.Size().Height-s.Size().Height))
	if to == s.Offset.Y {
		return
	}
	s.ScrollToOffset(fyne.NewPos(0, to))
	if s.OnScrolled != nil {
		s.OnScrolled(s.Offset)
	}
}

// scrollOf finds the innermost scroller that o is in.
func scrollOf(in, o fyne.CanvasObject, around *container.Scroll) *container.Scroll {
	if in == o {
		return around
	}
	switch x := in.(type) {
	case *fyne.Container:
		for _, c := range x.Objects {
			if s := scrollOf(c, o, around); s != nil {
				return s
			}
		}
	case *container.Scroll:
		return scrollOf(x.Content, o, x)
	case interface{ inside() *fyne.Container }:
		return scrollOf(x.inside(), o, around)
	}
	return nil
}

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// tappable is what all operable pieces share: tap, Space and Return call tap,
// and the pointer and the focus show. The outer widget calls ExtendBaseWidget.
type tappable struct {
	widget.DisableableWidget
	outer            fyne.Widget
	tap              func()
	hovered, focused bool
}

var (
	_ fyne.Focusable     = (*tappable)(nil)
	_ fyne.Tappable      = (*tappable)(nil)
	_ desktop.Hoverable  = (*tappable)(nil)
	_ desktop.Cursorable = (*tappable)(nil)
)

// ExtendBaseWidget makes w what is seen and operated.
func (t *tappable) ExtendBaseWidget(w fyne.Widget) {
	t.outer = w
	t.DisableableWidget.ExtendBaseWidget(w)
}

func (t *tappable) Tapped(*fyne.PointEvent) {
	if !t.Disabled() && t.tap != nil {
		t.tap()
	}
}

func (t *tappable) FocusGained() { t.focused = true; t.Refresh(); reveal(t.outer) }

func (t *tappable) FocusLost() { t.focused = false; t.Refresh() }

func (t *tappable) TypedRune(rune) {}

func (t *tappable) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		t.Tapped(nil)
	default:
		handOnKey(t.outer, e)
	}
}

func (t *tappable) MouseIn(*desktop.MouseEvent) { t.hovered = true; t.Refresh() }

func (t *tappable) MouseMoved(*desktop.MouseEvent) {}

func (t *tappable) MouseOut() { t.hovered = false; t.Refresh() }

func (t *tappable) Cursor() desktop.Cursor {
	if t.tap == nil || t.Disabled() {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

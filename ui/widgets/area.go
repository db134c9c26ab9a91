package widgets

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Area is a field of several lines that Tab leaves, as it leaves every other
// field: the toolkit's own keeps it, and the keyboard with it. It grows with
// what is in it, and the mouse's wheel scrolls the page around it.
type Area struct {
	widget.Entry
	// OnReturn, if set, is what Return does instead of beginning a line.
	OnReturn func()

	rows int // at least
}

// mostRows is how far a field grows: what is longer scrolls with the cursor.
const mostRows = 16

// NewArea returns a field in monospace with a number of lines.
func NewArea(rows int) *Area {
	a := &Area{rows: rows}
	a.ExtendBaseWidget(a)
	a.MultiLine = true
	a.Wrapping = fyne.TextWrapWord
	a.TextStyle = fyne.TextStyle{Monospace: true}
	a.SetMinRowsVisible(rows)
	return a
}

// CreateRenderer implements fyne.Widget.
func (a *Area) CreateRenderer() fyne.WidgetRenderer {
	return &areaRenderer{a.Entry.CreateRenderer(), newWheel(a)}
}

// areaRenderer is that of a field, with what takes the wheel on top.
type areaRenderer struct {
	fyne.WidgetRenderer
	wheel *wheel
}

func (r *areaRenderer) Layout(s fyne.Size) {
	r.WidgetRenderer.Layout(s)
	r.wheel.Resize(s)
}

func (r *areaRenderer) Objects() []fyne.CanvasObject {
	return append(slices.Clone(r.WidgetRenderer.Objects()), r.wheel)
}

// SetText replaces what is in the field.
func (a *Area) SetText(text string) {
	a.Entry.SetText(text)
	a.grow()
}

// grow shows all lines, as far as that goes.
func (a *Area) grow() {
	a.SetMinRowsVisible(max(a.rows, min(mostRows, strings.Count(a.Text, "\n")+1)))
}

// AcceptsTab implements fyne.Tabbable.
func (a *Area) AcceptsTab() bool { return false }

// TypedKey implements fyne.Focusable.
func (a *Area) TypedKey(e *fyne.KeyEvent) {
	if a.OnReturn != nil && (e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter) {
		a.OnReturn()
		return
	}
	if e.Name == fyne.KeyEscape || e.Name == fyne.KeyF5 {
		handOnKey(a, e)
		return
	}
	a.Entry.TypedKey(e)
	a.grow()
}

// TypedShortcut implements fyne.Shortcutable.
func (a *Area) TypedShortcut(s fyne.Shortcut) {
	if !handOnShortcut(a, s) {
		a.Entry.TypedShortcut(s)
		a.grow()
	}
}

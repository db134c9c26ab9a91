package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Area is a field of several lines that Tab leaves, as it leaves every other
// field: the toolkit's own keeps it, and the keyboard with it.
type Area struct {
	widget.Entry
	// OnReturn, if set, is what Return does instead of beginning a line.
	OnReturn func()
}

// NewArea returns a field in monospace with a number of lines.
func NewArea(rows int) *Area {
	a := &Area{}
	a.ExtendBaseWidget(a)
	a.MultiLine = true
	a.Wrapping = fyne.TextWrapWord
	a.TextStyle = fyne.TextStyle{Monospace: true}
	a.SetMinRowsVisible(rows)
	return a
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
}

// TypedShortcut implements fyne.Shortcutable.
func (a *Area) TypedShortcut(s fyne.Shortcut) {
	if !handOnShortcut(a, s) {
		a.Entry.TypedShortcut(s)
	}
}

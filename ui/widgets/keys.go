package widgets

import (
	"runtime"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// The toolkit gives a key to what has the focus, and to nobody else. A piece hands on what it has no use for to the window: so Ctrl+Q
// ends the app from within a field too, and Escape goes back from everywhere.

// handOnKey gives a key to the window that an object is in.
func handOnKey(o fyne.CanvasObject, e *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(e)
	}
}

// handOnShortcut gives one of the window's shortcuts to the window. It reports whether it was one.
func handOnShortcut(o fyne.CanvasObject, s fyne.Shortcut) bool {
	custom, ok := s.(*desktop.CustomShortcut)
	if !ok || !ofWindow(custom) {
		return false
	}
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(o).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
	return true
}

// ofWindow reports whether a shortcut is none that a field uses.
func ofWindow(s *desktop.CustomShortcut) bool {
	switch s.KeyName {
	case fyne.KeyQ, fyne.KeyW, fyne.KeyF, fyne.KeyComma:
		return s.Modifier == fyne.KeyModifierShortcutDefault
	case fyne.KeyLeft: // on a Mac, fields move by words with it
		return s.Modifier == fyne.KeyModifierAlt && runtime.GOOS != "darwin"
	}
	return false
}

// Field is a field of one line.
type Field struct{ widget.Entry }

// NewField returns an empty field.
func NewField() *Field {
	f := &Field{}
	f.ExtendBaseWidget(f)
	return f
}

// TypedShortcut implements fyne.Shortcutable.
func (f *Field) TypedShortcut(s fyne.Shortcut) {
	if !handOnShortcut(f, s) {
		f.Entry.TypedShortcut(s)
	}
}

// TypedKey implements fyne.Focusable.
func (f *Field) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyEscape, fyne.KeyF5:
		handOnKey(f, e)
	default:
		f.Entry.TypedKey(e)
	}
}

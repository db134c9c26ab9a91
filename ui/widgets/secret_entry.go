package widgets

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// SecretEntry is a field for a password, hidden until its eye is tapped.
type SecretEntry struct {
	widget.Entry
	// OnEscape, if set, is what Escape does.
	OnEscape func()
}

// NewSecretEntry returns an empty field.
func NewSecretEntry() *SecretEntry {
	e := &SecretEntry{}
	e.Password, e.Wrapping = true, fyne.TextWrap(fyne.TextTruncateClip)
	e.ExtendBaseWidget(e)
	return e
}

// TypedShortcut implements fyne.Shortcutable. What is pasted loses the ends of
// its lines: the toolkit would make a space of the last one, which nobody sees
// and which makes the password wrong.
func (e *SecretEntry) TypedShortcut(s fyne.Shortcut) {
	if handOnShortcut(e, s) {
		return
	}
	if p, ok := s.(*fyne.ShortcutPaste); ok {
		s = &fyne.ShortcutPaste{Clipboard: oneLine{p.Clipboard}}
	}
	e.Entry.TypedShortcut(s)
}

// TypedKey implements fyne.Focusable.
func (e *SecretEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape && e.OnEscape != nil {
		e.OnEscape()
		return
	}
	if k.Name == fyne.KeyEscape || k.Name == fyne.KeyF5 {
		handOnKey(e, k)
		return
	}
	e.Entry.TypedKey(k)
}

// Peek returns what is in the field. The caller clears it.
func (e *SecretEntry) Peek() []byte { return []byte(trimLines(e.Text)) }

// Take returns what is in the field and empties it. The caller clears it. The
// toolkit's own copies are beyond reach.
func (e *SecretEntry) Take() []byte {
	b := e.Peek()
	e.SetText("")
	return b
}

func trimLines(s string) string { return strings.TrimRight(s, "\r\n") }

// oneLine is a clipboard without the line ends around its text.
type oneLine struct{ fyne.Clipboard }

func (o oneLine) Content() string {
	return trimLines(strings.TrimLeft(o.Clipboard.Content(), "\r\n"))
}

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

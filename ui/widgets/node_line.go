package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// pickTree and pickList are the toolkit's, with keys of our own. Each is one stop of Tab: the arrows go through its lines,
// Space checks one, and Return asks for its versions.

type pickTree struct {
	widget.Tree
	key func(*fyne.KeyEvent) bool // reports whether it was of use
	on  func(focused bool)
}

// TypedKey implements fyne.Focusable.
func (t *pickTree) TypedKey(e *fyne.KeyEvent) {
	if !t.key(e) {
		t.Tree.TypedKey(e)
	}
}

// FocusGained implements fyne.Focusable.
func (t *pickTree) FocusGained() { t.on(true); t.Tree.FocusGained() }

// FocusLost implements fyne.Focusable.
func (t *pickTree) FocusLost() { t.on(false); t.Tree.FocusLost() }

type pickList struct {
	widget.List
	key func(*fyne.KeyEvent) bool
	on  func(focused bool)
}

// TypedKey implements fyne.Focusable.
func (l *pickList) TypedKey(e *fyne.KeyEvent) {
	if !l.key(e) {
		l.List.TypedKey(e)
	}
}

// FocusGained implements fyne.Focusable.
func (l *pickList) FocusGained() { l.on(true); l.List.FocusGained() }

// FocusLost implements fyne.Focusable.
func (l *pickList) FocusLost() { l.on(false); l.List.FocusLost() }

// spot is an icon that can be tapped. Tab passes it by.
type spot struct {
	widget.BaseWidget
	icon    *Icon
	tap     func()
	noticed func(on bool) // may be nil
	hovered bool
}

func newSpot(icon string) *spot {
	s := &spot{icon: NewIcon(icon, theme.Primary, 18)}
	s.ExtendBaseWidget(s)
	return s
}

// Tapped implements fyne.Tappable.
func (s *spot) Tapped(*fyne.PointEvent) { s.tap() }

// MouseIn implements desktop.Hoverable.
func (s *spot) MouseIn(*desktop.MouseEvent) { s.hover(true) }

// MouseMoved implements desktop.Hoverable.
func (s *spot) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (s *spot) MouseOut() { s.hover(false) }

func (s *spot) hover(on bool) {
	s.hovered = on
	s.Refresh()
	if s.noticed != nil {
		s.noticed(on)
	}
}

// Cursor implements desktop.Cursorable.
func (s *spot) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (s *spot) CreateRenderer() fyne.WidgetRenderer {
	state := box(theme.RadiusControl)
	r := &renderer{objects: []fyne.CanvasObject{state, s.icon}}
	r.layout = func(size fyne.Size) {
		state.Resize(size)
		s.icon.Resize(fyne.NewSquareSize(s.icon.Side))
		s.icon.Move(fyne.NewPos((size.Width-s.icon.Side)/2, (size.Height-s.icon.Side)/2))
	}
	r.min = func() fyne.Size { return fyne.NewSize(s.icon.Side+2*quietPad, s.icon.Side+8) }
	r.refresh = func() { paintState(state, s.hovered, false) }
	return laidOut(s.Size(), r)
}

// nodeLine is a check, an icon, a name, a size and a spot for the versions.
type nodeLine struct {
	widget.BaseWidget
	check      *tick
	icon       *Icon
	name, note *Text
	versions   *spot
	focused    bool // the arrows are at it
}

func newNodeLine() *nodeLine {
	l := &nodeLine{check: newTick(), icon: NewIcon("file", theme.Muted, 18), name: NewBody("").Shortened(),
		note: NewMuted("000 bytes").OneLine(), versions: newSpot("restore")}
	l.note.Align = fyne.TextAlignTrailing
	l.ExtendBaseWidget(l)
	return l
}

func (l *nodeLine) CreateRenderer() fyne.WidgetRenderer {
	const height = 30
	ring := box(theme.RadiusControl)
	r := &renderer{objects: []fyne.CanvasObject{ring, l.check, l.icon, l.name, l.note, l.versions}}
	r.layout = func(s fyne.Size) {
		ring.Resize(s)
		paintState(ring, false, l.focused)
		put := func(o fyne.CanvasObject, x, w float32) {
			h := o.MinSize().Height
			o.Resize(fyne.NewSize(w, h))
			o.Move(fyne.NewPos(x, (s.Height-h)/2))
		}
		check, note := l.check.MinSize().Width, l.note.MinSize().Width
		put(l.check, 4, check)
		check += 8
		put(l.icon, check+theme.Space2, l.icon.Side)
		x := check + theme.Space2 + l.icon.Side + theme.Space2
		wide := l.versions.MinSize().Width
		end := s.Width - theme.Space4 - wide // clear of the scroll bar
		put(l.name, x, max(0, end-theme.Space2-note-theme.Space3-x))
		put(l.note, end-theme.Space2-note, note)
		l.versions.Resize(fyne.NewSize(wide, height))
		l.versions.Move(fyne.NewPos(end, (s.Height-height)/2))
	}
	r.min = func() fyne.Size { return fyne.NewSize(160, 34) }
	r.refresh = func() { r.layout(l.Size()) }
	return laidOut(l.Size(), r)
}

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Toggle is a switch. Tapping it asks; only SetOn moves it, since what it
// stands for may take a wizard, or not come true.
type Toggle struct {
	tappable
	on bool
	// OnAsked is called with the wanted state.
	OnAsked func(on bool)
}

// NewToggle returns a switch that is off.
func NewToggle(asked func(on bool)) *Toggle {
	t := &Toggle{OnAsked: asked}
	t.tap = func() {
		if t.OnAsked != nil {
			t.OnAsked(!t.on)
		}
	}
	t.ExtendBaseWidget(t)
	return t
}

// On tells the state.
func (t *Toggle) On() bool { return t.on }

// SetOn moves the switch.
func (t *Toggle) SetOn(on bool) { t.on = on; t.Refresh() }

// CreateRenderer implements fyne.Widget.
func (t *Toggle) CreateRenderer() fyne.WidgetRenderer {
	const w, h, edge = 46, 26, 4
	ring, track, knob := box(h/2+edge), box(h/2), canvas.NewCircle(nil)
	place := func(s fyne.Size) {
		at := fyne.NewPos((s.Width-w)/2, (s.Height-h)/2)
		ring.Resize(fyne.NewSize(w+2*edge, h+2*edge))
		ring.Move(at.SubtractXY(edge, edge))
		track.Resize(fyne.NewSize(w, h))
		track.Move(at)
		side := float32(h - 8)
		x := at.X + 4
		if t.on {
			x = at.X + w - side - 4
		}
		knob.Resize(fyne.NewSquareSize(side))
		knob.Move(fyne.NewPos(x, at.Y+4))
	}
	update := func() {
		switch {
		case t.on:
			paint(track, theme.Primary, "", 0)
			knob.FillColor = colorOf(theme.OnPrimary)
		default:
			paint(track, theme.Surface, theme.Control, 2)
			knob.FillColor = colorOf(theme.Control)
		}
		knob.Refresh()
		paintState(ring, t.hovered, t.focused)
	}
	update()
	return laidOut(t.Size(), &renderer{
		objects: []fyne.CanvasObject{ring, track, knob},
		layout:  place,
		min:     func() fyne.Size { return fyne.NewSize(w+2*edge, h+2*edge) },
		refresh: func() { update(); place(t.Size()); canvas.Refresh(t) },
	})
}

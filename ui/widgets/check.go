package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// CheckState is off, on, or for a folder some of what is in it.
type CheckState int

// The states of a Check.
const (
	Off CheckState = iota
	On
	Mixed
)

// Check is a box with three states and a text.
type Check struct {
	tappable
	Text      string
	state     CheckState
	OnChanged func(on bool)
}

// NewCheck returns a box that is off.
func NewCheck(text string, changed func(on bool)) *Check {
	c := &Check{Text: text, OnChanged: changed}
	c.tap = func() {
		on := c.state != On
		c.SetOn(on)
		if c.OnChanged != nil {
			c.OnChanged(on)
		}
	}
	c.ExtendBaseWidget(c)
	return c
}

// On reports whether the box is checked.
func (c *Check) On() bool { return c.state == On }

// SetOn checks the box or not.
func (c *Check) SetOn(on bool) {
	c.SetState(Off)
	if on {
		c.SetState(On)
	}
}

// SetState shows a state.
func (c *Check) SetState(s CheckState) { c.state = s; c.Refresh() }

// CreateRenderer implements fyne.Widget.
func (c *Check) CreateRenderer() fyne.WidgetRenderer {
	const edge = 4
	ring, mark := box(theme.RadiusControl), newTick()
	label := NewBody(c.Text)
	r := &renderer{objects: []fyne.CanvasObject{ring, mark, label}}
	update := func() {
		mark.set(c.state)
		label.SetText(c.Text)
		label.Refresh()
		paintState(ring, c.hovered, c.focused)
	}
	r.layout = func(s fyne.Size) {
		textX := float32(edge + tickSide + theme.Space3)
		label.Resize(fyne.NewSize(max(0, s.Width-textX-edge), label.MinSize().Height))
		label.Resize(fyne.NewSize(label.Size().Width, label.MinSize().Height))
		top := float32(edge)
		if label.Size().Height < tickSide+4 || c.Text == "" {
			top = (s.Height - tickSide) / 2
		}
		mark.Resize(fyne.NewSquareSize(tickSide))
		mark.Move(fyne.NewPos(edge, top))
		label.Move(fyne.NewPos(textX, max(edge, (s.Height-label.Size().Height)/2)))
		ring.Resize(s)
	}
	r.min = func() fyne.Size {
		if c.Text == "" {
			return fyne.NewSquareSize(tickSide + 2*edge)
		}
		return fyne.NewSize(edge+tickSide+theme.Space3+label.MinSize().Width+edge, max(tickSide, label.MinSize().Height)+2*edge)
	}
	r.refresh = func() { update(); r.layout(c.Size()); canvas.Refresh(c) }
	update()
	return laidOut(c.Size(), r)
}

const tickSide = 20

// tick is the box of a check, with nothing to operate.
type tick struct {
	widget.BaseWidget
	state CheckState
}

func newTick() *tick {
	t := &tick{}
	t.ExtendBaseWidget(t)
	return t
}

func (t *tick) set(s CheckState) { t.state = s; t.Refresh() }

// CreateRenderer implements fyne.Widget.
func (t *tick) CreateRenderer() fyne.WidgetRenderer {
	square, mark := box(5), NewIcon("", theme.OnPrimary, 16)
	update := func() {
		if t.state == Off {
			paint(square, theme.Surface, theme.Control, 1.5)
		} else {
			paint(square, theme.Primary, "", 0)
		}
		mark.Set([...]string{"", "check", "minus"}[t.state], theme.OnPrimary)
		mark.Refresh()
	}
	update()
	return laidOut(t.Size(), &renderer{
		objects: []fyne.CanvasObject{square, mark},
		layout:  func(s fyne.Size) { square.Resize(s); mark.Resize(s) },
		min:     func() fyne.Size { return fyne.NewSquareSize(tickSide) },
		refresh: func() { update(); canvas.Refresh(t) },
	})
}

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

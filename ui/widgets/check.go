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

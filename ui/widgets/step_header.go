package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// StepHeader is the top of a wizard's page: a way back, the wizard's name, and
// dots for its steps.
type StepHeader struct {
	composite
	back *Button
}

// Back goes back, as the button does, if there is a way back. It reports whether there was.
func (h *StepHeader) Back() bool {
	if h.back == nil || h.back.Disabled() {
		return false
	}
	h.back.Tapped(nil)
	return true
}

// NewStepHeader returns a header. of 0 shows no dots; back nil no way back.
func NewStepHeader(backText, title string, step, of int, back func()) *StepHeader {
	h := &StepHeader{}
	var left fyne.CanvasObject = AtLeast(80, theme.ControlHeight, Gap())
	if back != nil {
		h.back = NewButton(backText, "back", Quiet, back)
		left = h.back
	}
	dots := newSteps(step, of)
	middle := NewStrong(title).Centered()
	h.root = container.NewStack(Inset(120, 0, container.New(centerY{}, middle)), Row(theme.Space3, nil, left),
		container.NewHBox(layout.NewSpacer(), container.NewCenter(dots)))
	h.ExtendBaseWidget(h)
	return h
}

// centerY gives an object all the width and the middle of the height.
type centerY struct{}

func (centerY) Layout(o []fyne.CanvasObject, s fyne.Size) {
	h := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(s.Width, h))
	o[0].Move(fyne.NewPos(0, (s.Height-h)/2))
}

func (centerY) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

// steps are the dots: done, now, to come.
type steps struct {
	widget.BaseWidget
	at, of int
}

func newSteps(at, of int) *steps {
	s := &steps{at: at, of: of}
	s.ExtendBaseWidget(s)
	return s
}

func (s *steps) CreateRenderer() fyne.WidgetRenderer {
	const side, now, gap = 8, 22, 6
	var objects []fyne.CanvasObject
	for range s.of {
		objects = append(objects, box(side/2))
	}
	update := func() {
		for i, o := range objects {
			fill := theme.Outline
			if i < s.at {
				fill = theme.Primary
			}
			paint(o.(*canvas.Rectangle), fill, "", 0)
		}
	}
	update()
	return laidOut(s.Size(), &renderer{
		objects: objects,
		layout: func(size fyne.Size) {
			x := float32(0)
			for i, o := range objects {
				w := float32(side)
				if i == s.at-1 {
					w = now
				}
				o.Resize(fyne.NewSize(w, side))
				o.Move(fyne.NewPos(x, (size.Height-side)/2))
				x += w + gap
			}
		},
		min:     func() fyne.Size { return fyne.NewSize(float32(max(0, s.of-1))*(side+gap)+now, side) },
		refresh: func() { update(); canvas.Refresh(s) },
	})
}

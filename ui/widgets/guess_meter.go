package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// GuessMeter shows how many guesses a vault still takes: a dot for each, the
// used ones hollow, and the words beside.
type GuessMeter struct {
	composite
	dots  *guessDots
	words *Text
}

// NewGuessMeter returns a meter without dots, for as long as nothing is known.
func NewGuessMeter(words string) *GuessMeter {
	m := &GuessMeter{dots: &guessDots{}, words: NewMuted(words)}
	m.dots.ExtendBaseWidget(m.dots)
	m.dots.Hide()
	m.root = Row(theme.Space4, Wide(m.words), m.dots, m.words)
	m.ExtendBaseWidget(m)
	return m
}

// Set shows how many of limit guesses are left, and says it.
func (m *GuessMeter) Set(left, limit int, tone Tone, words string) {
	m.dots.left, m.dots.limit, m.dots.tone = max(left, 0), max(limit, 0), tone
	if limit > 0 {
		m.dots.Show()
	} else {
		m.dots.Hide()
	}
	m.words.Color = theme.Text
	if tone == ToneAttention || tone == ToneBad {
		m.words.Color = tone.color()
	}
	m.words.SetText(words)
	m.dots.Refresh()
	m.Refresh()
}

// Say shows words in place of dots.
func (m *GuessMeter) Say(words string) { m.Set(0, 0, ToneNeutral, words) }

// Tell shows other words beside the dots.
func (m *GuessMeter) Tell(words string) { m.words.SetText(words); m.Refresh() }

// Left returns how many dots are full.
func (m *GuessMeter) Left() int { return m.dots.left }

// Words returns what stands beside the dots.
func (m *GuessMeter) Words() string { return m.words.Text }

type guessDots struct {
	widget.BaseWidget
	left, limit int
	tone        Tone
}

const (
	guessDot = 12
	guessGap = theme.Space2
)

// CreateRenderer implements fyne.Widget.
func (d *guessDots) CreateRenderer() fyne.WidgetRenderer {
	r := &renderer{}
	place := func(s fyne.Size) {
		for i, o := range r.objects {
			o.Resize(fyne.NewSquareSize(guessDot))
			o.Move(fyne.NewPos(float32(i)*(guessDot+guessGap), (s.Height-guessDot)/2))
		}
	}
	update := func() {
		for len(r.objects) < d.limit {
			r.objects = append(r.objects, canvas.NewCircle(color.Transparent))
		}
		r.objects = r.objects[:d.limit]
		for i, o := range r.objects {
			c := o.(*canvas.Circle)
			c.FillColor, c.StrokeColor, c.StrokeWidth = color.Transparent, colorOf(theme.Control), 1.5
			if i < d.left {
				tone := d.tone
				if tone == ToneNeutral {
					tone = TonePrimary
				}
				c.FillColor, c.StrokeColor = colorOf(tone.color()), colorOf(tone.color())
			}
			c.Refresh()
		}
	}
	update()
	r.layout = place
	r.min = func() fyne.Size {
		return fyne.NewSize(max(0, float32(d.limit)*(guessDot+guessGap)-guessGap), guessDot+4)
	}
	r.refresh = func() { update(); place(d.Size()); canvas.Refresh(d) }
	return laidOut(d.Size(), r)
}

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

// strengthParts is how many parts the bar of a StrengthMeter has.
const strengthParts = 4

// StrengthMeter says in one sentence how good a password is; the bar above it
// is the same for the eye.
type StrengthMeter struct {
	composite
	bar    *strengthBar
	icon   *Icon
	advice *Text
}

// NewStrengthMeter returns an empty meter.
func NewStrengthMeter() *StrengthMeter {
	m := &StrengthMeter{bar: &strengthBar{}, icon: NewIcon("", theme.Muted, 18), advice: NewMuted(" ")}
	m.bar.ExtendBaseWidget(m.bar)
	m.root = Column(theme.Space2, m.bar, TopRow(theme.Space2, Wide(m.advice), m.icon, m.advice))
	m.ExtendBaseWidget(m)
	return m
}

// Set shows filled parts of the bar, 0 to 4, an icon and the sentence.
func (m *StrengthMeter) Set(filled int, tone Tone, icon, advice string) {
	m.bar.filled, m.bar.tone = min(max(filled, 0), strengthParts), tone
	if icon == "" {
		m.icon.Hide() // its width goes to the sentence
	} else {
		m.icon.Show()
	}
	m.icon.Set(icon, tone.color())
	m.advice.SetText(advice)
	m.Refresh()
	m.bar.Refresh()
}

// Advice returns the sentence.
func (m *StrengthMeter) Advice() string { return m.advice.Text }

type strengthBar struct {
	widget.BaseWidget
	filled int
	tone   Tone
}

// CreateRenderer implements fyne.Widget.
func (b *strengthBar) CreateRenderer() fyne.WidgetRenderer {
	const height, gap = 6, theme.Space1
	var parts [strengthParts]*canvas.Rectangle
	r := &renderer{}
	for i := range parts {
		parts[i] = canvas.NewRectangle(color.Transparent)
		parts[i].CornerRadius = height / 2
		r.objects = append(r.objects, parts[i])
	}
	update := func() {
		for i, p := range parts {
			fill := theme.Outline
			if i < b.filled {
				fill = b.tone.color()
			}
			paint(p, fill, "", 0)
		}
	}
	update()
	r.layout = func(s fyne.Size) {
		w := (s.Width - gap*(strengthParts-1)) / strengthParts
		for i, p := range parts {
			p.Resize(fyne.NewSize(w, height))
			p.Move(fyne.NewPos(float32(i)*(w+gap), 0))
		}
	}
	r.min = func() fyne.Size { return fyne.NewSize(120, height) }
	r.refresh = func() { update(); canvas.Refresh(b) }
	return laidOut(b.Size(), r)
}

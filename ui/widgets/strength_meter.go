package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

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

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// StatusHero says in one line how things are, with the main action beside it.
type StatusHero struct {
	composite
	medallion  *Medallion
	line, sub  *Text
	main, more *Button
	tone       Tone
}

// NewStatusHero returns a hero without words; main and more may be nil.
func NewStatusHero(main, more *Button) *StatusHero {
	h := &StatusHero{medallion: NewMedallion(72), line: NewDisplay(""), sub: NewMuted(""), main: main, more: more}
	h.sub.TextSize = theme.TextLead
	text := Column(theme.Space1, h.line, h.sub)
	top := Row(theme.Space6, Wide(text), h.medallion, text)
	var buttons []fyne.CanvasObject
	for _, b := range []*Button{main, more} {
		if b != nil {
			buttons = append(buttons, b)
		}
	}
	h.root = Column(theme.Space4, top)
	if len(buttons) > 0 {
		h.root.Add(Inset(72+theme.Space6, 0, Row(theme.Space3, nil, buttons...)))
	}
	h.ExtendBaseWidget(h)
	return h
}

// Set shows a state.
func (h *StatusHero) Set(tone Tone, icon, line, sub string) {
	h.tone = tone
	h.medallion.Set(icon, tone)
	h.line.SetText(line)
	h.sub.SetText(sub)
	h.Refresh()
}

// Line returns the one line.
func (h *StatusHero) Line() string { return h.line.Text }

// Sub returns the line below it.
func (h *StatusHero) Sub() string { return h.sub.Text }

// Tone returns the tone.
func (h *StatusHero) Tone() Tone { return h.tone }

// NewEmptyState says why there is nothing here, and what to do about it.
func NewEmptyState(icon, line, text string, action *Button) *fyne.Container {
	m := NewMedallion(72)
	m.Set(icon, ToneNeutral)
	parts := []fyne.CanvasObject{container.NewCenter(m), NewTitle(line).Centered(), NewMuted(text).Centered()}
	if action != nil {
		parts = append(parts, container.NewCenter(action))
	}
	return Inset(theme.Space6, theme.Space8+theme.Space8, Column(theme.Space4, parts...))
}

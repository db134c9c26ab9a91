package widgets

import (
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Trouble is what an ErrorPanel says.
type Trouble struct {
	What, Safe, Do string
	Details        string // may be copied
}

// ErrorPanel says what happened, what is safe, and what can be done; the raw
// details stay folded away until they are asked for.
type ErrorPanel struct {
	composite
	trouble Trouble
}

// ErrorLabels are the words on an ErrorPanel.
type ErrorLabels struct{ Show, Hide, Copy string }

// NewErrorPanel returns a panel. copy gets the details; the buttons do something about the trouble.
func NewErrorPanel(t Trouble, l ErrorLabels, copy func(string), ways ...*Button) *ErrorPanel {
	p := &ErrorPanel{trouble: t}
	text := Column(theme.Space2, NewStrong(t.What))
	if t.Safe != "" {
		safe := NewBody(t.Safe)
		text.Add(TopRow(theme.Space2, Wide(safe), NewIcon("shield", theme.Good, 18), safe))
	}
	if t.Do != "" {
		text.Add(NewMuted(t.Do))
	}
	if len(ways) > 0 {
		row := Flow(theme.Space2)
		for _, b := range ways {
			row.Add(b)
		}
		text.Add(row)
	}
	if t.Details != "" {
		details := NewCaption(t.Details)
		details.Style.Monospace = true
		more := Column(theme.Space2, details, Aside(NewButton(l.Copy, "copy", Quiet, func() { copy(t.Details) })))
		more.Hide()
		var show *Button
		show = NewButton(l.Show, "", Quiet, func() {
			if more.Visible() {
				more.Hide()
				show.SetText(l.Show)
			} else {
				more.Show()
				show.SetText(l.Hide)
			}
			p.Refresh()
		})
		text.Add(Aside(show))
		text.Add(more)
	}
	p.root = container.NewStack(NewGround(theme.TintBad, "", theme.RadiusCard),
		Inset(theme.Space4+4, theme.Space4, TopRow(theme.Space4, Wide(text), NewIcon("warning", theme.Bad, theme.IconMedium+4), text)))
	p.ExtendBaseWidget(p)
	return p
}

// What returns what the panel says happened.
func (p *ErrorPanel) What() string { return p.trouble.What }

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// GroupCheck asks for one group of the key to be typed back.
type GroupCheck struct {
	composite
	Entry *Field
	mark  *Icon
	note  *Text
}

// NewGroupCheck returns the question for one group. changed is called after
// every key press with what was typed.
func NewGroupCheck(label string, changed func(typed string), submitted func()) *GroupCheck {
	c := &GroupCheck{Entry: NewField(), mark: NewIcon("", theme.Good, theme.IconMedium), note: NewCaption(" ")}
	c.Entry.TextStyle = fyne.TextStyle{Monospace: true}
	c.Entry.PlaceHolder = "––––"
	c.Entry.OnChanged = changed
	c.Entry.OnSubmitted = func(string) { submitted() }
	field := AtLeast(140, 0, c.Entry)
	c.root = Column(theme.Space1, NewStrong(label), container.NewStack(Row(theme.Space3, nil, field, c.mark)), c.note)
	c.ExtendBaseWidget(c)
	return c
}

// Mark shows whether what was typed is right, and a note.
func (c *GroupCheck) Mark(icon string, tone Tone, note string) {
	c.mark.Set(icon, tone.color())
	if note == "" {
		note = " " // keeps its line
	}
	c.note.SetText(note)
	c.Refresh()
}

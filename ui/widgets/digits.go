package widgets

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

const hiddenGroup = "••••"

// KeyGrid shows a 64-digit key as 4 × 4 numbered groups, or hides it.
type KeyGrid struct {
	composite
	cells  []*Text
	groups [][]byte
	hidden bool
}

// NewKeyGrid returns an empty grid.
func NewKeyGrid() *KeyGrid {
	g := &KeyGrid{}
	grid := container.New(layout.NewGridLayout(4))
	for i := range 16 {
		cell := NewLead(hiddenGroup).Centered()
		cell.TextSize, cell.Style, cell.Fixed = theme.TextTitle, fyne.TextStyle{Monospace: true}, true
		g.cells = append(g.cells, cell)
		number := NewCaption(fmt.Sprint(i + 1)).OneLine()
		number.TextSize = 11
		grid.Add(container.NewStack(NewGround(theme.TintMuted, "", theme.RadiusControl),
			Inset(theme.Space2, theme.Space2, container.NewStack(container.NewBorder(nil, nil, container.NewVBox(number), nil),
				container.NewCenter(cell)))))
	}
	g.root = container.NewStack(grid)
	g.ExtendBaseWidget(g)
	return g
}

// SetGroups shows the digits of a key. The grid keeps the slices until Clear.
func (g *KeyGrid) SetGroups(groups [][]byte) {
	g.groups = groups
	g.update()
}

// SetHidden hides the digits or shows them.
func (g *KeyGrid) SetHidden(on bool) {
	g.hidden = on
	g.update()
}

// Hidden reports whether the digits are hidden.
func (g *KeyGrid) Hidden() bool { return g.hidden }

// Groups returns what the cells show.
func (g *KeyGrid) Groups() []string {
	var out []string
	for _, c := range g.cells {
		out = append(out, c.Text)
	}
	return out
}

// Clear overwrites the digits and shows none. The strings on the screen are
// beyond reach: this is best effort.
func (g *KeyGrid) Clear() {
	for _, b := range g.groups {
		clear(b)
	}
	g.groups = nil
	g.update()
}

func (g *KeyGrid) update() {
	for i, c := range g.cells {
		text := hiddenGroup
		if !g.hidden && i < len(g.groups) {
			text = string(g.groups[i])
		}
		c.SetText(text)
	}
	g.Refresh()
}

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

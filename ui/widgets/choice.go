package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Choice is one of several large answers: a title and what it means. As a
// door (no group) it leads on when tapped; in a Choices it is one of several.
type Choice struct {
	tappable
	title, text *Text
	icon        *Medallion
	chosen      bool
	door        bool
	move        func(by int) // to a neighbour in the group; nil for a door
}

// NewDoor returns a card that leads somewhere.
func NewDoor(icon, title, text string, tap func()) *Choice {
	c := &Choice{title: NewLead(title), text: NewMuted(text), door: true}
	c.icon = NewMedallion(48)
	c.icon.Set(icon, TonePrimary)
	c.tap = tap
	c.ExtendBaseWidget(c)
	return c
}

// Title returns the title.
func (c *Choice) Title() string { return c.title.Text }

// TypedKey implements fyne.Focusable: the arrows choose the neighbour, as in all groups of which one is chosen.
func (c *Choice) TypedKey(e *fyne.KeyEvent) {
	if c.move != nil {
		switch e.Name {
		case fyne.KeyUp, fyne.KeyLeft:
			c.move(-1)
			return
		case fyne.KeyDown, fyne.KeyRight:
			c.move(1)
			return
		}
	}
	c.tappable.TypedKey(e)
}

// CreateRenderer implements fyne.Widget.
func (c *Choice) CreateRenderer() fyne.WidgetRenderer {
	const within = 4 // the focus lies within the edge, which says what is chosen
	ground, state := box(theme.RadiusCard), box(theme.RadiusControl)
	dot := newDot()
	text := Column(theme.Space1, c.title, c.text)
	parts := []fyne.CanvasObject{}
	if c.icon != nil {
		parts = append(parts, c.icon)
	}
	if !c.door {
		parts = append(parts, dot.Container)
	}
	parts = append(parts, text)
	if c.door {
		parts = append(parts, NewIcon("chevron", theme.Muted, theme.IconMedium))
	}
	line := Inset(theme.Space4+4, theme.Space4, Row(theme.Space4, Wide(text), parts...))
	update := func() {
		stroke, width := theme.Outline, float32(1)
		if c.chosen {
			stroke, width = theme.Primary, 2
		}
		paint(ground, theme.Surface, stroke, width)
		paintState(state, c.hovered, c.focused)
		if c.focused && !c.door { // the ring is not that of what is chosen
			paint(state, "", theme.Text, theme.Ring)
		}
		dot.set(c.chosen)
	}
	update()
	return laidOut(c.Size(), &renderer{
		objects: []fyne.CanvasObject{ground, state, line},
		layout: func(s fyne.Size) {
			ground.Resize(s)
			line.Resize(s)
			state.Resize(s.SubtractWidthHeight(2*within, 2*within))
			state.Move(fyne.NewPos(within, within))
		},
		min:     func() fyne.Size { return line.MinSize() },
		refresh: func() { update(); canvas.Refresh(c) },
	})
}

// Choices is a group of which exactly one is chosen.
type Choices struct {
	composite
	all       []*Choice
	below     []fyne.CanvasObject // of each, shown while it is chosen; may be nil
	chosen    int
	OnChanged func(i int)
}

// NewChoices returns a group of (title, text) pairs with one chosen.
func NewChoices(chosen int, pairs ...[2]string) *Choices {
	g := &Choices{}
	g.root = Column(theme.Space3)
	pick := func(to int) { // what hears of it may show a new page, which would take the focus away
		g.Choose(to)
		if on := fyne.CurrentApp().Driver().CanvasForObject(g.all[to]); on != nil {
			on.Focus(g.all[to])
		}
	}
	for i, p := range pairs {
		c := &Choice{title: NewStrong(p[0]), text: NewMuted(p[1])}
		c.tap = func() { pick(i) }
		c.move = func(by int) { pick((i + by + len(pairs)) % len(pairs)) }
		c.ExtendBaseWidget(c)
		g.all, g.below = append(g.all, c), append(g.below, nil)
		g.root.Add(c)
	}
	g.Choose(chosen)
	g.ExtendBaseWidget(g)
	return g
}

// Below puts what belongs to one answer below it, seen only while it is chosen.
func (g *Choices) Below(i int, o fyne.CanvasObject) {
	g.below[i] = Inset(theme.Space8+theme.Space4+4, 0, o)
	g.root.Objects = nil
	for j, c := range g.all {
		g.root.Add(c)
		if b := g.below[j]; b != nil {
			g.root.Add(b)
		}
	}
	g.showBelow()
}

func (g *Choices) showBelow() {
	for i, b := range g.below {
		switch {
		case b == nil:
		case i == g.chosen:
			b.Show()
		default:
			b.Hide()
		}
	}
}

// Chosen returns the index of the chosen one.
func (g *Choices) Chosen() int { return g.chosen }

// Choose chooses one.
func (g *Choices) Choose(i int) {
	g.chosen = i
	for j, c := range g.all {
		c.chosen = i == j
		c.Refresh()
	}
	g.showBelow()
	if g.OnChanged != nil {
		g.OnChanged(i)
	}
}

// dot is the mark of a chosen answer.
type dot struct {
	*fyne.Container
	outer, inner *canvas.Circle
}

func newDot() *dot {
	d := &dot{outer: canvas.NewCircle(nil), inner: canvas.NewCircle(nil)}
	d.Container = container.New(dotLayout{}, d.outer, d.inner)
	d.set(false)
	return d
}

func (d *dot) set(on bool) {
	d.outer.FillColor, d.outer.StrokeColor, d.outer.StrokeWidth = colorOf(theme.Surface), colorOf(theme.Control), 1.5
	d.inner.FillColor = colorOf(theme.Surface)
	if on {
		d.outer.StrokeColor, d.outer.StrokeWidth, d.inner.FillColor = colorOf(theme.Primary), 2, colorOf(theme.Primary)
	}
	d.outer.Refresh()
	d.inner.Refresh()
}

type dotLayout struct{}

func (dotLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	for i, side := range []float32{20, 10} {
		o[i].Resize(fyne.NewSquareSize(side))
		o[i].Move(fyne.NewPos((s.Width-side)/2, (s.Height-side)/2))
	}
}

func (dotLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSquareSize(20) }

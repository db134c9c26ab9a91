package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Group is a heading and the card of rows below it.
type Group struct {
	Title string
	Rows  int
}

// longList is a screen of groups that has only the rows which can be seen.
type longList struct {
	scroll *container.Scroll
	inner  *fyne.Container
	title  *Text
	widest float32
	groups []Group
	row    func(i int) fyne.CanvasObject

	// nil: was not seen yet
	leads []*Text
	cards []*Ground
	rows  []fyne.CanvasObject
	lines []*Ground // above the rows

	width  float32   // of the column
	lead   float32   // a heading's height
	height []float32 // of the rows; a guess for those that were not seen
	total  float32
}

// beyond is how far above and below the view rows are made, for Tab to get there.
const beyond float32 = 160

// LongList is a screen that scrolls through groups of many rows, in a column
// of limited width. It makes a row when it comes into view; i counts through
// all groups.
func LongList(title string, widest float32, groups []Group, row func(i int) fyne.CanvasObject) *fyne.Container {
	l := &longList{title: NewDisplay(title), widest: widest, groups: groups, row: row}
	n := 0
	for _, g := range groups {
		n += g.Rows
	}
	l.leads, l.cards = make([]*Text, len(groups)), make([]*Ground, len(groups))
	l.rows, l.lines = make([]fyne.CanvasObject, n), make([]*Ground, n)
	l.inner = container.New(placed{&l.total})
	l.scroll = container.NewVScroll(l.inner)
	l.scroll.OnScrolled = func(fyne.Position) { l.place(); l.inner.Refresh() }
	return container.New(l, l.scroll)
}

// Layout implements fyne.Layout.
func (l *longList) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	l.scroll.Resize(size)
	l.place()
	l.scroll.Refresh()
}

// MinSize implements fyne.Layout.
func (l *longList) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(200, 100) }

// guess takes all rows to have one line of value.
func (l *longList) guess() {
	l.lead = NewLead("M").MinSize().Height
	row := NewSettingRow("", "M", nil, nil).SetValue("M").MinSize().Height
	l.height = make([]float32, len(l.rows))
	for i := range l.height {
		l.height[i] = row
	}
}

// place puts what is in view where it belongs.
func (l *longList) place() {
	size, top := l.scroll.Size(), l.scroll.Offset.Y
	width := min(size.Width-2*theme.Space8, l.widest)
	if width <= 0 {
		return
	}
	if width != l.width {
		l.width = width
		l.guess()
	}
	x := (size.Width - width) / 2
	seen := func(y, h float32) bool { return y+h > top-beyond && y < top+size.Height+beyond }
	var shown []fyne.CanvasObject
	put := func(o fyne.CanvasObject, x, y, w, h float32) {
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos(x, y))
		shown = append(shown, o)
	}
	y := theme.Space8
	put(l.title, x, y, width, l.title.MinSize().Height)
	y += l.title.MinSize().Height
	first := 0
	for n, g := range l.groups {
		y += theme.Space6
		begin, under := y, len(shown)
		y += l.lead + theme.Space3 + 1
		for i := first; i < first+g.Rows; i++ {
			if i > first {
				y++
			}
			if seen(y, l.height[i]) {
				if l.rows[i] == nil {
					l.rows[i], l.lines[i] = l.row(i), NewGround(theme.Outline, "", 0)
				}
				if i > first {
					put(l.lines[i], x+1+theme.Space4, y-1, width-2-2*theme.Space4, 1)
				}
				l.rows[i].Resize(fyne.NewSize(width-2, l.height[i])) // texts learn their width before their height is asked
				l.height[i] = l.rows[i].MinSize().Height
				put(l.rows[i], x+1, y, width-2, l.height[i])
			}
			y += l.height[i]
		}
		y++
		first += g.Rows
		if !seen(begin, y-begin) {
			continue
		}
		if l.leads[n] == nil {
			l.leads[n], l.cards[n] = NewLead(g.Title).OneLine(), NewGround(theme.Surface, theme.Outline, theme.RadiusCard)
		}
		rows := slices.Clone(shown[under:])
		shown = shown[:under]
		put(l.leads[n], x, begin, width, l.lead)
		put(l.cards[n], x, begin+l.lead+theme.Space3, width, y-begin-l.lead-theme.Space3)
		shown = append(shown, rows...)
	}
	l.inner.Objects, l.total = shown, y+theme.Space8
	l.inner.Resize(fyne.NewSize(size.Width, max(size.Height, l.total)))
}

// placed is a layout of what was placed otherwise; it knows the height.
type placed struct{ height *float32 }

func (placed) Layout([]fyne.CanvasObject, fyne.Size) {}

func (p placed) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, *p.height) }

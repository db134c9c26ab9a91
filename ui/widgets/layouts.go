package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// column stacks objects at full width. It lays each out before it asks for
// its height, which for wrapped text follows from the width.
type column struct {
	gap, widest float32
}

// Column stacks objects with a gap between them.
func Column(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap: gap}, objects...)
}

// Page stacks objects in a column of limited width, in the middle.
func Page(widest, gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap: gap, widest: widest}, objects...)
}

func (c *column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := size.Width
	if c.widest > 0 {
		w = min(w, c.widest)
	}
	x, y := (size.Width-w)/2, float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		o.Resize(fyne.NewSize(w, o.MinSize().Height))
		h := o.MinSize().Height
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos(x, y))
		y += h + c.gap
	}
}

func (c *column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if s.Height > 0 {
			s.Height += c.gap
		}
		s.Width, s.Height = max(s.Width, m.Width), s.Height+m.Height
	}
	return s
}

// row places objects side by side, centred in height; those marked stretch
// share what is left.
type row struct {
	gap     float32
	stretch map[fyne.CanvasObject]bool
	top     bool
}

// Row places objects side by side; wide ones among them share the width that is left.
func Row(gap float32, wide []fyne.CanvasObject, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(newRow(gap, wide), objects...)
}

// TopRow is a Row whose objects start at its top.
func TopRow(gap float32, wide []fyne.CanvasObject, objects ...fyne.CanvasObject) *fyne.Container {
	r := newRow(gap, wide)
	r.top = true
	return container.New(r, objects...)
}

func newRow(gap float32, wide []fyne.CanvasObject) *row {
	r := &row{gap: gap, stretch: make(map[fyne.CanvasObject]bool)}
	for _, o := range wide {
		r.stretch[o] = true
	}
	return r
}

// Wide names the objects of a Row that share the width.
func Wide(objects ...fyne.CanvasObject) []fyne.CanvasObject { return objects }

// Gap is an empty object that takes the width that is left in a Row.
func Gap() fyne.CanvasObject { return container.NewWithoutLayout() }

func (r *row) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left, stretched, shown := size.Width, 0, 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		shown++
		if r.stretch[o] {
			stretched++
		} else {
			left -= o.MinSize().Width
		}
	}
	left -= r.gap * float32(max(0, shown-1))
	x := float32(0)
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		w := o.MinSize().Width
		if r.stretch[o] {
			w = max(0, left/float32(stretched))
		}
		o.Resize(fyne.NewSize(w, o.MinSize().Height))
		h := o.MinSize().Height
		o.Resize(fyne.NewSize(w, h))
		y := (size.Height - h) / 2
		if r.top {
			y = 0
		}
		o.Move(fyne.NewPos(x, y))
		x += w + r.gap
	}
}

func (r *row) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	shown := 0
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		shown++
		m := o.MinSize()
		s.Width, s.Height = s.Width+m.Width, max(s.Height, m.Height)
	}
	s.Width += r.gap * float32(max(0, shown-1))
	return s
}

// inset pads one object.
type inset struct{ x, y float32 }

// Inset pads an object at its sides and above and below.
func Inset(x, y float32, o fyne.CanvasObject) *fyne.Container { return container.New(inset{x, y}, o) }

func (i inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(i.x, i.y))
		o.Resize(fyne.NewSize(max(0, size.Width-2*i.x), max(0, size.Height-2*i.y)))
	}
}

func (i inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s.AddWidthHeight(2*i.x, 2*i.y)
}

type aside struct{}

// Aside is a quiet button below text: its words begin where the text does, so
// its ground reaches out to the left.
func Aside(b *Button) *fyne.Container { return container.New(aside{}, b) }

func (aside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(-quietPad, 0))
		o.Resize(fyne.NewSize(min(o.MinSize().Width, size.Width+quietPad), size.Height))
	}
}

func (aside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s.SubtractWidthHeight(quietPad, 0)
}

// scrolled tells the content its width before the scroller asks its height.
type scrolled struct{}

// Scroll makes content scroll upright.
func Scroll(content fyne.CanvasObject) *fyne.Container {
	return container.New(scrolled{}, container.NewVScroll(content))
}

func (scrolled) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	s := objects[0].(*container.Scroll)
	for range 2 { // the second time with the height of the first
		h := max(size.Height, s.Content.MinSize().Height)
		s.Content.Resize(fyne.NewSize(size.Width, h))
	}
	s.Resize(size)
	s.Move(fyne.NewPos(0, 0))
}

func (scrolled) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(200, 100) }

// sized gives an object a least size.
type sized struct{ least fyne.Size }

// AtLeast gives an object a least size.
func AtLeast(w, h float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(sized{fyne.NewSize(w, h)}, o)
}

func (s sized) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Resize(size)
	objects[0].Move(fyne.NewPos(0, 0))
}

func (s sized) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[0].MinSize().Max(s.least)
}

// flow puts objects beside each other, and below where there is no more room.
type flow struct {
	gap   float32
	width float32 // of the last layout
}

// Flow puts objects beside each other, in as many lines as they need.
func Flow(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&flow{gap: gap}, objects...)
}

// place calls put with where each object goes, and returns the height of all.
func (f *flow) place(objects []fyne.CanvasObject, put func(fyne.CanvasObject, fyne.Position)) float32 {
	var x, y, line float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if x > 0 && x+m.Width > f.width {
			x, y, line = 0, y+line+f.gap, 0
		}
		put(o, fyne.NewPos(x, y))
		x, line = x+m.Width+f.gap, max(line, m.Height)
	}
	return y + line
}

func (f *flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	f.width = size.Width
	f.place(objects, func(o fyne.CanvasObject, at fyne.Position) {
		o.Resize(o.MinSize())
		o.Move(at)
	})
}

func (f *flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s.Width = max(s.Width, o.MinSize().Width)
	}
	s.Height = f.place(objects, func(fyne.CanvasObject, fyne.Position) {})
	return s
}

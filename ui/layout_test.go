package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// smallest is the least window that is promised: 720 × 520, which is also what
// a laptop's screen of 1440 × 1040 has at a scale of 200 %.
var smallest = fyne.NewSize(720, 520)

// clipping looks for what does not fit: texts that are wider than their place,
// words that are broken for want of room, and anything beyond the right edge
// or, outside of a scroller, below the lower one.
type clipping struct {
	t    *testing.T
	page string
	seen map[string]bool
}

func (c *clipping) report(text, what string) {
	if key := c.page + text + what; !c.seen[key] {
		c.seen[key] = true
		c.t.Errorf("%s: %q %s", c.page, text, what)
	}
}

func (c *clipping) look(o fyne.CanvasObject, at fyne.Position, clip fyne.Size) {
	if o == nil || !o.Visible() {
		return
	}
	const slack = 1
	switch x := o.(type) {
	case *canvas.Text:
		if w := x.MinSize().Width; x.Text != "" && (w > x.Size().Width+slack || at.X+x.Size().Width > clip.Width+slack || at.X < -slack) {
			c.report(x.Text, "is cut at its side")
		}
		if x.Text != "" && at.Y+x.Size().Height > clip.Height+slack {
			c.report(x.Text, "is cut below")
		}
		return
	case *widgets.Text:
		if !x.Shorten && !strings.ContainsAny(x.Text, "/") {
			for word := range strings.FieldsSeq(x.Text) {
				if w := fyne.MeasureText(word, x.TextSize, x.Style).Width; w > x.Size().Width+slack {
					c.report(x.Text, "has no room for "+word)
				}
			}
		}
	case *widgets.Field, *widgets.Area, *widgets.SecretEntry, *widget.Select:
		if at.X+o.Size().Width > clip.Width+slack || o.Size().Width < 60 {
			c.report("a field", "is cut")
		}
		return // it scrolls its own text
	case *widgets.Button:
		if min := x.MinSize(); min.Width > x.Size().Width+slack || at.X+x.Size().Width > clip.Width+slack {
			c.report(x.Text, "is a button that is cut")
		}
		if at.Y+x.Size().Height > clip.Height+slack {
			c.report(x.Text, "is a button that is cut below")
		}
	case *container.Scroll:
		if s := x.Size(); s.Height < 100 {
			c.report("a scroller", "has no room")
		}
		inner := x.Content.Size()
		c.look(x.Content, fyne.NewPos(0, 0), fyne.NewSize(x.Size().Width, max(inner.Height, x.Size().Height)))
		return
	case *widget.Tree:
		return // its rows shorten themselves
	}
	var children []fyne.CanvasObject
	switch x := o.(type) {
	case *fyne.Container:
		children = x.Objects
	case fyne.Widget:
		children = test.WidgetRenderer(x).Objects()
	}
	for _, child := range children {
		c.look(child, at.Add(child.Position()), clip)
	}
}

func TestNothingIsClippedInTheSmallestWindow(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			gallery(t, language, theme.Light, func(name string, size fyne.Size, u *UI) {
				defer show(u, size)
				show(u, smallest)
				if min := u.w.Content.MinSize(); min.Width > smallest.Width || min.Height > smallest.Height {
					t.Errorf("%s needs %v", name, min)
				}
				c := &clipping{t: t, page: name, seen: map[string]bool{}}
				top := fyne.CanvasObject(u.w.Content)
				if o := u.w.Canvas().Overlays().Top(); o != nil {
					top = o
				}
				c.look(top, fyne.NewPos(0, 0), smallest)
			})
		})
	}
}

// A test that cannot fail holds nothing: what is too wide is found.
func TestClippingIsFound(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light))
	probe := &testing.T{}
	c := &clipping{t: probe, page: "probe", seen: map[string]bool{}}
	wide := widgets.NewBody("Donaudampfschifffahrtsgesellschaftskapitän")
	w := test.NewTempWindow(t, container.NewWithoutLayout(wide))
	wide.Resize(fyne.NewSize(80, 20))
	c.look(w.Content(), fyne.NewPos(0, 0), smallest)
	if len(c.seen) == 0 {
		t.Error("a word that is cut was not found")
	}
}

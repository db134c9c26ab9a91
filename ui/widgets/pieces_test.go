package widgets

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

func begin(t *testing.T) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light))
}

// lines are what a text shows at a width.
func lines(t *Text, width float32) []string {
	t.Resize(fyne.NewSize(width, 400))
	var out []string
	for _, o := range test.WidgetRenderer(t).Objects() {
		out = append(out, o.(*canvas.Text).Text)
	}
	return out
}

func TestTextWrapsAndGrows(t *testing.T) {
	begin(t)
	text := NewBody("one two three four five six seven eight nine ten")
	wide, low := lines(text, 1000), text.MinSize().Height
	narrow := lines(text, 90)
	if len(wide) != 1 || len(narrow) < 3 || text.MinSize().Height <= low {
		t.Errorf("%q, %q", wide, narrow)
	}
	if got := strings.Join(narrow, " "); got != text.Text {
		t.Errorf("wrapping changed the text: %q", got)
	}
	for _, l := range narrow {
		if w := fyne.MeasureText(l, text.TextSize, text.Style).Width; w > 90 {
			t.Errorf("%q is %v wide", l, w)
		}
	}
	// A word that is longer than the line is cut, whatever its letters.
	long := NewBody(strings.Repeat("ü", 60))
	if got := lines(long, 50); len(got) < 5 || strings.Join(got, "") != long.Text {
		t.Errorf("%q", got)
	}
}

func TestTextShortensInTheMiddle(t *testing.T) {
	begin(t)
	path := NewBody("/home/anna/Documents/Taxes/2025/Receipts/March.pdf").Shortened()
	got := lines(path, 160)
	if len(got) != 1 || !strings.Contains(got[0], "…") || !strings.HasPrefix(got[0], "/home") || !strings.HasSuffix(got[0], ".pdf") {
		t.Errorf("%q", got)
	}
}

func TestButtonKeys(t *testing.T) {
	begin(t)
	n, escaped := 0, false
	b := NewButton("Go", "", Main, func() { n++ })
	b.OnEscape = func() { escaped = true }
	for _, k := range []fyne.KeyName{fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter, fyne.KeyA} {
		b.TypedKey(&fyne.KeyEvent{Name: k})
	}
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if n != 3 || !escaped {
		t.Error(n, escaped)
	}
	b.SetBusy(true)
	test.Tap(b)
	if n != 3 {
		t.Error("a busy button was pressed")
	}
	b.SetBusy(false)
	test.Tap(b)
	if n != 4 {
		t.Error("it stays busy")
	}
}

// A focused piece shows a ring that an unfocused one does not.
func TestFocusShows(t *testing.T) {
	begin(t)
	for _, o := range []fyne.Focusable{
		NewButton("Go", "", Second, func() {}), NewToggle(nil), NewCheck("Yes", nil), NewNavItem("backup", "Backup", func() {}),
		NewDoor("backup", "Title", "Text", func() {}), NewSettingRow("folder", "What", nil, func() {}),
	} {
		rings := func() (n int) {
			for _, x := range test.WidgetRenderer(o.(fyne.Widget)).Objects() {
				if r, ok := x.(*canvas.Rectangle); ok && r.StrokeWidth == theme.Ring && r.StrokeColor == colorOf(theme.Primary) {
					n++
				}
			}
			return n
		}
		before := rings()
		o.FocusGained()
		if rings() != before+1 {
			t.Errorf("%T shows no focus", o)
		}
		o.FocusLost()
		if rings() != before {
			t.Errorf("%T keeps its focus", o)
		}
	}
}

// An answer that has the focus and is not chosen shows the focus, and nothing of what marks the chosen one.
func TestFocusDoesNotLookChosen(t *testing.T) {
	begin(t)
	g := NewChoices(0, [2]string{"a", ""}, [2]string{"b", ""})
	w := test.NewTempWindow(t, g)
	count := func(c *Choice, colour fyne.ThemeColorName) (n int) {
		for _, o := range test.LaidOutObjects(c) {
			switch x := o.(type) {
			case *canvas.Rectangle:
				if x.StrokeWidth > 0 && x.StrokeColor == colorOf(colour) {
					n++
				}
			case *canvas.Circle:
				if x.StrokeColor == colorOf(colour) || x.FillColor == colorOf(colour) {
					n++
				}
			}
		}
		return n
	}
	w.Canvas().Focus(g.all[1])
	if n := count(g.all[1], theme.Primary); n != 0 {
		t.Errorf("%d parts of it look chosen", n)
	}
	if count(g.all[1], theme.Text) != 1 {
		t.Error("it shows no focus")
	}
	if n := count(g.all[0], theme.Primary); n != 3 {
		t.Errorf("%d parts of the chosen one look so: the edge and the mark's two do", n)
	}
}

func TestToggleOnlyAsks(t *testing.T) {
	begin(t)
	var asked []bool
	toggle := NewToggle(func(on bool) { asked = append(asked, on) })
	test.Tap(toggle)
	test.Tap(toggle)
	toggle.SetOn(true)
	test.Tap(toggle)
	if !toggle.On() || !slices.Equal(asked, []bool{true, true, false}) {
		t.Error(asked)
	}
}

func TestChoicesHaveOneChosen(t *testing.T) {
	begin(t)
	c := NewChoices(1, [2]string{"a", ""}, [2]string{"b", ""}, [2]string{"c", ""})
	test.Tap(c.all[2])
	if c.Chosen() != 2 || c.all[1].chosen || !c.all[2].chosen {
		t.Error(c.Chosen())
	}
}

func TestKeyGridHidesAndClears(t *testing.T) {
	begin(t)
	g := NewKeyGrid()
	var groups [][]byte
	for range 16 {
		groups = append(groups, []byte("4f0a"))
	}
	g.SetGroups(groups)
	if g.Groups()[15] != "4f0a" {
		t.Error(g.Groups())
	}
	g.SetHidden(true)
	if g.Groups()[0] != hiddenGroup {
		t.Error("it is not hidden")
	}
	g.SetHidden(false)
	g.Clear()
	if g.Groups()[0] != hiddenGroup || groups[0][0] != 0 {
		t.Error("the digits are left")
	}
}

func TestProgressPanelWords(t *testing.T) {
	begin(t)
	p := NewProgressPanel("Pause", "Go on", "Cancel", func() {}, func() {})
	p.Set(ProgressState{Step: "Backing up", Share: 0.5, Percent: "50 %", Amount: "1 of 2", Speed: "3 per second", Left: "4 left"})
	if p.facts.Text != "1 of 2 · 3 per second · 4 left" || p.bar.Done() != 0.5 || p.pause.Text != "Pause" {
		t.Errorf("%+v", p.facts.Text)
	}
	p.Set(ProgressState{Step: "Paused", Paused: true})
	if p.pause.Text != "Go on" {
		t.Error(p.pause.Text)
	}
	p.SetStopping("Stopping…")
	if p.Step() != "Stopping…" || !p.cancel.Disabled() {
		t.Error("it can be cancelled twice")
	}
}

func TestTreePickerLoadsOnce(t *testing.T) {
	begin(t)
	p := NewTreePicker()
	var asked []string
	p.OnLoad = func(path string) { asked = append(asked, path) }
	p.Load("")
	p.SetChildren("", []Node{{Path: "a", Name: "a", Open: true}, {Path: "b", Name: "b"}})
	p.Open("a")
	p.SetChildren("a", []Node{{Path: "a/x", Name: "x"}})
	p.tree.CloseBranch("a")
	p.Open("a")
	if !slices.Equal(asked, []string{"", "a"}) {
		t.Error(asked)
	}
	picked := 0
	p.OnPicked = func() { picked++ }
	p.tree.Select("a/x")
	if picked != 1 || p.Selection.State("a") != On || !slices.Equal(p.Selection.Paths(), []string{"a"}) {
		t.Error(picked, p.Selection.Paths())
	}
	p.ShowResults([]Node{{Path: "b", Name: "b"}}, nil)
	p.PickShown(true)
	if p.Selection.State("") != On {
		t.Error("what is shown cannot be picked")
	}
	p.results.Select(0)
	if !slices.Equal(p.Selection.Paths(), []string{"a"}) {
		t.Error("a result cannot be taken out again", p.Selection.Paths())
	}
}

func TestColumnAsksHeightsAtItsWidth(t *testing.T) {
	begin(t)
	text := NewBody(strings.Repeat("many words ", 30))
	below := NewBody("below")
	c := Column(10, Card(text), below)
	c.Resize(fyne.NewSize(300, 1000))
	if below.Position().Y < text.MinSize().Height+10 {
		t.Errorf("the text of %v overlaps what is at %v", text.MinSize().Height, below.Position().Y)
	}
	if c.MinSize().Height < below.Position().Y+below.Size().Height {
		t.Error("the column says it is lower than it is")
	}
}

package ui

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// away moves a place away, or back.
func away(t *testing.T, place string) {
	t.Helper()
	to := place + " away"
	if strings.HasSuffix(place, " away") {
		to = strings.TrimSuffix(place, " away")
	}
	if err := os.Rename(place, to); err != nil {
		t.Fatal(err)
	}
}

func says(d *desk, text string) bool {
	return slices.ContainsFunc(d.Texts(), func(s string) bool { return strings.Contains(s, text) })
}

// slow is core whose calls wait until they are let go.
type slow struct {
	*core.App
	let chan struct{}
}

func (s *slow) Setup(ctx context.Context, r core.SetupRequest) error {
	<-s.let
	return s.App.Setup(ctx, r)
}

func (s *slow) Reader(ctx context.Context) (*core.Reader, error) {
	<-s.let
	return s.App.Reader(ctx)
}

func (s *slow) SetSources(ctx context.Context, a, b []string) error {
	<-s.let
	return s.App.SetSources(ctx, a, b)
}

// What takes longer than a moment says what it is.
func TestNoWaitIsWithoutAWord(t *testing.T) {
	s := &slow{let: make(chan struct{})}
	d := sit(t, t.TempDir(), func(a *core.App) Core { s.App = a; return with(a, s) })
	d.choosePlaces(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.Sees("Who may open it?")
	d.door("Not encrypted")
	d.press("Continue")
	d.Sees("Setting the backup up at its place…")
	s.let <- struct{}{}
	d.Sees("Everything is set")
	d.backUp()
	d.nav("Restore")
	d.door("This backup")
	d.Sees("Opening the backup…")
	s.let <- struct{}{}
	d.Sees("From which day?")
	if says(d, "Opening the backup…") {
		t.Error("it still says what it waited for")
	}
	d.nav("Backup")
	d.row("What").Tapped(nil)
	d.press("Save")
	d.Sees("Looking at the folders…")
	s.let <- struct{}{}
	d.Sees("Backed up")
}

// A button is made busy by what says what is waited for, and by nothing else.
func TestWhatIsBusySaysWhy(t *testing.T) {
	for _, name := range programFiles(t, "cli", "uitest", "widgets") {
		if name == filepath.Join("shell", "wait.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "SetBusy" {
				t.Errorf("%s: a button is busy without a word", set.Position(n.Pos()))
			}
			return true
		})
	}
}

// After trouble the focus is where it was.
func TestTroubleLeavesTheFocus(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.door("Restore a backup")
	d.Sees("Where is the backup?")
	d.press("Continue")
	d.Sees("Type the path of a folder, or choose one.")
	d.write(0, t.TempDir())
	field, c := uitest.One(d.Desk, "field", func(*widgets.Field) bool { return true }), d.ui.w.Canvas()
	c.Focus(field)
	d.typed(fyne.KeyReturn)
	d.Sees("nor in the folders in it")
	if c.Focused() != fyne.Focusable(field) {
		t.Errorf("the focus is on %T", c.Focused())
	}
	c.Unfocus()
	button := uitest.One(d.Desk, "button", func(b *widgets.Button) bool { return b.Text == "Continue" })
	c.Focus(button)
	d.typed(fyne.KeyReturn)
	d.Until("the answer", func() bool { return !button.Disabled() })
	if c.Focused() != fyne.Focusable(button) {
		t.Errorf("the focus is on %T", c.Focused())
	}
}

// Tab comes by what is asked, then by the ways on, then by the way back. A tree is one stop.
func TestTheOrderOfTab(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.row(d.firstDate()).Tapped(nil)
	d.Sees("letter.txt")
	d.press("All")
	c := d.ui.w.Canvas()
	c.Focus(uitest.One(d.Desk, "field", func(*widgets.Field) bool { return true }))
	var stops []string
	for range 7 {
		c.FocusNext()
		stops = append(stops, labelOf(c.Focused()))
	}
	want := []string{"All", "None", "*widgets.pickTree", "Continue", "Back"}
	if !slices.Equal(stops[:len(want)], want) {
		t.Errorf("Tab stops at %q", stops)
	}
	// Within it, the arrows move and Space checks.
	d.press("None")
	for labelOf(c.Focused()) != "*widgets.pickTree" {
		c.FocusNext()
	}
	d.typed(fyne.KeyDown)
	d.typed(fyne.KeyDown)
	d.typed(fyne.KeySpace)
	d.Sees("Chosen: 1 file, ")
	d.typed(fyne.KeyEscape) // what it has no use for goes to the window
	d.Sees("From which day?")
}

// What arrives late is kept, and does not cover the screen that one went to.
func TestWhatIsLateCoversNothing(t *testing.T) {
	s := &slow{let: make(chan struct{})}
	d := sit(t, t.TempDir(), func(a *core.App) Core { s.App = a; return with(a, s) })
	go func() { s.let <- struct{}{} }()
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	d.nav("Restore")
	d.door("This backup")
	d.nav("Backup")
	s.let <- struct{}{}
	for range 2 { // the backup, then its dates
		d.ui.w.Work.Wait()
		d.Loop.Drain()
	}
	d.Sees("Backed up")
	d.nav("Restore")
	d.Sees("From which day?")
	d.nav("Backup")
	d.Sees("Backed up")
}

// counting is core that counts until it is let go.
type counting struct {
	*core.App
	let chan struct{}
}

func (c *counting) Estimate(context.Context, []string, []string, func(int64, int64)) (int64, int64, error) {
	<-c.let
	return 5, 71_000_000, nil
}

// Who goes on while the files are counted hears later that there is no room for them.
func TestTooLittleRoomIsToldWhenTheFilesAreCounted(t *testing.T) {
	c := &counting{let: make(chan struct{}, 10)}
	d := sit(t, t.TempDir(), func(a *core.App) Core { c.App = a; return with(a, c) })
	d.ui.place.Free = func(context.Context, string) (int64, bool) { return 31_000_000, true }
	d.choosePlaces(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.Sees("Who may open it?")
	for range 10 {
		c.let <- struct{}{}
	}
	d.Sees("Your files take 71 MB, and 31 MB are free there.")
	d.press("Choose another place")
	d.Sees("Where should it be kept?")
}

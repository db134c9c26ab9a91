package ui

import (
	"bytes"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// hands are a person without a pointer.
type hands struct {
	*desk
	seen map[string]bool // what was seen to show its focus
}

// labelOf names what has the focus.
func labelOf(f fyne.Focusable) string {
	switch x := f.(type) {
	case *widgets.Button:
		return x.Text
	case *widgets.Choice:
		return x.Title()
	case *widgets.Check:
		return x.Text
	case *widgets.SettingRow:
		return x.Title()
	case *widgets.NavItem:
		return x.Text()
	}
	return fmt.Sprintf("%T", f)
}

// tab moves the focus until it is on what has a label, and looks whether one
// can see it wherever it stops.
func (h *hands) tab(label string) {
	h.t.Helper()
	c := h.ui.w.Canvas()
	var met []string
	for range 60 {
		c.FocusNext()
		f := c.Focused()
		if f == nil {
			continue
		}
		name := labelOf(f)
		met = append(met, name)
		h.seeFocus(f, name)
		if strings.HasPrefix(name, label) {
			return
		}
	}
	h.t.Fatalf("Tab does not reach %q; it stops at %q", label, met)
}

// seeFocus compares the window with the focus and without.
func (h *hands) seeFocus(f fyne.Focusable, name string) {
	h.t.Helper()
	if h.seen[name] {
		return
	}
	h.seen[name] = true
	c := h.ui.w.Canvas()
	with := pixels(c.Capture())
	c.Unfocus()
	without := pixels(c.Capture())
	c.Focus(f)
	if bytes.Equal(with, without) {
		h.t.Errorf("nothing shows that %q has the focus", name)
	}
}

func pixels(img image.Image) []byte {
	if n, ok := img.(*image.NRGBA); ok {
		return bytes.Clone(n.Pix)
	}
	var out []byte
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			out = append(out, byte(r>>8), byte(g>>8), byte(bl>>8))
		}
	}
	return out
}

func (h *hands) key(name fyne.KeyName) {
	h.t.Helper()
	f := h.ui.w.Canvas().Focused()
	if f == nil {
		h.t.Fatal("nothing has the focus")
	}
	f.TypedKey(&fyne.KeyEvent{Name: name})
	h.Loop.Drain()
}

// text types into what has the focus, after emptying it.
func (h *hands) text(s string) {
	h.t.Helper()
	f, ok := h.ui.w.Canvas().Focused().(field)
	if !ok {
		h.t.Fatalf("the focus is on %T, which takes no text", h.ui.w.Canvas().Focused())
	}
	f.SetText("")
	test.Type(f, s)
	h.Loop.Drain()
}

// Everything from the first start to the restored files goes without a pointer,
// and it can always be seen where the focus is.
func TestAStoryByKeyboardAlone(t *testing.T) {
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	d := sit(t, t.TempDir(), nil)
	uitest.LastWindow().Resize(fyne.NewSize(1000, 700))
	// The toolkit's cache looks at the clock when a picture is made: where the last
	// one was made over a minute ago, by a test before, it takes all for forgotten.
	d.ui.w.Canvas().Capture()
	d.ui.w.Home()
	h := &hands{desk: d, seen: map[string]bool{}}
	h.tab("Set up a backup")
	h.key(fyne.KeyReturn)
	h.tab("*widgets.Field")
	h.text(dir)
	h.key(fyne.KeyReturn)
	h.Sees("5 files")
	h.tab("The trash")
	h.key(fyne.KeySpace)
	h.tab("Continue")
	h.key(fyne.KeyReturn)
	h.text(destination) // the field has the focus already
	h.key(fyne.KeyReturn)
	h.Sees("Who may open it?")
	h.tab("Continue")
	h.key(fyne.KeyReturn)
	h.Sees("This is your key")
	digits := d.key()
	h.tab("I have saved it")
	h.key(fyne.KeyReturn)
	for _, group := range h.askedGroups() { // the second field gets the focus when the first is right
		h.text(digits[group-1])
	}
	h.tab("Set up the backup")
	h.key(fyne.KeyReturn)
	h.Sees("Everything is set")
	h.tab("Back up now")
	h.key(fyne.KeySpace)
	h.Until("the end of the backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastGood != nil })
	h.Sees("Backed up")

	h.tab("When")
	h.key(fyne.KeyReturn)
	h.tab("Every hour")
	h.key(fyne.KeySpace)
	h.tab("Save")
	h.key(fyne.KeyReturn)
	h.Sees("Every hour · next")

	h.tab("Restore")
	h.key(fyne.KeyReturn)
	h.tab("This backup")
	h.key(fyne.KeyReturn)
	h.Sees("From which day?")
	h.tab(d.firstDate())
	h.key(fyne.KeyReturn)
	h.Sees("Documents")
	h.tab("All")
	h.key(fyne.KeyReturn)
	h.tab("Continue")
	h.key(fyne.KeyReturn)
	h.Sees("Where should they go?")
	target := filepath.Join(t.TempDir(), "restored")
	h.tab("*widgets.Field")
	h.text(target)
	h.tab("Keep both")
	h.key(fyne.KeySpace)
	h.tab("Restore 5 files")
	h.key(fyne.KeyReturn)
	h.Sees("every byte was checked")
	sameFiles(t, dir, filepath.Join(target, "Documents"))

	// A question is answered with Escape.
	d.close()
	h.Sees("Keep backing up?")
	h.key(fyne.KeyEscape)
	if d.closed || d.ui.w.Hidden {
		t.Error("Escape was taken for an answer")
	}
}

// askedGroups are the numbers of the groups that are asked back.
func (h *hands) askedGroups() []int {
	var out []int
	for _, label := range h.Texts() {
		var n int
		if _, err := fmt.Sscanf(label, "Group %d", &n); err == nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// shortcut does what the window does for one of its shortcuts. That fields hand them on is seen in the real window (scripts/smoke):
// the toolkit's canvas for tests takes none.
func (d *desk) shortcut(key fyne.KeyName, modifier fyne.KeyModifier) {
	d.t.Helper()
	do := d.ui.w.Shortcuts()[desktop.CustomShortcut{KeyName: key, Modifier: modifier}]
	if do == nil {
		d.t.Fatalf("%s is no shortcut", key)
	}
	do()
	d.Loop.Drain()
}

// typed types a key into what has the focus, or into the window.
func (d *desk) typed(key fyne.KeyName) {
	e := &fyne.KeyEvent{Name: key}
	c := d.ui.w.Canvas()
	if f := c.Focused(); f != nil {
		f.TypedKey(e)
	} else {
		c.OnTypedKey()(e)
	}
	d.Loop.Drain()
}

// focusChoice puts the focus on an answer, as Tab does.
func (d *desk) focusChoice(title string) fyne.Focusable {
	d.t.Helper()
	c := uitest.One(d.Desk, "choice "+title, func(c *widgets.Choice) bool { return c.Title() == title })
	d.ui.w.Canvas().Focus(c)
	return c
}

// somePasswords is a computer on which a password can be chosen.
type somePasswords struct{ secret.Passwords }

func (somePasswords) Possible() bool { return true }

// What changes the number of steps keeps the focus, though its page is made anew.
func TestSpaceKeepsTheFocus(t *testing.T) {
	d := sit(t, t.TempDir(), func(a *core.App) Core {
		c := CoreOf(a)
		c.Passwords = somePasswords{c.Passwords}
		return c
	})
	d.choosePlaces(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.Sees("Who may open it?")
	c := d.ui.w.Canvas()
	password := d.focusChoice("End-to-end encrypted, with a password")
	d.typed(fyne.KeySpace)
	if c.Focused() != password {
		t.Errorf("the focus is on %v", c.Focused())
	}
	recovery := uitest.One(d.Desk, "check", func(c *widgets.Check) bool { return c.Text == "Also make a recovery key" })
	c.Focus(recovery)
	d.typed(fyne.KeySpace)
	if c.Focused() != recovery || recovery.On() {
		t.Errorf("the focus is on %v; the recovery key is chosen: %v", c.Focused(), recovery.On())
	}
}

// The keys that people know from other programs work here, also from within a field.
func TestKeysAsPeopleUseThem(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.choosePlaces(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.Sees("Who may open it?")
	plain := d.focusChoice("Not encrypted")
	d.typed(fyne.KeySpace)
	if d.ui.w.Canvas().Focused() != plain {
		t.Errorf("Space moved the focus to %v", d.ui.w.Canvas().Focused())
	}
	d.press("Continue")
	d.Sees("Everything is set")
	d.backUp()

	d.shortcut(fyne.KeyComma, fyne.KeyModifierShortcutDefault)
	d.Sees("Your own patterns")
	d.row("When").Tapped(nil)
	d.Sees("How often?")
	d.typed(fyne.KeyEscape)
	d.Sees("Your own patterns") // where one came from
	d.row("When").Tapped(nil)
	d.door("Every hour")
	d.typed(fyne.KeyDown)
	d.press("Save")
	d.Sees("Your own patterns")
	if every := d.core.Status().Schedule.Every; every != core.Daily {
		t.Errorf("the arrow chose %q", every)
	}

	// What was typed and not saved is there when one comes back.
	area := uitest.One(d.Desk, "patterns", func(*widgets.Area) bool { return true })
	d.ui.w.Canvas().Focus(area)
	test.Type(area, "*.iso")
	d.check("The trash")
	d.nav("Activity")
	d.typed(fyne.KeyF5)
	d.nav("Settings")
	if got := uitest.One(d.Desk, "patterns", func(*widgets.Area) bool { return true }).Text; got != "*.iso" {
		t.Errorf("the patterns are %q", got)
	}
	if uitest.One(d.Desk, "check", func(c *widgets.Check) bool { return c.Text == "The trash" }).On() {
		t.Error("a tick that was taken away and not saved is there again")
	}
	d.press("Save")
	d.Sees("It counts from the next backup on.")
	if got := strings.Join(d.core.Status().Excludes, " "); got != "preset:caches preset:temporary *.iso" {
		t.Errorf("saved is %q", got)
	}

	d.nav("Restore")
	d.door("This backup")
	d.Sees("From which day?")
	d.row(d.firstDate()).Tapped(nil)
	d.Sees("Documents")
	d.shortcut(fyne.KeyF, fyne.KeyModifierShortcutDefault)
	field, ok := d.ui.w.Canvas().Focused().(*widgets.Field)
	if !ok {
		t.Fatalf("Ctrl+F leads to %T", d.ui.w.Canvas().Focused())
	}
	test.Type(field, "letter")
	d.Sees("1 found")
	d.typed(fyne.KeyEscape) // lets go of the field
	d.Sees("1 found")
	d.shortcut(fyne.KeyLeft, fyne.KeyModifierAlt)
	d.Sees("From which day?")

	d.ui.w.Canvas().Focus(nil)
	d.row("Find a file").Tapped(nil)
	if _, ok := d.ui.w.Canvas().Focused().(*widgets.Field); !ok {
		t.Fatal("the field has no focus")
	}
	d.shortcut(fyne.KeyQ, fyne.KeyModifierShortcutDefault)
	d.Until("the end", func() bool { return d.closed })
}

package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// desk is a person in front of a window.
type desk struct {
	*uitest.Desk
	t       *testing.T
	ui      *UI
	core    *core.App
	files   *fakeFiles
	closed  bool
	profile string
	panel   *panel
	told    []string        // notifications
	found   []places.Nearby // that are offered for a backup
	taps    int             // presses of buttons, doors, checks and screens
	clock   time.Duration   // what the window's clock is ahead
}

// newLoop measures what it runs.
func newLoop() *uitest.Loop {
	l := uitest.NewLoop()
	l.Run = func(fn func()) { handlers.measure("the end of some work", fn) }
	return l
}

// panel is a test's app with a system's panel.
type panel struct {
	fyne.App
	menu  *fyne.Menu
	icon  string // its name
	tip   string
	frame *dropSite
}

// dropSite is a window that files can be dropped on.
type dropSite struct {
	fyne.Window
	dropped func(fyne.Position, []fyne.URI)
}

func (f *dropSite) SetOnDropped(dropped func(fyne.Position, []fyne.URI)) { f.dropped = dropped }

func (p *panel) NewWindow(title string) fyne.Window {
	p.frame = &dropSite{Window: p.App.NewWindow(title)}
	return p.frame
}

func (p *panel) SetSystemTrayMenu(m *fyne.Menu)    { p.menu = m }
func (p *panel) SetSystemTrayIcon(r fyne.Resource) { p.icon = r.Name() }
func (p *panel) SetSystemTrayWindow(fyne.Window)   {}
func (p *panel) SetTooltip(text string)            { p.tip = text }

// item is the tray's line with a text; nil: there is none.
func (p *panel) item(text string) *fyne.MenuItem {
	for _, i := range p.menu.Items {
		if i.Label == text {
			return i
		}
	}
	return nil
}

// fakeFiles answers the folder and file dialogs.
type fakeFiles struct{ folderAnswer, saveAnswer, fileAnswer string }

func (f *fakeFiles) File(chosen func(string)) { chosen(f.fileAnswer) }

func (f *fakeFiles) Folder(_ string, chosen func(string)) { chosen(f.folderAnswer) }

func (f *fakeFiles) Save(_ string, chosen func(string)) { chosen(f.saveAnswer) }

// with is the core of an App with another one in its place.
func with(a *core.App, app App) Core {
	c := CoreOf(a)
	c.App = app
	return c
}

// sit opens a window on a profile; wrap may put something between it and core.
func sit(t *testing.T, profile string, wrap func(*core.App) Core) *desk {
	t.Helper()
	return sitWith(t, profile, keyring.File{Path: filepath.Join(profile, "device.key")}, wrap)
}

func sitWith(t *testing.T, profile string, ring core.Keyring, wrap func(*core.App) Core) *desk {
	t.Helper()
	return sitIn(t, core.Params{Profile: profile, Keyring: ring}, wrap)
}

func sitIn(t *testing.T, params core.Params, wrap func(*core.App) Core) *desk {
	t.Helper()
	return sitWhere(t, params, wrap, func(*Params) {})
}

// sitWhere opens a window with other parameters.
func sitWhere(t *testing.T, params core.Params, wrap func(*core.App) Core, change func(*Params)) *desk {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	a, err := core.Open(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Desk: &uitest.Desk{T: t, Loop: newLoop()}, t: t, core: a, files: &fakeFiles{}, profile: params.Profile}
	c := CoreOf(a)
	if wrap != nil {
		c = wrap(a)
	}
	d.panel = &panel{App: test.NewTempApp(t)}
	p := Params{
		Fyne: d.panel, Core: watched(t, c), Profile: params.Profile, Do: d.Loop.Do,
		Now:    d.now,
		Notify: func(title, text string) { d.told = append(d.told, title+": "+text) },
	}
	change(&p)
	d.ui = New(p)
	d.ui.place.Nearby = func(context.Context) []places.Nearby { return d.found }
	d.ui.w.Tray.Update()
	fyne.MeasureText("0", theme.TextBody, fyne.TextStyle{Monospace: true}) // reads the key's fonts, as Run does
	d.ui.w.Choose = d.files
	uitest.LastWindow().SetOnClosed(func() { d.closed = true })
	t.Cleanup(d.leave)
	return d
}

// leave closes the window and the profile.
func (d *desk) leave() {
	if d.core == nil {
		return
	}
	d.ui.w.Work.Stop()
	d.ui.w.Work.Wait()
	d.Loop.Drain()
	d.ui.restore.Screen.Close()
	if err := d.core.Close(); err != nil {
		d.t.Error(err)
	}
	d.core = nil
}

// now is the window's clock.
func (d *desk) now() time.Time { return time.Now().Add(d.clock) }

// tomorrow is when a pause until then ends.
func tomorrow(now time.Time) time.Time {
	now = now.Local()
	return time.Date(now.Year(), now.Month(), now.Day()+1, 6, 0, 0, 0, time.Local)
}

// tree is the one of the files to restore.
func (d *desk) tree() *widgets.TreePicker {
	d.t.Helper()
	return uitest.One(d.Desk, "tree", func(*widgets.TreePicker) bool { return true })
}

// close closes the window, as far as it lets itself be closed.
func (d *desk) close() {
	d.ui.w.Shortcuts()[desktop.CustomShortcut{KeyName: fyne.KeyW, Modifier: fyne.KeyModifierShortcutDefault}]()
}

// quit ends Holdfast, after its question.
func (d *desk) quit() {
	d.ui.w.Shortcuts()[desktop.CustomShortcut{KeyName: fyne.KeyQ, Modifier: fyne.KeyModifierShortcutDefault}]()
}

// english are the words of the tests.
var english = words.In(func(text string, v words.Values) string {
	if len(v) == 0 {
		return lang.L(text)
	}
	return lang.L(text, v)
})

// atScreen reports whether a screen is seen beside the sidebar.
func (d *desk) atScreen() bool {
	return len(uitest.Find(d.Desk, func(*widgets.NavItem) bool { return true })) > 0
}

// press presses a button, which must be there and enabled.
func (d *desk) press(text string) {
	d.t.Helper()
	b := uitest.One(d.Desk, "button "+text, func(b *widgets.Button) bool { return b.Text == text })
	if b.Disabled() {
		d.t.Fatalf("the button %q is disabled", text)
	}
	d.taps++
	handlers.measure(text, func() { test.Tap(b) })
	d.Loop.Drain()
}

func (d *desk) enabled(text string) bool {
	return !uitest.One(d.Desk, "button "+text, func(b *widgets.Button) bool { return b.Text == text }).Disabled()
}

func (d *desk) door(title string) {
	d.t.Helper()
	c := uitest.One(d.Desk, "door "+title, func(c *widgets.Choice) bool { return c.Title() == title })
	d.taps++
	handlers.measure(title, func() { test.Tap(c) })
	d.Loop.Drain()
}

func (d *desk) row(title string) *widgets.SettingRow {
	d.t.Helper()
	d.taps++ // or only looked at
	return uitest.One(d.Desk, "row "+title, func(r *widgets.SettingRow) bool { return strings.HasPrefix(r.Title(), title) })
}

func (d *desk) check(text string) {
	d.t.Helper()
	d.taps++
	test.Tap(uitest.One(d.Desk, "check "+text, func(c *widgets.Check) bool { return c.Text == text }))
}

// pick chooses from the list that has it.
func (d *desk) pick(option string) {
	d.t.Helper()
	uitest.One(d.Desk, "list with "+option, func(s *widget.Select) bool { return slices.Contains(s.Options, option) }).SetSelected(option)
	d.Loop.Drain()
}

func (d *desk) nav(text string) {
	d.t.Helper()
	n := uitest.One(d.Desk, "screen "+text, func(n *widgets.NavItem) bool { return n.Text() == text })
	d.taps++
	handlers.measure(text, func() { test.Tap(n) })
	d.Loop.Drain()
}

func (d *desk) toggle() *widgets.Toggle {
	d.t.Helper()
	return uitest.One(d.Desk, "toggle", func(*widgets.Toggle) bool { return true })
}

// field is a widget.Entry, or what extends one.
type field interface {
	fyne.Focusable
	SetText(string)
	SelectedText() string
}

// write replaces what is in the n-th field that is shown.
func (d *desk) write(n int, text string) {
	d.t.Helper()
	var all []field
	d.Walk(func(o fyne.CanvasObject) {
		if f, ok := o.(field); ok {
			all = append(all, f)
		}
	})
	if n >= len(all) {
		d.t.Fatalf("there are %d fields; the window says:\n%s", len(all), strings.Join(d.Texts(), "\n"))
	}
	all[n].SetText("")
	test.Type(all[n], text)
	d.Loop.Drain()
}

// key reads the 64 digits off the screen.
func (d *desk) key() []string {
	d.t.Helper()
	var out []string
	for _, t := range uitest.Find(d.Desk, func(t *widgets.Text) bool { return t.Style.Monospace && len(t.Text) == 4 }) {
		out = append(out, t.Text)
	}
	if len(out) != 16 {
		d.t.Fatalf("the key has %d groups: %v", len(out), out)
	}
	return out
}

// confirmKey goes from the page with the key to the end of the check, and
// returns the digits.
func (d *desk) confirmKey() []string {
	d.t.Helper()
	d.Sees("This is your ")
	key := d.key()
	d.press("I have saved it")
	d.Sees("Do you have it?")
	d.answer(key)
	return key
}

// answer types the groups that are asked back.
func (d *desk) answer(key []string) {
	d.t.Helper()
	n := 0
	for _, text := range d.Texts() {
		var group int
		if _, err := fmt.Sscanf(text, "Group %d", &group); err == nil && text == fmt.Sprintf("Group %d", group) {
			d.write(n/2, key[group-1]) // each label is seen as widget and as its line
			n++
		}
	}
	if n != 4 {
		d.t.Fatalf("%d groups were asked", n/2)
	}
}

// treeOf makes files to back up.
func treeOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Documents")
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

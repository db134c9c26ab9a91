package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// loop is the toolkit's goroutine of a test: what the window's work hands in
// runs on the test's own goroutine, so that nothing is read while it changes.
type loop struct {
	mu   sync.Mutex
	fns  []func()
	wake chan struct{}
}

func newLoop() *loop { return &loop{wake: make(chan struct{}, 1)} }

func (l *loop) do(fn func()) {
	l.mu.Lock()
	l.fns = append(l.fns, fn)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *loop) drain() {
	for {
		l.mu.Lock()
		fns := l.fns
		l.fns = nil
		l.mu.Unlock()
		if len(fns) == 0 {
			return
		}
		for _, fn := range fns {
			handlers.measure("the end of some work", fn)
		}
	}
}

// desk is a person in front of a window.
type desk struct {
	t       *testing.T
	loop    *loop
	ui      *UI
	core    *core.App
	files   *fakeFiles
	closed  bool
	profile string
	panel   *panel
	told    []string      // notifications
	taps    int           // presses of buttons, doors, checks and screens
	clock   time.Duration // what the window's clock is ahead
}

// panel is a test's app with a system's panel.
type panel struct {
	fyne.App
	menu *fyne.Menu
	icon string // its name
	tip  string
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

func (f *fakeFiles) file(chosen func(string)) { chosen(f.fileAnswer) }

func (f *fakeFiles) folder(_ string, chosen func(string)) { chosen(f.folderAnswer) }

func (f *fakeFiles) save(_ string, chosen func(string)) { chosen(f.saveAnswer) }

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
	t.Setenv("HOME", t.TempDir())
	a, err := core.Open(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, loop: newLoop(), core: a, files: &fakeFiles{}, profile: params.Profile}
	c := CoreOf(a)
	if wrap != nil {
		c = wrap(a)
	}
	d.panel = &panel{App: test.NewTempApp(t)}
	d.ui = New(Params{
		Fyne: d.panel, Core: watched(t, c), Profile: params.Profile, Do: d.loop.do,
		Now:    func() time.Time { return time.Now().Add(d.clock) },
		Notify: func(title, text string) { d.told = append(d.told, title+": "+text) },
	})
	d.ui.tray.update()
	readFonts()
	d.ui.choose = d.files
	d.ui.window.SetOnClosed(func() { d.closed = true })
	t.Cleanup(d.leave)
	return d
}

// leave closes the window and the profile.
func (d *desk) leave() {
	if d.core == nil {
		return
	}
	d.ui.work.stop()
	d.ui.work.wg.Wait()
	d.loop.drain()
	d.ui.restore.close()
	if err := d.core.Close(); err != nil {
		d.t.Error(err)
	}
	d.core = nil
}

// patience is only so that a window in which nothing more happens ends the test, and says what it shows.
const patience = 10 * time.Minute

// until runs what the window's work hands in until cond holds.
func (d *desk) until(what string, cond func() bool) {
	d.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		d.loop.drain()
		if cond() {
			return
		}
		select {
		case <-d.loop.wake:
		case <-late.C:
			d.t.Fatalf("%s did not come; the window says:\n%s", what, strings.Join(d.texts(), "\n"))
		}
	}
}

// sees waits for a text to be shown.
func (d *desk) sees(text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("%q", text), func() bool {
		return slices.ContainsFunc(d.texts(), func(s string) bool { return strings.Contains(s, text) })
	})
}

// walk visits what is shown: the topmost overlay, else the content.
func (d *desk) walk(visit func(fyne.CanvasObject)) {
	c := d.ui.window.Canvas()
	top := c.Overlays().Top()
	if top == nil {
		top = c.Content()
	}
	var down func(fyne.CanvasObject)
	down = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		visit(o)
		switch x := o.(type) {
		case *fyne.Container:
			for _, c := range x.Objects {
				down(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(x).Objects() {
				down(c)
			}
		}
	}
	down(top)
}

func (d *desk) texts() []string {
	var out []string
	d.walk(func(o fyne.CanvasObject) {
		switch x := o.(type) {
		case *widgets.Text:
			out = append(out, x.Text)
		case *widgets.Button:
			out = append(out, "["+x.Text+"]")
		case *canvas.Text:
			out = append(out, x.Text)
		}
	})
	return out
}

// find returns the things of a kind that are shown and fit.
func find[T fyne.CanvasObject](d *desk, fits func(T) bool) []T {
	var out []T
	d.walk(func(o fyne.CanvasObject) {
		if x, ok := o.(T); ok && fits(x) {
			out = append(out, x)
		}
	})
	return out
}

func one[T fyne.CanvasObject](d *desk, what string, fits func(T) bool) T {
	d.t.Helper()
	all := find(d, fits)
	if len(all) == 0 {
		d.t.Fatalf("there is no %s; the window says:\n%s", what, strings.Join(d.texts(), "\n"))
	}
	return all[0]
}

// press presses a button, which must be there and enabled.
func (d *desk) press(text string) {
	d.t.Helper()
	b := one(d, "button "+text, func(b *widgets.Button) bool { return b.Text == text })
	if b.Disabled() {
		d.t.Fatalf("the button %q is disabled", text)
	}
	d.taps++
	handlers.measure(text, func() { test.Tap(b) })
	d.loop.drain()
}

func (d *desk) enabled(text string) bool {
	return !one(d, "button "+text, func(b *widgets.Button) bool { return b.Text == text }).Disabled()
}

func (d *desk) door(title string) {
	d.t.Helper()
	c := one(d, "door "+title, func(c *widgets.Choice) bool { return c.Title() == title })
	d.taps++
	handlers.measure(title, func() { test.Tap(c) })
	d.loop.drain()
}

func (d *desk) row(title string) *widgets.SettingRow {
	d.t.Helper()
	d.taps++ // or only looked at
	return one(d, "row "+title, func(r *widgets.SettingRow) bool { return strings.HasPrefix(r.Title(), title) })
}

func (d *desk) check(text string) {
	d.t.Helper()
	d.taps++
	test.Tap(one(d, "check "+text, func(c *widgets.Check) bool { return c.Text == text }))
}

// pick chooses from the list that has it.
func (d *desk) pick(option string) {
	d.t.Helper()
	one(d, "list with "+option, func(s *widget.Select) bool { return slices.Contains(s.Options, option) }).SetSelected(option)
	d.loop.drain()
}

func (d *desk) nav(text string) {
	d.t.Helper()
	n := one(d, "screen "+text, func(n *widgets.NavItem) bool { return n.Text() == text })
	d.taps++
	handlers.measure(text, func() { test.Tap(n) })
	d.loop.drain()
}

func (d *desk) toggle() *widgets.Toggle {
	d.t.Helper()
	return one(d, "toggle", func(*widgets.Toggle) bool { return true })
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
	d.walk(func(o fyne.CanvasObject) {
		if f, ok := o.(field); ok {
			all = append(all, f)
		}
	})
	if n >= len(all) {
		d.t.Fatalf("there are %d fields; the window says:\n%s", len(all), strings.Join(d.texts(), "\n"))
	}
	all[n].SetText("")
	test.Type(all[n], text)
	d.loop.drain()
}

// key reads the 64 digits off the screen.
func (d *desk) key() []string {
	d.t.Helper()
	var out []string
	for _, t := range find(d, func(t *widgets.Text) bool { return t.Style.Monospace && len(t.Text) == 4 }) {
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
	d.sees("This is your ")
	key := d.key()
	d.press("I have saved it")
	d.sees("Do you have it?")
	d.answer(key)
	return key
}

// answer types the groups that are asked back.
func (d *desk) answer(key []string) {
	d.t.Helper()
	n := 0
	for _, text := range d.texts() {
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

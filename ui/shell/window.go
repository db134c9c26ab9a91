package shell

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Core is what the window itself uses of core.App.
type Core interface {
	Status() core.Status
	Pause()
	Resume()
}

// Params are what a window needs.
type Params struct {
	Fyne    fyne.App
	Core    Core
	Profile string // keeps what the window remembers

	// optional

	// Do runs a function on the toolkit's goroutine, later; nil is fyne.Do.
	Do func(func())
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// KeepCopied is how long a copied key stays in the clipboard; 0 is a minute.
	KeepCopied time.Duration
	// Hidden starts without a window, as at login.
	Hidden bool
	// Login can be nil: then there is no choice about it.
	Login Login
	// Notify shows a notification of the system; nil is the desk's.
	Notify func(title, text string)
	// Desk is what the desktop offers beyond the toolkit.
	Desk Desk
	// Leave ends the program, from any goroutine, when all work has ended: the
	// toolkit's own end may wait for others for ever. Nil closes the window.
	Leave func()
}

// Features are what features put into the window.
type Features struct {
	Screens    []*Screen                // of the sidebar; the first one is seen first
	First      func() fyne.CanvasObject // makes the page of a profile without a backup
	Standing   func() Standing          // returns how things are
	Everywhere func() Remedies          // returns what can be done wherever trouble is shown
	Dropped    func(paths []string)     // takes what was dropped on the window
}

// Window is the window, and what all that is in it shares. It belongs to the toolkit's goroutine.
type Window struct {
	core     Core
	features Features

	Now     func() time.Time
	Words   words.Words // in the person's language
	Prefs   Settings    // what the window remembers
	Work    *Work       // its goroutines
	Job     *Job        // the long work under way; nil: there is none
	Choose  Picker      // asks for folders and files
	Clip    *Clip       // the clipboard, for secrets
	Login   Login       // nil: there is no choice about it
	Notify  func(title, text string)
	App     fyne.App
	Content *fyne.Container // the whole window: a flow, or sidebar and screen
	Side    *fyne.Container // right of the sidebar
	Nav     *Sidebar
	Tray    *Tray

	Hidden  bool // it runs without its window
	opened  bool // the window was shown at least once
	inFront bool // the window has the focus

	closing  bool // quit as soon as the job has ended
	quitting bool

	frame   fyne.Window
	desk    Desk
	leave   func()
	rests   *rests
	resized Latest    // remembers the window's size
	size    fyne.Size // of the window
}

// New makes the window, with nothing in it yet.
func New(p Params) *Window {
	switch {
	case p.Fyne == nil:
		panic("shell.New: Fyne is missing")
	case p.Core == nil:
		panic("shell.New: Core is missing")
	}
	if p.Do == nil {
		p.Do = fyne.Do
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.KeepCopied == 0 {
		p.KeepCopied = time.Minute
	}
	w := &Window{core: p.Core, Now: p.Now, Words: words.In(translate), App: p.Fyne, desk: p.Desk}
	w.rests = newRests(w, p.Do)
	w.Work = newWork(w.rests.later)
	w.Prefs = Settings{newMemory(p.Profile, p.Fyne.Preferences(), w.Work)}
	loadTranslations()
	Speak(w.Prefs.Language())
	w.App.SetIcon(windowIcon())
	w.App.Settings().SetTheme(w.Look())
	w.frame = w.App.NewWindow("Holdfast")
	w.Choose = newChooser(w)
	w.leave = p.Leave
	if w.leave == nil {
		w.leave = func() { closeWindow(w) }
	}
	w.Clip = &Clip{board: w.App.Clipboard(), work: w.Work, Keep: p.KeepCopied}
	w.Content, w.Side = container.NewStack(), container.NewStack()
	w.Hidden, w.opened, w.Login = p.Hidden, !p.Hidden, p.Login
	w.Notify = p.Notify
	if w.Notify == nil {
		w.Notify = noticesOf(w)
	}
	w.Tray = newTray(w)
	return w
}

// Furnish puts the features into the window and shows the first page.
func (w *Window) Furnish(f Features) {
	w.features = f
	w.Nav = newSidebar(w, f.Screens)
	w.frame.SetContent(container.New(windowSize{w}, newProbe(w), w.Content))
	w.frame.SetPadded(false)
	w.frame.SetMaster()
	w.frame.SetCloseIntercept(w.closeAsked)
	w.frame.Resize(firstSize(w.Prefs, w.desk))
	w.frame.SetOnDropped(w.dropped)
	w.watchDesk()
	for s, do := range w.Shortcuts() {
		w.Canvas().AddShortcut(&s, func(fyne.Shortcut) { do() })
	}
	w.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) {
		switch e.Name {
		case fyne.KeyEscape:
			w.escape()
		case fyne.KeyF5:
			if w.Nav.Shown && !w.Nav.current.held() {
				w.Open(w.Nav.current)
			}
		}
	})
	w.Home()
}

// Run shows the window and returns when it is closed and all its work has ended.
func (w *Window) Run() {
	w.frame.CenterOnScreen()
	if !w.Hidden {
		w.frame.Show()
	}
	w.Tray.Update() // after the first frame, which it would hold up; before Run, where the toolkit starts it
	if !w.Hidden {
		readFonts()
	}
	w.App.Run()
	w.Work.end()
}

// Shortcuts are those of the window, wherever the focus is (widgets/keys.go hands them on).
func (w *Window) Shortcuts() map[desktop.CustomShortcut]func() {
	const modifier = fyne.KeyModifierShortcutDefault
	out := map[desktop.CustomShortcut]func(){
		{KeyName: fyne.KeyW, Modifier: modifier}:               w.closeAsked,
		{KeyName: fyne.KeyQ, Modifier: modifier}:               w.quitAsked,
		{KeyName: fyne.KeyF, Modifier: modifier}:               w.find,
		{KeyName: fyne.KeyLeft, Modifier: fyne.KeyModifierAlt}: w.back,
	}
	for _, s := range w.Nav.screens {
		if s.Key != "" {
			out[desktop.CustomShortcut{KeyName: s.Key, Modifier: modifier}] = func() {
				if w.Nav.Shown {
					w.Open(s)
				}
			}
		}
	}
	return out
}

// escape lets go of a field with something typed in it, so that nothing is lost by mistake, and else goes back.
func (w *Window) escape() {
	if d, ok := w.Choose.(interface{ dismiss() bool }); ok && d.dismiss() {
		return
	}
	if f, ok := w.Canvas().Focused().(interface{ SelectedText() string }); ok && f != nil {
		w.Canvas().Unfocus()
		return
	}
	w.back()
}

// back goes back, if the page that is seen has a way back.
func (w *Window) back() {
	if w.Canvas().Overlays().Top() != nil {
		return // a question is open
	}
	walk(w.Content, func(o fyne.CanvasObject) bool {
		h, ok := o.(*widgets.StepHeader)
		return ok && h.Back()
	})
}

// find puts the focus into the field that searches, or goes to where a file is found.
func (w *Window) find() {
	i := slices.IndexFunc(w.Nav.screens, func(s *Screen) bool { return s.Find != nil })
	if !w.Nav.Shown || i < 0 {
		return
	}
	s := w.Nav.screens[i]
	if w.Nav.current != s {
		w.Open(s)
	}
	s.Find()
}

// walk visits what is shown until visit returns true.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject) bool) bool {
	if !o.Visible() {
		return false
	}
	if visit(o) {
		return true
	}
	if c, ok := o.(*fyne.Container); ok {
		return slices.ContainsFunc(c.Objects, func(o fyne.CanvasObject) bool { return walk(o, visit) })
	}
	return false
}

func windowIcon() fyne.Resource { return fyne.NewStaticResource("holdfast.png", assets.WindowIcon) }

// readFonts has the toolkit read the key's fonts, which it would do while it
// shows a key. The other ones are read for the first page.
func readFonts() { fyne.MeasureText("0", theme.TextBody, fyne.TextStyle{Monospace: true}) }

// Home shows what is to be seen first: the welcome, or the Backup screen.
func (w *Window) Home() {
	w.Nav.Shown = false
	if !w.core.Status().SetUp {
		w.Flow(w.features.First())
		return
	}
	w.Open(w.Nav.screens[0])
}

// Flow fills the window with a page of a wizard.
func (w *Window) Flow(page fyne.CanvasObject) {
	w.Nav.Shown = false
	w.Fill(w.Content, page)
}

// Over shows a page over what is shown; the returned function goes back to that, as it was left.
func Over(w *Window, page fyne.CanvasObject) (back func()) {
	before, shown := w.Content.Objects[0], w.Nav.Shown
	w.Flow(page)
	return func() {
		w.Nav.Shown = shown
		w.Fill(w.Content, before)
	}
}

// Fill shows something in a part of the window, in place of what was there.
func (w *Window) Fill(where *fyne.Container, what fyne.CanvasObject) {
	w.Canvas().Unfocus()
	if !what.Size().IsZero() {
		widgets.Unsize(what) // it was shown before
	}
	where.Objects = []fyne.CanvasObject{what}
	where.Refresh()
}

// Open shows a screen beside the sidebar.
func (w *Window) Open(s *Screen) {
	if !w.Nav.Shown {
		w.Fill(w.Content, w.Nav.layout(w.Side))
	}
	w.Nav.Shown = true
	w.Nav.selectItem(s)
	if w.Job != nil {
		w.Job.Watch = nil
	}
	s.Show()
}

// LeaveFlow goes from a wizard back to where the person came from.
func (w *Window) LeaveFlow() {
	if !w.core.Status().SetUp {
		w.Home()
		return
	}
	w.Nav.Shown = false
	w.Open(w.Nav.current)
}

// Refresh shows the first screen anew when it is the one that is seen.
func (w *Window) Refresh() {
	if first := w.Nav.screens[0]; w.Shows(first) {
		w.Open(first)
	}
}

// Canvas is what the window shows.
func (w *Window) Canvas() fyne.Canvas { return w.frame.Canvas() }

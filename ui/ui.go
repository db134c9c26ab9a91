package ui

import (
	"context"
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

// Login starts Holdfast when the person logs in, or not.
type Login interface {
	Enabled() (bool, error)
	Set(on bool) error
}

// Params are what the window needs.
type Params struct {
	Fyne    fyne.App
	Core    Core
	Profile string // shown in Settings

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
	// PINs, if not nil, is told how to ask for those of tokens.
	PINs interface {
		Ask(func(ctx context.Context, token string) (pin []byte, err error))
	}
	// Print prints a PDF; nil where nothing prints.
	Print func(ctx context.Context, title string, pdf []byte) error
	// Notify shows a notification of the system; nil is the desk's.
	Notify func(title, text string)
	// Desk is what the desktop offers beyond the toolkit.
	Desk Desk
	// Leave ends the program, from any goroutine, when all work has ended: the
	// toolkit's own end may wait for others for ever. Nil closes the window.
	Leave func()
}

// vals fill the places of a translated text.
type vals = map[string]any

// UI is the window.
type UI struct {
	core    Core
	profile string
	now     func() time.Time
	work    *work
	words   words.Words
	prefs   settings
	choose  chooser
	clip    *clip

	app     fyne.App
	window  fyne.Window
	content *fyne.Container // the whole window: a flow, or sidebar and screen
	screen  *fyne.Container // right of the sidebar
	nav     *sidebar

	tray      *tray
	scheduler *scheduler
	notify    func(title, text string)
	desk      Desk
	leave     func()
	rests     *rests
	resized   latest    // remembers the window's size
	size      fyne.Size // of the window
	inFront   bool      // the window has the focus
	free      func(ctx context.Context, place string) (bytes int64, known bool)
	there     func(ctx context.Context, place string) bool
	findApps  func() []core.FoundApp
	editor    *sourceEditor // of the page that was shown last with one
	draft     []string      // presets and patterns that Settings shows and that are not saved yet; nil: none
	login     Login
	print     func(ctx context.Context, title string, pdf []byte) error
	hidden    bool // it runs without its window
	opened    bool // the window was shown at least once

	trusted []core.VaultTrust // what the person agreed to in this window

	job      *job
	restore  *restoreFlow // of the Restore screen; survives looking at another one
	closing  bool         // quit as soon as the job has ended
	quitting bool
}

// New makes the window; Run shows it.
func New(p Params) *UI {
	switch {
	case p.Fyne == nil:
		panic("ui.New: Fyne is missing")
	case p.Core.App == nil:
		panic("ui.New: Core is missing")
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
	u := &UI{core: p.Core, profile: p.Profile, now: p.Now, words: words.In(translate), app: p.Fyne, desk: p.Desk}
	u.rests = newRests(u, p.Do)
	u.work = newWork(u.rests.later)
	u.prefs = settings{newMemory(p.Profile, p.Fyne.Preferences(), u.work)}
	loadTranslations()
	speak(u.prefs.language())
	u.app.SetIcon(windowIcon())
	u.app.Settings().SetTheme(u.look())
	u.window = u.app.NewWindow("Holdfast")
	u.choose = newChooser(u)
	u.leave = p.Leave
	if u.leave == nil {
		u.leave = u.closeWindow
	}
	u.clip = &clip{board: u.app.Clipboard(), work: u.work, keep: p.KeepCopied}
	u.content, u.screen = container.NewStack(), container.NewStack()
	u.hidden, u.opened, u.login, u.print = p.Hidden, !p.Hidden, p.Login, p.Print
	u.notify = p.Notify
	if u.notify == nil {
		u.notify = u.showNotice
	}
	if p.PINs != nil {
		p.PINs.Ask(u.askPIN)
	}
	at := u.core.Elsewhere().Places
	u.free, u.there, u.findApps = at.Free, at.Connected, core.FindApps
	u.tray = newTray(u)
	u.scheduler = &scheduler{u: u}
	u.nav = newSidebar(u)
	u.restore = newRestoreFlow(u, nil)
	u.window.SetContent(container.New(windowSize{u}, newProbe(u), u.content))
	u.window.SetPadded(false)
	u.window.SetMaster()
	u.window.SetCloseIntercept(u.closeAsked)
	u.window.Resize(u.firstSize())
	u.window.SetOnDropped(u.dropped)
	u.watchDesk()
	for s, do := range u.shortcuts() {
		u.window.Canvas().AddShortcut(&s, func(fyne.Shortcut) { do() })
	}
	u.window.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) {
		switch e.Name {
		case fyne.KeyEscape:
			u.escape()
		case fyne.KeyF5:
			if u.nav.shown && (u.nav.current != screenRestore || u.restore.job == nil) {
				u.open(u.nav.current)
			}
		}
	})
	u.home()
	return u
}

// shortcuts are those of the window, wherever the focus is (widgets/keys.go hands them on).
func (u *UI) shortcuts() map[desktop.CustomShortcut]func() {
	const modifier = fyne.KeyModifierShortcutDefault
	return map[desktop.CustomShortcut]func(){
		{KeyName: fyne.KeyW, Modifier: modifier}: u.closeAsked,
		{KeyName: fyne.KeyQ, Modifier: modifier}: u.quitAsked,
		{KeyName: fyne.KeyF, Modifier: modifier}: u.find,
		{KeyName: fyne.KeyComma, Modifier: modifier}: func() {
			if u.nav.shown {
				u.open(screenSettings)
			}
		},
		{KeyName: fyne.KeyLeft, Modifier: fyne.KeyModifierAlt}: u.back,
	}
}

// escape lets go of a field with something typed in it, so that nothing is lost by mistake, and else goes back.
func (u *UI) escape() {
	if d, ok := u.choose.(interface{ dismiss() bool }); ok && d.dismiss() {
		return
	}
	if f, ok := u.window.Canvas().Focused().(interface{ SelectedText() string }); ok && f != nil {
		u.window.Canvas().Unfocus()
		return
	}
	u.back()
}

// back goes back, if the page that is seen has a way back.
func (u *UI) back() {
	if u.window.Canvas().Overlays().Top() != nil {
		return // a question is open
	}
	walk(u.content, func(o fyne.CanvasObject) bool {
		h, ok := o.(*widgets.StepHeader)
		return ok && h.Back()
	})
}

// find puts the focus into the field that searches, or goes to where a file is found.
func (u *UI) find() {
	if !u.nav.shown {
		return
	}
	if u.nav.current != screenRestore {
		u.open(screenRestore)
	}
	if u.restore.search != nil {
		u.window.Canvas().Focus(u.restore.search)
	}
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

// Run shows the window and returns when it is closed and all its work has ended.
func (u *UI) Run() {
	u.scheduler.begin()
	u.window.CenterOnScreen()
	if !u.hidden {
		u.window.Show()
	}
	u.tray.update() // after the first frame, which it would hold up; before Run, where the toolkit starts it
	if !u.hidden {
		readFonts()
	}
	u.app.Run()
	u.work.end()
}

// readFonts has the toolkit read the key's fonts, which it would do while it
// shows a key. The other ones are read for the first page.
func readFonts() { fyne.MeasureText("0", theme.TextBody, fyne.TextStyle{Monospace: true}) }

// home shows what is to be seen first: the welcome, or the Backup screen.
func (u *UI) home() {
	u.nav.shown = false
	if !u.core.Status().SetUp {
		u.flow(u.welcome())
		return
	}
	u.open(screenBackup)
}

// flow fills the window with a page of a wizard.
func (u *UI) flow(page fyne.CanvasObject) {
	u.nav.shown = false
	u.fill(u.content, page)
}

func (u *UI) fill(where *fyne.Container, what fyne.CanvasObject) {
	u.window.Canvas().Unfocus()
	if !what.Size().IsZero() {
		widgets.Unsize(what) // it was shown before
	}
	where.Objects = []fyne.CanvasObject{what}
	where.Refresh()
}

// open shows a screen beside the sidebar.
func (u *UI) open(s screenName) {
	if !u.nav.shown {
		u.fill(u.content, u.nav.layout(u.screen))
	}
	u.nav.shown = true
	u.nav.selectItem(s)
	if u.job != nil {
		u.job.watch = nil
	}
	switch s {
	case screenBackup:
		u.fill(u.screen, u.backupScreen())
	case screenRestore:
		u.restore.host = u.screen
		u.restore.show()
	case screenActivity:
		u.fill(u.screen, u.activityScreen())
	case screenSettings:
		u.fill(u.screen, u.settingsScreen())
	}
}

// leaveFlow goes from a wizard back to where the person came from.
func (u *UI) leaveFlow() {
	u.editor = nil
	if !u.core.Status().SetUp {
		u.home()
		return
	}
	u.nav.shown = false
	u.open(u.nav.current)
}

// refresh shows the Backup screen anew when it is the one that is seen.
func (u *UI) refresh() {
	if u.nav.shown && u.nav.current == screenBackup {
		u.open(screenBackup)
	}
}

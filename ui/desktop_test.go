package ui

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// The icon in the panel shows by its shape, and says, how things are.
func TestTheTraysIconShowsHowThingsAre(t *testing.T) {
	d, destination := scheduled(t, "Every hour")
	shows := func(state, tip string) {
		t.Helper()
		if d.panel.icon != "holdfast-"+state+".svg" || !strings.HasPrefix(d.panel.tip, tip) {
			t.Errorf("the icon is %q and says %q, not %s and %q", d.panel.icon, d.panel.tip, state, tip)
		}
	}
	shows("well", "Backed up today")
	d.panel.item("Pause for an hour").Action()
	d.until("the pause", func() bool { return d.panel.item("Go on backing up") != nil })
	shows("paused", "")
	d.panel.item("Go on backing up").Action()
	d.until("the end of the pause", func() bool { return d.panel.item("Pause for an hour") != nil })
	if err := os.Rename(destination, destination+" unplugged"); err != nil {
		t.Fatal(err)
	}
	d.ui.backUp()
	shows("running", "Backing up")
	d.until("the end", func() bool { return d.ui.job == nil && d.core.Status().LastBackup.Outcome == core.OutcomeFailed })
	shows("bad", "The last backup did not work")
}

// What is dropped where one chooses is added there.
func TestDroppedOnThePageThatChooses(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	dir := treeOf(t, someFiles)
	file := filepath.Join(dir, "one.txt")
	if err := os.WriteFile(file, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.door("Set up a backup")
	d.sees("What do you want to keep?")
	d.drop(dir, file, filepath.Join(dir, "that is not there"), dir)
	d.until("what was dropped", func() bool { return len(d.ui.editor.paths) > 0 })
	if got := d.ui.editor.paths; !slices.Equal(got, []string{dir, file}) {
		t.Errorf("added: %v", got)
	}
	d.press("Continue")
	d.sees("Where should it be kept?")
	other := t.TempDir()
	d.drop(other)
	d.sees("Added to what is backed up")
	if got := d.ui.editor.paths; !slices.Contains(got, other) {
		t.Errorf("added: %v", got)
	}
}

// Elsewhere a question leads there, and what is backed up already is said to be.
func TestDroppedElsewhere(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	dir := treeOf(t, someFiles)
	d.drop(dir)
	d.sees("Back up “Documents”?")
	d.press("Add it")
	d.sees("What do you want to keep?")
	if !slices.Equal(d.ui.editor.paths, []string{dir}) {
		t.Errorf("added: %v", d.ui.editor.paths)
	}
	d.ui.back()
	d.sees("Welcome to Holdfast")

	d.setUp(dir, filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.drop(filepath.Join(dir, "letter.txt"), dir)
	d.sees("It is backed up already")
	d.press("OK")
	other := t.TempDir()
	d.drop(other)
	d.sees("Back up “" + filepath.Base(other) + "”?")
	d.press("Add it")
	d.sees("What you take out stays")
	d.press("Save")
	d.until("the change", func() bool { return slices.Equal(d.core.Status().Sources, []string{dir, other}) })
}

func (d *desk) drop(paths ...string) {
	var items []fyne.URI
	for _, p := range paths {
		items = append(items, storage.NewFileURI(p))
	}
	d.ui.dropped(fyne.NewPos(10, 10), items)
}

// systemFiles is a system's dialogs.
type systemFiles struct {
	path  string
	err   error
	asked []string
}

func (s *systemFiles) Folder(_ context.Context, _, title, start string) (string, error) {
	s.asked = append(s.asked, title+" in "+start)
	return s.path, s.err
}

func (s *systemFiles) File(_ context.Context, _, title string) (string, error) {
	s.asked = append(s.asked, title)
	return s.path, s.err
}

func (s *systemFiles) Save(_ context.Context, _, title, name string) (string, error) {
	s.asked = append(s.asked, title+" "+name)
	return s.path, s.err
}

// The system's dialogs are asked; where there are none, the toolkit's open, and Escape closes them.
func TestTheSystemsDialogs(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	system := &systemFiles{path: "/a/C++ folder"}
	d.ui.desk.Chooser = system
	choose := newChooser(d.ui)
	got := ""
	for _, ask := range []func(){
		func() { choose.folder("/start", func(p string) { got = p }) },
		func() { choose.file(func(p string) { got = p }) },
		func() { choose.save("kit.pdf", func(p string) { got = p }) },
	} {
		got = ""
		ask()
		d.until("the answer", func() bool { return got == system.path })
	}
	if want := []string{"Choose a folder in /start", "Choose a file", "Save as kit.pdf"}; !slices.Equal(system.asked, want) {
		t.Errorf("asked: %q", system.asked)
	}

	system.err = errors.New("no portal")
	d.ui.choose = choose
	choose.folder("", func(string) { t.Error("a folder was chosen") })
	open := func() bool { return d.ui.window.Canvas().Overlays().Top() != nil }
	d.until("the toolkit's dialog", open)
	d.ui.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if open() {
		t.Error("Escape leaves the dialog open")
	}
}

// The window comes back in the size that it had, within the screen.
func TestTheWindowsSizeIsRemembered(t *testing.T) {
	profile := t.TempDir()
	d := sit(t, profile, nil)
	if got := d.ui.window.Canvas().Size(); got != usualSize {
		t.Errorf("at first %v", got)
	}
	d.ui.window.Resize(fyne.NewSize(1100, 640))
	d.until("the size", func() bool { return d.ui.prefs.size() == fyne.NewSize(1100, 640) })
	d.leave()
	again := sit(t, profile, nil)
	if got := again.ui.window.Canvas().Size(); got != fyne.NewSize(1100, 640) {
		t.Errorf("it comes back as %v", got)
	}
	for _, c := range []struct{ screen, want fyne.Size }{
		{fyne.NewSize(1024, 600), fyne.NewSize(1024, 600)},
		{fyne.NewSize(600, 300), smallestSize},
		{fyne.Size{}, fyne.NewSize(1100, 640)},
	} {
		again.ui.desk.Screen = func() fyne.Size { return c.screen }
		if got := again.ui.firstSize(); got != c.want {
			t.Errorf("on a screen of %v it is %v", c.screen, got)
		}
	}
}

// What the window remembers is replaced as a whole, the newest wins, and what
// is there but cannot be read is begun anew.
func TestPreferencesAreWrittenWhole(t *testing.T) {
	dir, before := t.TempDir(), test.NewTempApp(t).Preferences()
	before.SetString(settingLanguage, "de")
	w := newWork(func(fn func()) { fn() })
	m := newMemory(dir, before, w)
	if m.String(settingLanguage) != "de" {
		t.Error("what an older version remembered is lost")
	}
	for i := range 50 {
		m.SetFloat(settingWidth, float64(i))
	}
	m.SetBool(settingThinOut, true)
	w.stop()
	m.SetString(settingBackground, "no") // as it ends
	w.wg.Wait()
	again := newMemory(dir, before, nil)
	if again.Float(settingWidth) != 49 || !again.Bool(settingThinOut) || again.String(settingBackground) != "no" {
		t.Errorf("it remembers %v", again.values)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
	for _, b := range []string{"", "null", "[1]", `{"language": 1}`} {
		if err := os.WriteFile(filepath.Join(dir, windowFile), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := newMemory(dir, before, nil).String(settingLanguage); got != "de" {
			t.Errorf("%q: %q", b, got)
		}
	}
}

// The window is light or dark as the desktop says, and light where it says nothing.
func TestLightAndDarkFollowTheDesktop(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	look := func() theme.Appearance { return d.ui.app.Settings().Theme().(*theme.Theme).Appearance() }
	tell := make(chan bool)
	silent := errors.New("nobody")
	d.ui.desk.WatchDark = func(ctx context.Context, told func(bool)) error {
		for {
			select {
			case dark, more := <-tell:
				if !more {
					return silent
				}
				told(dark)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	d.ui.watchDesk()
	for _, dark := range []bool{true, false, true} {
		tell <- dark
		want := map[bool]theme.Appearance{true: theme.Dark, false: theme.Light}[dark]
		d.until(string(want), func() bool { return look() == want })
	}
	d.ui.prefs.setAppearance(theme.Light)
	if d.ui.look().Appearance() != theme.Light {
		t.Error("the person's choice does not win")
	}
	d.ui.prefs.setAppearance(theme.System)
	if d.ui.look().Appearance() != theme.Dark {
		t.Error("the first frame forgets what the desktop said")
	}
	close(tell)
	d.ui.desk.WatchDark = func(context.Context, func(bool)) error { return silent }
	d.ui.watchDesk()
	d.until("light, since nobody answers", func() bool { return look() == theme.Light })
}

// A second start hears whether the window was shown: not by one that ends, or hangs.
func TestRaiseAnswersWhenTheWindowIsThere(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.ui.hide()
	answers := make(chan bool, 1)
	go func() { answers <- d.ui.Raise() }()
	d.until("its window", func() bool { return !d.ui.hidden })
	if !<-answers {
		t.Error("it was shown, and says no")
	}
	go func() { answers <- d.ui.Raise() }() // nothing runs what it hands in: the loop hangs
	select {
	case <-answers:
		t.Fatal("it answers, and its loop does not")
	default:
	}
	d.ui.work.stop()
	if <-answers {
		t.Error("it ends, and says that it was shown")
	}
}

// While there is no window the toolkit's loop rests, and does at once what there is to do.
func TestTheHiddenWindowRests(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.ui.desk.Lull = time.Hour
	d.ui.hide()
	ran := make(chan struct{})
	go d.ui.work.do(func() { d.ui.hidden = false; close(ran) })
	d.until("the work", func() bool {
		select {
		case <-ran:
			return true
		default:
			return false
		}
	})
	d.loop.drain()
	if d.ui.rests.on {
		t.Error("it rests with its window open")
	}
}

// Holdfast ends by a signal without the toolkit's loop, once all work has ended.
func TestASignalEndsWithoutTheLoop(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	ended := false
	d.ui.leave = func() { ended = true }
	working, released := make(chan struct{}), false
	d.ui.work.run(func(ctx context.Context) func() {
		close(working)
		<-ctx.Done()
		released = true
		return func() { t.Error("the loop has ended, and is given work") }
	})
	<-working
	d.ui.End()
	if !ended || !released {
		t.Errorf("left: %v, with its work done: %v", ended, released)
	}
}

// A Holdfast that hangs is told by the second start.
func TestASecondStartSaysThatTheFirstHangs(t *testing.T) {
	left := false
	w := newTroubleWindow(test.NewTempApp(t), t.TempDir(), errors.Join(ErrSilent, core.ErrProfileInUse), func() { left = true })
	w.Resize(fyne.NewSize(520, 340))
	said := false
	for _, o := range test.LaidOutObjects(w.Content()) {
		switch x := o.(type) {
		case *widgets.Text:
			said = said || strings.Contains(x.Text, "does not answer")
		case *widgets.Button:
			if x.Text == "Close" {
				test.Tap(x)
			}
		}
	}
	if !said || !left {
		t.Errorf("it says why: %v, and closes: %v", said, left)
	}
}

// A second start has a window that is shown brought over by the window manager; only a hidden one is shown.
func TestAWindowThatIsShownIsBroughtOver(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	calls := 0
	d.ui.desk.Activate = func(string) bool { calls++; return true }
	d.ui.raise()
	if calls != 1 {
		t.Errorf("shown: asked %d times", calls)
	}
	d.ui.hide()
	d.ui.raise()
	if calls != 1 || d.ui.hidden {
		t.Errorf("hidden: asked %d times, hidden still: %v", calls, d.ui.hidden)
	}
}

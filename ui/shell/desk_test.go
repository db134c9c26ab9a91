package shell

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
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

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
	d := sit(t, t.TempDir(), Desk{})
	system := &systemFiles{path: "/a/C++ folder"}
	d.w.desk.Chooser = system
	choose := newChooser(d.w)
	got := ""
	for _, ask := range []func(){
		func() { choose.Folder("/start", func(p string) { got = p }) },
		func() { choose.File(func(p string) { got = p }) },
		func() { choose.Save("kit.pdf", func(p string) { got = p }) },
	} {
		got = ""
		ask()
		d.Until("the answer", func() bool { return got == system.path })
	}
	if want := []string{"Choose a folder in /start", "Choose a file", "Save as kit.pdf"}; !slices.Equal(system.asked, want) {
		t.Errorf("asked: %q", system.asked)
	}

	system.err = errors.New("no portal")
	d.w.Choose = choose
	choose.Folder("", func(string) { t.Error("a folder was chosen") })
	open := func() bool { return d.w.Canvas().Overlays().Top() != nil }
	d.Until("the toolkit's dialog", open)
	d.w.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if open() {
		t.Error("Escape leaves the dialog open")
	}
}

// The window comes back in the size that it had, within the screen.
func TestTheWindowsSizeIsRemembered(t *testing.T) {
	profile := t.TempDir()
	d := sit(t, profile, Desk{})
	if got := d.w.Canvas().Size(); got != usualSize {
		t.Errorf("at first %v", got)
	}
	uitest.LastWindow().Resize(fyne.NewSize(1100, 640))
	d.Until("the size", func() bool { return d.w.Prefs.size() == fyne.NewSize(1100, 640) })
	d.leave()
	again := sit(t, profile, Desk{})
	if got := again.w.Canvas().Size(); got != fyne.NewSize(1100, 640) {
		t.Errorf("it comes back as %v", got)
	}
	for _, c := range []struct{ screen, want fyne.Size }{
		{fyne.NewSize(1024, 600), fyne.NewSize(1024, 600)},
		{fyne.NewSize(600, 300), smallestSize},
		{fyne.Size{}, fyne.NewSize(1100, 640)},
	} {
		again.w.desk.Screen = func() fyne.Size { return c.screen }
		if got := firstSize(again.w.Prefs, again.w.desk); got != c.want {
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
	w.Stop()
	m.SetString(settingBackground, "no") // as it ends
	w.Wait()
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
	d := sit(t, t.TempDir(), Desk{})
	look := func() theme.Appearance { return d.app.Settings().Theme().(*theme.Theme).Appearance() }
	tell := make(chan bool)
	silent := errors.New("nobody")
	d.w.desk.WatchDark = func(ctx context.Context, told func(bool)) error {
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
	d.w.watchDesk()
	for _, dark := range []bool{true, false, true} {
		tell <- dark
		want := map[bool]theme.Appearance{true: theme.Dark, false: theme.Light}[dark]
		d.Until(string(want), func() bool { return look() == want })
	}
	d.w.Prefs.SetAppearance(theme.Light)
	if d.w.Look().Appearance() != theme.Light {
		t.Error("the person's choice does not win")
	}
	d.w.Prefs.SetAppearance(theme.System)
	if d.w.Look().Appearance() != theme.Dark {
		t.Error("the first frame forgets what the desktop said")
	}
	close(tell)
	d.w.desk.WatchDark = func(context.Context, func(bool)) error { return silent }
	d.w.watchDesk()
	d.Until("light, since nobody answers", func() bool { return look() == theme.Light })
}

// A second start hears whether the window was shown: not by one that ends, or hangs.
func TestRaiseAnswersWhenTheWindowIsThere(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	d.w.hide()
	answers := make(chan bool, 1)
	go func() { answers <- d.w.Raise() }()
	d.Until("its window", func() bool { return !d.w.Hidden })
	if !<-answers {
		t.Error("it was shown, and says no")
	}
	go func() { answers <- d.w.Raise() }() // nothing runs what it hands in: the loop hangs
	select {
	case <-answers:
		t.Fatal("it answers, and its loop does not")
	default:
	}
	d.w.Work.Stop()
	if <-answers {
		t.Error("it ends, and says that it was shown")
	}
}

// While there is no window the toolkit's loop rests, and does at once what there is to do.
func TestTheHiddenWindowRests(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	d.w.desk.Lull = time.Hour
	d.w.hide()
	ran := make(chan struct{})
	go d.w.Work.Do(func() { d.w.Hidden = false; close(ran) })
	d.Until("the work", func() bool {
		select {
		case <-ran:
			return true
		default:
			return false
		}
	})
	d.Loop.Drain()
	if d.w.rests.on {
		t.Error("it rests with its window open")
	}
}

// Holdfast ends by a signal without the toolkit's loop, once all work has ended.
func TestASignalEndsWithoutTheLoop(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	ended := false
	d.w.leave = func() { ended = true }
	working, released := make(chan struct{}), false
	d.w.Work.Run(func(ctx context.Context) func() {
		close(working)
		<-ctx.Done()
		released = true
		return func() { t.Error("the loop has ended, and is given work") }
	})
	<-working
	d.w.End()
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
	d := sit(t, t.TempDir(), Desk{})
	calls := 0
	d.w.desk.Activate = func(string) bool { calls++; return true }
	d.w.ToFront()
	if calls != 1 {
		t.Errorf("shown: asked %d times", calls)
	}
	d.w.hide()
	d.w.ToFront()
	if calls != 1 || d.w.Hidden {
		t.Errorf("hidden: asked %d times, hidden still: %v", calls, d.w.Hidden)
	}
}

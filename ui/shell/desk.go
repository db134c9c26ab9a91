package shell

import (
	"context"
	"fmt"
	"image"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Desk is what a desktop offers beyond the toolkit. All of it is optional.
type Desk struct {
	// Panel is the place for the icon; nil is the toolkit's.
	Panel Panel
	// Chooser shows the system's file dialogs; nil: the toolkit's are used.
	Chooser Chooser
	// Notify shows a notification of the system, where a click, said to be open, leads to the window; nil: the toolkit's.
	Notify func(ctx context.Context, title, text, open string) error
	// WatchDark tells again and again whether the desktop prefers dark, until ctx
	// ends; nil: the toolkit knows.
	WatchDark func(ctx context.Context, told func(dark bool)) error
	// Activate brings a window that is shown to the workspace that is seen, and to the front, if it has
	// a name in the way of Chooser's, and reports whether it did; nil: the toolkit does.
	Activate func(window string) bool
	// Screen is asked, when the toolkit has begun, how large the screen is for a window, in the
	// toolkit's units; nil, and zero: not known.
	Screen func() fyne.Size
	// Lull is how long the toolkit's loop may rest at a time while there is no
	// window: it looks for input sixty times a second, seen or not. 0: not at all.
	Lull time.Duration
}

// Chooser asks the person for a path in the system's dialogs. "" is none.
type Chooser interface {
	Folder(ctx context.Context, window, title, start string) (path string, err error)
	File(ctx context.Context, window, title string) (path string, err error)
	Save(ctx context.Context, window, title, name string) (path string, err error)
}

// usualSize is the window's at first; smallestSize is what everything fits in.
var (
	usualSize    = fyne.NewSize(1000, 700)
	smallestSize = fyne.NewSize(720, 520)
)

// firstSize is the size that the window had, within the screen.
func firstSize(prefs Settings, desk Desk) fyne.Size {
	size := prefs.size()
	if size.Width < smallestSize.Width || size.Height < smallestSize.Height { // none is kept, or by a mistake
		size = usualSize
	}
	if desk.Screen != nil {
		if screen := desk.Screen(); !screen.IsZero() {
			size = fyne.NewSize(min(size.Width, screen.Width), min(size.Height, screen.Height))
		}
	}
	return size.Max(smallestSize)
}

// rememberSize keeps the window's size for the next start.
func (w *Window) rememberSize() {
	if w.opened {
		w.Prefs.setSize(w.Canvas().Size())
	}
}

// sizeSettles is how long a size must stay before it is remembered.
const sizeSettles = 500 * time.Millisecond

// windowSize lays the window out, no smaller than everything fits in, and
// remembers its size.
type windowSize struct{ w *Window }

// Layout implements fyne.Layout.
func (w windowSize) Layout(o []fyne.CanvasObject, s fyne.Size) {
	for _, x := range o {
		if _, probe := x.(*canvas.Raster); !probe {
			x.Resize(s)
		}
	}
	if s == w.w.size {
		return
	}
	w.w.size = s
	w.w.resized.w = w.w.Work
	w.w.resized.Run(func(ctx context.Context) func() {
		t := time.NewTimer(sizeSettles)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			return w.w.rememberSize
		}
	})
}

// MinSize implements fyne.Layout.
func (windowSize) MinSize([]fyne.CanvasObject) fyne.Size { return smallestSize }

// probeSide is large enough to tell all scales apart.
const probeSide = 20

// newProbe notices that the window's scale changed: Wayland tells it after the
// first frame, and the toolkit goes on showing the texts that it drew before,
// enlarged. They are drawn anew with the theme. There is nothing to be seen.
func newProbe(w *Window) fyne.CanvasObject {
	drawn := 0
	probe := canvas.NewRaster(func(side, _ int) image.Image {
		if drawn != 0 && drawn != side {
			w.Work.Do(func() { w.App.Settings().SetTheme(w.Look()) })
		}
		drawn = side
		return image.NewRGBA(image.Rect(0, 0, side, side))
	})
	probe.Resize(fyne.NewSquareSize(probeSide))
	return probe
}

// Look is the theme of the person's choice, or the desktop's.
func (w *Window) Look() *theme.Theme { return lookOf(w.Prefs, w.desk.WatchDark != nil) }

// lookOf is the theme by what is remembered. Where the desktop is watched the
// toolkit is not believed: it takes no answer for a wish for dark.
func lookOf(prefs Settings, watched bool) *theme.Theme {
	a := prefs.Appearance()
	if a != theme.Light && a != theme.Dark && watched {
		a = theme.Light
		if prefs.dark() {
			a = theme.Dark
		}
	}
	return theme.New(a)
}

// watchDesk follows the desktop: light and dark, and which window has the focus.
func (w *Window) watchDesk() {
	w.App.Lifecycle().SetOnEnteredForeground(func() { w.inFront = true })
	w.App.Lifecycle().SetOnExitedForeground(func() { w.inFront = false })
	w.App.Lifecycle().SetOnStarted(func() {
		if w.Hidden {
			w.rests.begin()
		}
	})
	watch := w.desk.WatchDark
	if watch == nil {
		return
	}
	prefer := func(dark bool) {
		if w.Prefs.dark() != dark {
			w.Prefs.setDark(dark)
			w.App.Settings().SetTheme(w.Look())
		}
	}
	w.Work.Run(func(ctx context.Context) func() {
		answered := false
		err := watch(ctx, func(dark bool) {
			answered = true
			w.Work.Do(func() { prefer(dark) })
		})
		if err != nil && !answered { // nobody answers: light, whatever was remembered of another desktop
			return func() { prefer(false) }
		}
		return nil
	})
}

// handle names the window to the system's dialogs, as the portal wants it:
// https://flatpak.github.io/xdg-desktop-portal/docs/window-identifiers.html
func handle(window fyne.Window) string {
	name := ""
	if w, ok := window.(driver.NativeWindow); ok {
		w.RunNative(func(context any) {
			if x, ok := context.(driver.X11WindowContext); ok && x.WindowHandle != 0 {
				name = fmt.Sprintf("x11:%x", x.WindowHandle)
			}
		})
	}
	return name
}

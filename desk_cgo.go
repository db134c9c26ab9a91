//go:build cgo && !windows && !darwin

package main

/*
#cgo linux pkg-config: x11
#include <locale.h>
#include <stddef.h>
#include <X11/Xlib.h>
#include <X11/Xatom.h>

static int knowsLocale(void) { return setlocale(LC_CTYPE, "") != NULL; }

static void tell(Display *d, Window w, const char *message, long a, long b) {
	XEvent e = {0};
	e.xclient.type = ClientMessage;
	e.xclient.window = w;
	e.xclient.message_type = XInternAtom(d, message, False);
	e.xclient.format = 32;
	e.xclient.data.l[0] = a;
	e.xclient.data.l[1] = b;
	XSendEvent(d, DefaultRootWindow(d), False, SubstructureNotifyMask | SubstructureRedirectMask, &e);
}

// activate asks the window manager, as a panel would (EWMH, source 2), for a
// window to come to the workspace that is seen, and to the front.
static int activate(unsigned long window) {
	Display *d = XOpenDisplay(NULL);
	if (d == NULL) return 0;
	Atom type;
	int format;
	unsigned long n = 0, left;
	unsigned char *value = NULL;
	Atom current = XInternAtom(d, "_NET_CURRENT_DESKTOP", False);
	if (XGetWindowProperty(d, DefaultRootWindow(d), current, 0, 1, False, XA_CARDINAL, &type, &format, &n, &left, &value) == Success && n == 1)
		tell(d, window, "_NET_WM_DESKTOP", *(long *)value, 2);
	if (value != NULL) XFree(value);
	tell(d, window, "_NET_ACTIVE_WINDOW", 2, CurrentTime);
	XCloseDisplay(d);
	return 1;
}
*/
import "C"

import (
	"os"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.4/glfw"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/plug/freedesktop"
	"github.com/holdfast-backup/holdfast/plug/panel"
	"github.com/holdfast-backup/holdfast/ui/shell"
)

// lull is how long the hidden window's loop rests at a time: it shows nothing, and hears of what it
// has to do at once all the same.
const lull = time.Second

// newDesk is what the desktop offers; opened shows the window.
func newDesk(opened func()) shell.Desk {
	return shell.Desk{
		Panel: panel.New(appName), Chooser: freedesktop.Chooser{}, WatchDark: freedesktop.WatchDark,
		Notify:   freedesktop.NewNotices(appID, appName, assets.WindowIcon, opened).Show,
		Activate: activate, Screen: fitScreen, Lull: lull,
	}
}

// activate brings an X11 window to where the person is. The toolkit's own way to
// show one waits for ever where the window manager leaves it on another workspace.
func activate(window string) bool {
	id, err := strconv.ParseUint(strings.TrimPrefix(window, "x11:"), 16, 64)
	return err == nil && C.activate(C.ulong(id)) != 0
}

// readCharacters gives the C library a set of characters where the locale that
// is named is not installed: without one, it has no dead keys.
func readCharacters() {
	if C.knowsLocale() != 0 {
		return
	}
	if all := os.Getenv("LC_ALL"); all != "" { // it would win
		_ = os.Unsetenv("LC_ALL") // of this process alone
		if os.Getenv("LANG") == "" || os.Getenv("LC_MESSAGES") == "" {
			_ = os.Setenv("LC_MESSAGES", all) // as above
		}
	}
	_ = os.Setenv("LC_CTYPE", "C.UTF-8") // as above
}

// The toolkit's variables for the scale of all windows, and what it takes for 1 in dots per inch.
const (
	scaleVariable = "FYNE_SCALE"
	baselineDPI   = 120
)

// fitScreen has the toolkit heed Xft.dpi, by which every other program of an X
// desktop is scaled, and returns the room for windows. The toolkit goes by the screen's
// size in millimetres alone, which few screens tell right. The person's own choice wins.
func fitScreen() fyne.Size {
	monitor := glfw.GetPrimaryMonitor()
	if monitor == nil {
		return fyne.Size{}
	}
	scale := float32(1) // Wayland scales the whole window
	if glfw.GetPlatform() == glfw.PlatformX11 {
		detected := detectedScale(monitor)
		wanted, _ := monitor.GetContentScale() // Xft.dpi / 96, and 1 without it
		env := os.Getenv(scaleVariable)
		own := fyne.CurrentApp().Settings().Scale()
		switch {
		case env == "" && (own == 0 || own == 1) && wanted != 1:
			_ = os.Setenv(scaleVariable, strconv.FormatFloat(float64(wanted/detected), 'f', -1, 32)) // without it, windows are small
			scale = wanted
		case env != "" && env != "auto":
			f, err := strconv.ParseFloat(env, 32)
			if err != nil {
				return fyne.Size{}
			}
			scale = detected * float32(f)
		case own > 0:
			scale = detected * own
		default:
			scale = detected
		}
	}
	_, _, width, height := monitor.GetWorkarea()
	return fyne.NewSize(float32(width)/scale, float32(height)/scale)
}

// detectedScale is what the toolkit makes of a screen's size.
func detectedScale(m *glfw.Monitor) float32 {
	mode := m.GetVideoMode()
	mm, _ := m.GetPhysicalSize()
	if mode == nil || mm == 0 || os.Getenv("FYNE_DISABLE_DPI_DETECTION") != "" {
		return 1
	}
	dpi := float32(mode.Width) / (float32(mm) / 25.4)
	if dpi < 10 || dpi > 1000 {
		return 1
	}
	return max(1, dpi/baselineDPI)
}

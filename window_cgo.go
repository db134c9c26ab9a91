//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/plug/autostart"
	"github.com/holdfast-backup/holdfast/plug/instance"
	"github.com/holdfast-backup/holdfast/plug/nodump"
	"github.com/holdfast-backup/holdfast/plug/printer"
	"github.com/holdfast-backup/holdfast/ui"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

const appID = "io.github.holdfast-backup.holdfast"

// window opens the desktop app on a profile. A second start shows the window
// of the first. Whatever else keeps the profile from opening is told in a window of
// its own: who starts an app from a menu sees no terminal.
// Errors: cli.ErrNoDisplay.
func window(p cli.WindowParams) (err error) {
	if !displayNamed() {
		return cli.ErrNoDisplay
	}
	if err := nodump.ForWindow(); err != nil {
		return err
	}
	defer func() {
		switch v := recover(); {
		case v == nil:
		case strings.Contains(fmt.Sprint(v), "GLFW library is not initialized"): // how the toolkit ends where no display answers
			err = cli.ErrNoDisplay
		default:
			panic(v)
		}
	}()
	speakEnglishForC()
	a, err := core.Open(context.Background(), core.Params{Profile: p.Profile, Keyring: p.Keyring, Vaults: vaults()})
	if errors.Is(err, core.ErrProfileInUse) && instance.Raise(p.Profile) {
		return nil
	}
	if err != nil {
		ui.ShowTrouble(newFyneApp(), err)
		return err
	}
	u := ui.New(ui.Params{
		Fyne: newFyneApp(), App: a, Profile: p.Profile, Hidden: p.Background, Print: printer.Print(), PINs: pins,
		Login: autostart.Entry{ID: appID, Name: "Holdfast", Comment: "Backs up on schedule", Args: p.AtLogin},
	})
	// Without it a second start says that the profile is open: no reason not to start.
	stop, err := instance.Listen(p.Profile, u.Raise)
	if err == nil {
		defer stop()
	}
	u.Run()
	return a.Close()
}

// displayNamed tells whether the environment names a display, as it must where
// windows are drawn by X or Wayland.
func displayNamed() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "wayland-0")) // Wayland's default
	return err == nil
}

func newFyneApp() fyne.App { return app.NewWithID(appID) }

// speakEnglishForC gives the toolkit a language where the locale names none:
// in the locale C it logs an error at each start.
func speakEnglishForC() {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			continue
		}
		if value == "C" || value == "POSIX" || strings.HasPrefix(value, "C.") {
			_ = os.Setenv(name, "en_US.UTF-8") // of this process alone; without it there is a line more in the log
		}
		return
	}
	_ = os.Setenv("LANG", "en_US.UTF-8") // as above
}

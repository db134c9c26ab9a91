//go:build cgo

package main

import (
	"context"
	"os"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui"
)

const appID = "io.github.holdfast-backup.holdfast"

// window opens the desktop app on a profile. Whatever keeps the profile from
// opening, most of all another Holdfast that has it, is told in a window of
// its own: who starts an app from a menu sees no terminal.
func window(profile string, keyring core.Keyring) error {
	// The toolkit logs an error at each start in the locale C.
	if l := os.Getenv("LC_ALL") + os.Getenv("LC_MESSAGES") + os.Getenv("LANG"); l == "" || strings.HasPrefix(l, "C") {
		_ = os.Setenv("LANG", "en_US.UTF-8") // for this process; it speaks English then
	}
	a, err := core.Open(context.Background(), core.Params{Profile: profile, Keyring: keyring})
	if err != nil {
		ui.ShowTrouble(newFyneApp(), err)
		return err
	}
	ui.New(ui.Params{Fyne: newFyneApp(), App: a, Profile: profile}).Run()
	return a.Close()
}

func newFyneApp() fyne.App { return app.NewWithID(appID) }

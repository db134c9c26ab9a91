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
	speakEnglishForC()
	a, err := core.Open(context.Background(), core.Params{Profile: profile, Keyring: keyring, Vaults: vaults()})
	if err != nil {
		ui.ShowTrouble(newFyneApp(), err)
		return err
	}
	ui.New(ui.Params{Fyne: newFyneApp(), App: a, Profile: profile}).Run()
	return a.Close()
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

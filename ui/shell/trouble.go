package shell

import (
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// ErrSilent: Holdfast is open with this profile, and its window does not answer.
var ErrSilent = errors.New("the Holdfast that is open does not answer")

// ShowTrouble says in a small window why Holdfast cannot open. leave ends the
// program when it is closed, and does not return.
func ShowTrouble(app fyne.App, profile string, err error, leave func()) {
	w := newTroubleWindow(app, profile, err, leave)
	w.CenterOnScreen()
	w.ShowAndRun()
}

func newTroubleWindow(app fyne.App, profile string, err error, leave func()) fyne.Window {
	prefs := Settings{newMemory(profile, app.Preferences(), nil)}
	loadTranslations()
	Speak(prefs.Language())
	app.SetIcon(windowIcon())
	app.Settings().SetTheme(lookOf(prefs, false))
	if errors.Is(err, ErrSilent) {
		err = Reasoned{
			What: lang.L("Holdfast is running, but its window does not answer."), Cause: err,
			Do: lang.L("Wait a minute and open Holdfast again. If it still does not answer, end the program “holdfast” in the system's task list, or restart the computer."),
		}
	}
	panel := (&Window{App: app, Words: words.In(translate)}).ErrorPanel(err, nil)
	w := app.NewWindow("Holdfast")
	w.SetCloseIntercept(leave)
	gap := widgets.Gap()
	done := widgets.NewButton(lang.L("Close"), "", widgets.Main, leave)
	w.SetContent(widgets.Scroll(widgets.Inset(theme.Space6, theme.Space6, widgets.Column(theme.Space4,
		widgets.Row(theme.Space3, nil, Logo(40), widgets.NewTitle("Holdfast").OneLine()),
		panel,
		widgets.Row(0, widgets.Wide(gap), gap, done)))))
	w.Resize(fyne.NewSize(520, 340))
	w.Canvas().Focus(done)
	return w
}

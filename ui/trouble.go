package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// ShowTrouble says in a small window why Holdfast cannot open, and returns
// when it is closed.
func ShowTrouble(app fyne.App, err error) {
	w := newTroubleWindow(app, err)
	w.CenterOnScreen()
	w.ShowAndRun()
}

func newTroubleWindow(app fyne.App, err error) fyne.Window {
	loadTranslations()
	speak(settings{app.Preferences()}.language())
	app.SetIcon(windowIcon())
	app.Settings().SetTheme(theme.New(settings{app.Preferences()}.appearance()))
	u := &UI{app: app, words: words.In(translate)}
	w := app.NewWindow("Holdfast")
	gap := widgets.Gap()
	done := widgets.NewButton(lang.L("Close"), "", widgets.Main, w.Close)
	w.SetContent(widgets.Scroll(widgets.Inset(theme.Space6, theme.Space6, widgets.Column(theme.Space4,
		widgets.Row(theme.Space3, nil, logo(40), widgets.NewTitle("Holdfast").OneLine()),
		u.errorPanel(err, nil),
		widgets.Row(0, widgets.Wide(gap), gap, done)))))
	w.Resize(fyne.NewSize(520, 340))
	w.Canvas().Focus(done)
	return w
}

package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// licence is that of one module of the program.
type licence struct{ module, version, text string }

func allLicences() []licence {
	var out []licence
	for part := range strings.SplitSeq("\n"+assets.Licences, "\n== ") {
		head, text, ok := strings.Cut(part, "\n")
		module, version, named := strings.Cut(head, " ")
		if ok && named {
			out = append(out, licence{module, version, strings.TrimSpace(text)})
		}
	}
	return out
}

// licences lists what Holdfast is made with, and on which terms.
func (u *UI) licences() {
	var rows []fyne.CanvasObject
	for _, l := range allLicences() {
		row := widgets.NewSettingRow("file", l.module, nil, func() { u.licenceText(l) })
		row.SetValue(l.version)
		rows = append(rows, row)
	}
	p := u.newPage(pageParams{
		name: lang.L("Licences"), back: u.backToSettings, title: lang.L("Made with"),
		lead:    lang.L("Holdfast itself is under the Apache License 2.0: use it, change it and pass it on."),
		content: []fyne.CanvasObject{widgets.Rows(rows...)},
	})
	u.flow(p.root)
}

func (u *UI) licenceText(l licence) {
	text := widgets.NewBody(l.text)
	text.Style.Monospace, text.TextSize = true, theme.TextCaption
	p := u.newPage(pageParams{
		name: l.module, back: u.licences, title: l.version, content: []fyne.CanvasObject{widgets.Card(text)},
	})
	u.flow(p.root)
}

// backToSettings leaves a page that Settings leads to.
func (u *UI) backToSettings() { u.open(screenSettings) }

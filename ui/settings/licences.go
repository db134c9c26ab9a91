package settings

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/shell"
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
func (f *Feature) licences() {
	var rows []fyne.CanvasObject
	for _, l := range allLicences() {
		row := widgets.NewSettingRow("file", l.module, nil, func() { f.licenceText(l) })
		row.SetValue(l.version)
		rows = append(rows, row)
	}
	p := f.w.NewPage(shell.PageParams{
		Name: lang.L("Licences"), Back: f.backToSettings, Title: lang.L("Made with"),
		Lead:    lang.L("Holdfast itself is under the Apache License 2.0: use it, change it and pass it on."),
		Content: []fyne.CanvasObject{widgets.Rows(rows...)},
	})
	f.w.Flow(p.Root)
}

func (f *Feature) licenceText(l licence) {
	text := widgets.NewBody(l.text)
	text.Style.Monospace, text.TextSize = true, theme.TextCaption
	p := f.w.NewPage(shell.PageParams{
		Name: l.module, Back: f.licences, Title: l.version, Content: []fyne.CanvasObject{widgets.Card(text)},
	})
	f.w.Flow(p.Root)
}

// backToSettings leaves a page that Settings leads to.
func (f *Feature) backToSettings() { f.w.Open(f.Screen) }

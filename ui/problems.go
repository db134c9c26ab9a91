package ui

import (
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// shownProblems is how many a list shows; the rest is a number.
const shownProblems = 8

// problemList lists files that could not be read or written, with why.
func problemList(list []core.Problem) []fyne.CanvasObject {
	if len(list) == 0 {
		return nil
	}
	var rows []fyne.CanvasObject
	for i, p := range list {
		if i == shownProblems {
			rows = append(rows, widgets.NewSettingRow("other", lang.L("And {{.Count}} more", vals{"Count": len(list) - i}), nil, nil))
			break
		}
		title, value := p.Path, p.Reason
		if title == "" {
			title, value = p.Reason, ""
		}
		rows = append(rows, widgets.NewSettingRow("warning", title, nil, nil).SetValue(value))
	}
	return []fyne.CanvasObject{widgets.Rows(rows...)}
}

// capital makes the first letter of a sentence large.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

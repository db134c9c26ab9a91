package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// shownProblems is how many a list shows; the rest is a number.
const shownProblems = 8

// problemList lists files that could not be read or written, with why; what
// the system said can be copied.
func (u *UI) problemList(list []core.Problem) []fyne.CanvasObject {
	if len(list) == 0 {
		return nil
	}
	var copied *widgets.Button
	copied = widgets.NewButton(lang.L("Copy the list"), "copy", widgets.Quiet, func() {
		u.app.Clipboard().SetContent(problemText(list))
		copied.SetText(lang.L("Copied"))
	})
	return []fyne.CanvasObject{u.problemRows(list), widgets.Aside(copied)}
}

// problemRows are the first of a list. What has no path is damage that a check found.
func (u *UI) problemRows(list []core.Problem) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	damage := 0
	for i, p := range list {
		switch {
		case len(rows) == shownProblems:
			return widgets.Rows(append(rows, widgets.NewSettingRow("other", lang.L("And {{.Count}} more", vals{"Count": len(list) - i}), nil, nil))...)
		case p.Path != "":
			rows = append(rows, widgets.NewSettingRow("warning", p.Path, nil, nil).SetValue(u.words.Reason(p.Reason)))
		case damage == 0:
			rows = append(rows, widgets.NewSettingRow("warning", lang.L("Parts of the backup are damaged."), nil, nil).SetValue(lang.L("The copied details say which.")))
			damage++
		}
	}
	return widgets.Rows(rows...)
}

// problemText is the list as the system said it.
func problemText(list []core.Problem) string {
	var text strings.Builder
	for _, p := range list {
		fmt.Fprintf(&text, "%s: %s\n", p.Path, p.Reason)
	}
	return text.String()
}

// capital makes the first letter of a sentence large.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

package shell

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// shownProblems is how many a list shows; the rest is a number.
const shownProblems = 8

// ProblemList lists files that could not be read or written, with why; what
// the system said can be copied.
func ProblemList(w *Window, list []core.Problem) []fyne.CanvasObject {
	if len(list) == 0 {
		return nil
	}
	var copied *widgets.Button
	copied = widgets.NewButton(lang.L("Copy the list"), "copy", widgets.Quiet, func() {
		w.App.Clipboard().SetContent(ProblemText(list))
		copied.SetText(lang.L("Copied"))
	})
	return []fyne.CanvasObject{ProblemRows(w.Words, list), widgets.Aside(copied)}
}

// ProblemRows are the first of a list. What has no path is damage that a check found.
func ProblemRows(w words.Words, list []core.Problem) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	damage := 0
	for i, p := range list {
		switch {
		case len(rows) == shownProblems:
			return widgets.Rows(append(rows, widgets.NewSettingRow("other", lang.L("And {{.Count}} more", words.Values{"Count": len(list) - i}), nil,
				nil))...)
		case p.Path != "":
			rows = append(rows, widgets.NewSettingRow("warning", p.Path, nil, nil).SetValue(w.Reason(p.Reason)))
		case damage == 0:
			rows = append(rows, widgets.NewSettingRow("warning", lang.L("Parts of the backup are damaged."), nil,
				nil).SetValue(lang.L("The copied details say which.")))
			damage++
		}
	}
	return widgets.Rows(rows...)
}

// ProblemText is the list as the system said it.
func ProblemText(list []core.Problem) string {
	var text strings.Builder
	for _, p := range list {
		fmt.Fprintf(&text, "%s: %s\n", p.Path, p.Reason)
	}
	return text.String()
}

// Capital makes the first letter of a sentence large.
func Capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// RunError words the failure of an earlier run again.
type RunError struct{ Run *core.Run }

func (e RunError) Error() string { return e.Run.Error }

func (e RunError) Unwrap() error { return core.ErrorOf(e.Run.Code) }

// GapsLine says what is not in a backup. A folder that could not be read is one gap, however much is in it.
func GapsLine(w words.Words, r *core.Run) string {
	if r.ProblemsTotal == 1 && len(r.Problems) == 1 {
		return lang.L("“{{.Name}}” could not be read", words.Values{"Name": filepath.Base(r.Problems[0].Path)})
	}
	return lang.L("{{.Count}} files or folders could not be read", words.Values{"Count": w.Count(int64(r.ProblemsTotal))})
}

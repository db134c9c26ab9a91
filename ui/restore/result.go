package restore

import (
	"context"
	"errors"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Result says what was restored.
func (f *Flow) Result(r core.RestoreReport, err error) {

	m := widgets.NewMedallion(96)
	content := []fyne.CanvasObject{container.NewCenter(m)}
	heading := func(line, text string) { content = append(content, shell.Headline(line, text)) }
	facts := lang.L("{{.Files}} · {{.Size}} · every byte was checked",
		words.Values{"Files": f.w.Words.Files(r.Files), "Size": f.w.Words.Bytes(r.Bytes)})
	switch {
	case errors.Is(err, context.Canceled):
		m.Set("pause", widgets.ToneAttention)
		heading(lang.L("Stopped"), lang.L("What is restored so far is complete: {{.Files}}.", words.Values{"Files": f.w.Words.Files(r.Files)}))
	case err != nil:
		m.Set("warning", widgets.ToneBad)
		heading(lang.L("Not restored"), lang.L("The backup is untouched."))
		content = append(content, f.w.ErrorPanel(err,
			f.apart(shell.Remedies{shell.WayAgain: f.run, shell.WayTarget: f.whereAgain, shell.WayDate: f.again})))
		if errors.Is(err, core.ErrTargetFull) {
			content = append(content, f.Feature.place.Amounts(f.ChosenBytes, f.Target))
		}
	case r.Errors > 0:
		m.Set("warning", widgets.ToneAttention)
		heading(lang.L("Restored, with gaps"), facts)
	case r.Files == 0 && r.Differ > 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("Files of these names are there already, and were left as they are."))
	case r.Files == 0 && r.Kept > 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("Everything that was asked for is there already."))
	case r.Files == 0:
		m.Set("file", widgets.ToneAttention)
		heading(lang.L("Nothing was restored"), lang.L("What was asked for holds no files."))
	default:
		m.Set("check", widgets.ToneGood)
		heading(lang.L("Restored"), facts)
	}
	rows := []fyne.CanvasObject{shell.PathRow("folder", lang.L("Restored to"), f.to())}
	if r.Kept > 0 {
		rows = append(rows, widgets.NewSettingRow("file", lang.L("Left as they were"), nil,
			nil).SetValue(lang.L("{{.Files}} existed there already.", words.Values{"Files": f.w.Words.Files(r.Kept)})))
	}
	if r.Differ > 0 {
		rows = append(rows, widgets.NewSettingRow("warning", lang.L("Not as in the backup"), nil,
			nil).SetValue(lang.L("{{.Files}} of those differ from the backup. Restore with another choice about files that exist to get them.",
			words.Values{"Files": f.w.Words.Files(r.Differ)})))
	}
	if r.Renamed > 0 {
		rows = append(rows, widgets.NewSettingRow("copy", lang.L("Restored beside"), nil,
			nil).SetValue(lang.L("{{.Files}} existed there already; the restored ones have “(restored)” in their names.",
			words.Values{"Files": f.w.Words.Files(r.Renamed)})))
	}
	if r.LeftOut > 0 {
		rows = append(rows, widgets.NewSettingRow("shield", lang.L("Left out"), nil,
			nil).SetValue(lang.L("{{.Count}} device files, set-id bits or file capabilities: they give rights over this computer. The command line restores them with --devices-and-setuid.", words.Values{"Count": r.LeftOut})))
	}
	content = append(content, widgets.Rows(rows...))
	content = append(content, shell.ProblemList(f.w, r.Problems)...)
	if f.leave != nil && err == nil && !f.core.Status().SetUp {
		content = append(content, f.keepGoing())
	}
	folder := f.Target
	if f.original {
		folder = filepath.Dir(f.Snapshot.Sources[0])
	}
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 5, Of: 5, Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Open the folder"), "folder", widgets.Second, func() { f.openFolder(folder) }),
			widgets.NewButton(lang.L("Done"), "", widgets.Main, f.again),
		},
	})
	f.Put(p.Root)
}

// keepGoing offers to go on with the backup on a computer that has just restored from it.
func (f *Flow) keepGoing() fyne.CanvasObject {
	text := widgets.Column(theme.Space1, widgets.NewStrong(lang.L("Keep backing up this computer here?")),
		widgets.NewMuted(lang.L("This computer joins the backup, and files that are there already need not be stored again.")))
	yes := widgets.NewButton(lang.L("Set it up"), "", widgets.Second, func() {
		f.again()
		var sources []string
		if f.original {
			sources = f.Snapshot.Sources
		}
		f.setUp(f.place, sources)
	})
	return widgets.Card(widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("backup", theme.Primary, theme.IconMedium), text, yes))
}

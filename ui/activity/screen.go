package activity

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// show lists what was done, by day.
func (f *Feature) show() fyne.CanvasObject {
	runs := f.core.Activity()
	if len(runs) == 0 {
		return shell.ScreenPage(lang.L("Activity"),
			widgets.NewEmptyState("activity", lang.L("Nothing has happened yet"), lang.L("Backups, restores and checks are listed here."), nil))
	}
	var days []widgets.Group
	day := ""
	for _, r := range runs {
		if d := r.Ended.Local().Format(time.DateOnly); d != day {
			day = d
			days = append(days, widgets.Group{Title: shell.Capital(f.w.Words.Day(r.Ended, f.w.Now()))})
		}
		days[len(days)-1].Rows++
	}
	var list *fyne.Container
	list = widgets.LongList(lang.L("Activity"), shell.ScreenWidth, days, func(i int) fyne.CanvasObject {
		r := runs[i]
		row := widgets.NewSettingRow("", Title(r.Kind), nil, func() {
			f.w.Fill(f.w.Side, f.runDetails(r, func() { f.w.Fill(f.w.Side, list) }))
		})
		tone, icon := runTone(r)
		row.SetIcon(icon, tone)
		row.SetValue(f.runLine(r))
		return row.SetNote(r.Ended.Local().Format("15:04"))
	})
	return list
}

// Title names a kind of run.
func Title(k core.RunKind) string {
	switch k {
	case core.RunSetup:
		return lang.L("Set up")
	case core.RunBackup:
		return lang.L("Backup")
	case core.RunRestore:
		return lang.L("Restore")
	case core.RunVerify:
		return lang.L("Check")
	case core.RunTurnOn:
		return lang.L("Encryption turned on")
	case core.RunTurnOff:
		return lang.L("Encryption turned off")
	case core.RunKeyChange:
		return lang.L("Key changed")
	case core.RunPassword:
		return lang.L("Password")
	case core.RunPrune:
		return lang.L("Older dates")
	case core.RunDrill:
		return lang.L("Restore drill")
	case core.RunRepair:
		return lang.L("Repair")
	case core.RunGiveUp:
		return lang.L("Encryption left as it was")
	case core.RunErase:
		return lang.L("Taken out of all backups")
	}
	return string(k)
}

func runTone(r core.Run) (widgets.Tone, string) {
	switch r.Outcome {
	case core.OutcomeDone:
		return widgets.ToneGood, "check"
	case core.OutcomePartly:
		return widgets.ToneAttention, "warning"
	case core.OutcomeCancelled:
		return widgets.ToneNeutral, "pause"
	case core.OutcomeInterrupted:
		return widgets.ToneAttention, "warning"
	}
	return widgets.ToneBad, "cross"
}

// runLine says in one line how a run ended.
func (f *Feature) runLine(r core.Run) string {
	switch {
	case r.Outcome == core.OutcomeCancelled:
		return lang.L("Stopped")
	case r.Outcome == core.OutcomeInterrupted:
		return lang.L("Interrupted: Holdfast ended meanwhile")
	case r.Outcome == core.OutcomeFailed:
		return f.w.Words.For(shell.RunError{Run: &r}).What
	case r.Kind == core.RunVerify && r.Outcome == core.OutcomePartly:
		return lang.L("Damage was found")
	case r.Kind == core.RunVerify:
		return lang.L("All is well")
	case r.Kind == core.RunPrune && r.Files > 0:
		return lang.L("{{.Count}} dates went, {{.Size}} freed", words.Values{"Count": f.w.Words.Count(r.Files), "Size": f.w.Words.Bytes(r.Bytes)})
	case r.Kind == core.RunDrill && r.Outcome == core.OutcomePartly:
		return lang.L("{{.Files}} did not come back", words.Values{"Files": f.w.Words.Files(int64(r.ProblemsTotal))})
	case r.Files == 0 && r.Bytes == 0:
		return lang.L("Done")
	}
	line := f.w.Words.Files(r.Files) + " · " + f.w.Words.Bytes(r.Bytes)
	switch {
	case r.ProblemsTotal == 0:
		return line
	case r.Kind == core.RunRestore: // a date that could not be set is one, too
		return line + " · " + lang.L("with gaps")
	}
	return line + " · " + shell.GapsLine(f.w.Words, &r)
}

// remediesOf do once more what a run did, if it is the newest of its kind.
func (f *Feature) remediesOf(r core.Run) shell.Remedies {
	for _, newer := range f.core.Activity() {
		if newer.Kind == r.Kind {
			if newer.ID != r.ID {
				return nil
			}
			break
		}
	}
	again := f.again(r.Kind)
	if again == nil || f.w.Job != nil {
		return nil
	}
	return shell.Remedies{shell.WayAgain: func() { again(); f.w.Home() }}
}

// runDetails shows all that is known of a run, to be copied.
func (f *Feature) runDetails(r core.Run, back func()) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	var text strings.Builder
	add := func(icon, name, value string) {
		if value == "" {
			return
		}
		rows = append(rows, widgets.NewSettingRow(icon, name, nil, nil).SetValue(value))
		fmt.Fprintf(&text, "%s: %s\n", name, value)
	}
	tone, icon := runTone(r)
	fmt.Fprintf(&text, "Holdfast · %s\n", Title(r.Kind))
	if r.Outcome == core.OutcomeFailed { // the panel says it in full
		fmt.Fprintf(&text, "%s\n", f.runLine(r))
	} else {
		add(icon, lang.L("How it ended"), f.runLine(r))
	}
	add("clock", lang.L("When"), shell.Capital(f.w.Words.Ago(r.Started, f.w.Now()))+" · "+lang.L("took {{.Time}}",
		words.Values{"Time": f.w.Words.Duration(r.Ended.Sub(r.Started))}))
	if r.BytesStored > 0 {
		add("place", lang.L("Newly stored"), f.w.Words.Bytes(r.BytesStored))
	}
	add("folder", lang.L("Restored to"), r.Target)
	if len(r.Snapshot) >= 12 {
		add("file", lang.L("Backup number"), r.Snapshot[:12])
	}
	content := []fyne.CanvasObject{}
	if r.Outcome == core.OutcomeFailed {
		content = append(content, f.w.ErrorPanel(shell.RunError{Run: &r}, f.remediesOf(r)))
		fmt.Fprintf(&text, "%s\n", r.Error)
	}
	content = append(content, widgets.Rows(rows...))
	if len(r.Problems) > 0 {
		content = append(content, widgets.NewLead(lang.L("What could not be read or written")))
		content = append(content, shell.ProblemRows(f.w.Words, r.Problems))
		text.WriteString(shell.ProblemText(r.Problems))
	}
	var copied *widgets.Button
	copied = widgets.NewButton(lang.L("Copy details"), "copy", widgets.Second, func() {
		f.w.App.Clipboard().SetContent(text.String())
		copied.SetText(lang.L("Copied"))
	})
	m := widgets.NewMedallion(48)
	m.Set(icon, tone)
	title := widgets.NewDisplay(Title(r.Kind))
	head := widgets.Column(theme.Space3,
		widgets.Aside(widgets.NewButton(lang.L("Activity"), "back", widgets.Quiet, back)),
		widgets.Row(theme.Space4, widgets.Wide(title), m, title))
	all := append([]fyne.CanvasObject{head}, content...)
	return shell.ScreenPage("", append(all, widgets.Row(0, nil, copied))...)
}

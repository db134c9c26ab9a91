package home

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// drillRow says when the backup was last proven to be restorable. A drill that
// found trouble wins over one before it that did not.
func (f *Feature) drillRow(st core.Status) fyne.CanvasObject {
	row := widgets.NewSettingRow("restore", lang.L("Prove that it can be restored"), nil, func() { f.drill(false) })
	last := st.LastDrill
	switch {
	case last == nil:
		row.SetValue(lang.L("Reads files back as a restore would. Not done yet."))
	case last.Outcome == core.OutcomePartly:
		row.SetIcon("warning", widgets.ToneBad)
		row.SetTone(widgets.ToneBad)
		row.SetValue(lang.L("{{.Files}} did not come back {{.Time}}. Activity tells which.",
			words.Values{"Files": f.w.Words.Files(int64(last.ProblemsTotal)), "Time": f.w.Words.Ago(last.Ended, f.w.Now())}))
	case last.Outcome == core.OutcomeFailed:
		row.SetIcon("warning", widgets.ToneBad)
		row.SetTone(widgets.ToneBad)
		row.SetValue(lang.L("It could not be tried {{.Time}}. Activity tells why.", words.Values{"Time": f.w.Words.Ago(last.Ended, f.w.Now())}))
	case st.Proven != nil:
		row.SetIcon("check", widgets.ToneGood)
		row.SetTitle(lang.L("Proven restorable"))
		row.SetValue(lang.L("{{.Files}} were read back and checked, {{.Time}}.",
			words.Values{"Files": f.w.Words.Files(st.Proven.Files), "Time": f.w.Words.Ago(st.Proven.Ended, f.w.Now())}))
	default:
		row.SetValue(lang.L("Stopped {{.Time}}.", words.Values{"Time": f.w.Words.Ago(last.Ended, f.w.Now())}))
	}
	return row
}

// drill tries a restore of a part of the backup. By itself, only what is
// amiss is told.
func (f *Feature) drill(bySchedule bool) {
	j := f.w.Start(core.RunDrill, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := f.core.Upkeep.Drill(ctx, core.DrillRequest{}, progress)
		return func() {
			f.w.Refresh()
			if (bySchedule || f.w.Hidden) && (report.Errors > 0 || err != nil && !errors.Is(err, context.Canceled)) {
				f.w.Notify(lang.L("The restore drill found trouble"),
					lang.L("Not everything in the backup came back as it should. Open Holdfast to see what."))
			}
		}
	})
	if j != nil {
		f.w.Refresh()
	}
}

// Prune thins out older dates by the rules.
func (f *Feature) Prune() {
	j := f.w.Start(core.RunPrune, func(ctx context.Context, progress func(core.Progress)) func() {
		_, _ = f.core.Upkeep.Prune(ctx, core.PruneRequest{Grace: -1}, progress) // the history tells how it ended
		return func() {
			f.w.Outdated(false)
			f.w.Refresh()
		}
	})
	if j != nil {
		f.w.Refresh()
	}
}

// Again returns what does a kind of work once more; nil where only a person can say how.
func (f *Feature) Again(kind core.RunKind) func() {
	switch kind {
	case core.RunBackup:
		return f.BackUp
	case core.RunVerify:
		return f.verify
	case core.RunDrill:
		return func() { f.drill(false) }
	case core.RunPrune:
		return f.Prune
	}
	return nil
}

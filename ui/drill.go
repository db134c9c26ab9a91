package ui

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
func (u *UI) drillRow(st core.Status) fyne.CanvasObject {
	row := widgets.NewSettingRow("restore", lang.L("Prove that it can be restored"), nil, func() { u.drill(false) })
	last := st.LastDrill
	switch {
	case last == nil:
		row.SetValue(lang.L("Reads files back as a restore would. Not done yet."))
	case last.Outcome == core.OutcomePartly:
		row.SetIcon("warning", widgets.ToneBad)
		row.SetTone(widgets.ToneBad)
		row.SetValue(lang.L("{{.Files}} did not come back {{.Time}}. Activity tells which.", words.Values{"Files": u.w.Words.Files(int64(last.ProblemsTotal)), "Time": u.w.Words.Ago(last.Ended, u.w.Now())}))
	case last.Outcome == core.OutcomeFailed:
		row.SetIcon("warning", widgets.ToneBad)
		row.SetTone(widgets.ToneBad)
		row.SetValue(lang.L("It could not be tried {{.Time}}. Activity tells why.", words.Values{"Time": u.w.Words.Ago(last.Ended, u.w.Now())}))
	case st.Proven != nil:
		row.SetIcon("check", widgets.ToneGood)
		row.SetTitle(lang.L("Proven restorable"))
		row.SetValue(lang.L("{{.Files}} were read back and checked, {{.Time}}.", words.Values{"Files": u.w.Words.Files(st.Proven.Files), "Time": u.w.Words.Ago(st.Proven.Ended, u.w.Now())}))
	default:
		row.SetValue(lang.L("Stopped {{.Time}}.", words.Values{"Time": u.w.Words.Ago(last.Ended, u.w.Now())}))
	}
	return row
}

// drill tries a restore of a part of the backup. By itself, only what is
// amiss is told.
func (u *UI) drill(bySchedule bool) {
	j := u.w.Start(core.RunDrill, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := u.core.Upkeep.Drill(ctx, core.DrillRequest{}, progress)
		return func() {
			u.w.Refresh()
			if (bySchedule || u.w.Hidden) && (report.Errors > 0 || err != nil && !errors.Is(err, context.Canceled)) {
				u.w.Notify(lang.L("The restore drill found trouble"), lang.L("Not everything in the backup came back as it should. Open Holdfast to see what."))
			}
		}
	})
	if j != nil {
		u.w.Refresh()
	}
}

// prune thins out older dates by the rules.
func (u *UI) prune() {
	j := u.w.Start(core.RunPrune, func(ctx context.Context, progress func(core.Progress)) func() {
		_, _ = u.core.Upkeep.Prune(ctx, core.PruneRequest{Grace: -1}, progress) // the history tells how it ended
		return func() {
			u.w.Outdated(false)
			u.w.Refresh()
		}
	})
	if j != nil {
		u.w.Refresh()
	}
}

// again returns what does a kind of work once more; nil where only a person can say how.
func (u *UI) again(kind core.RunKind) func() {
	switch kind {
	case core.RunBackup:
		return u.backUp
	case core.RunVerify:
		return u.verify
	case core.RunDrill:
		return func() { u.drill(false) }
	case core.RunPrune:
		return u.prune
	}
	return nil
}

package ui

import (
	"context"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// retentionLine says what becomes of older dates.
func (u *UI) retentionLine() string {
	switch {
	case !u.w.Prefs.ThinOut():
		return lang.L("Every date is kept.")
	case u.core.Upkeep.Retention() != core.DefaultRetention():
		return lang.L("Thinned out by rules of your own.")
	}
	return lang.L("Thinned out: the older, the fewer.")
}

// editRetention chooses what becomes of older dates, and shows what that means
// before anything goes.
func (u *UI) editRetention() {
	rules := lang.L("All of two days, one a day for a month, one a week for a quarter, one a month for two years, and one a year for ever.")
	if u.core.Upkeep.Retention() != core.DefaultRetention() {
		rules = lang.L("By the rules that were given on the command line.")
	}
	chosen := 0
	if u.w.Prefs.ThinOut() {
		chosen = 1
	}
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("Keep every date"), lang.L("Nothing is deleted. The place fills up in time.")},
		[2]string{lang.L("Thin out older dates"), rules})
	preview := widgets.NewMuted("")
	preview.Hide()
	var p *shell.Page
	looking := u.w.Work.Newest()
	var look func(i int)
	look = func(i int) {
		looking.Stop()
		preview.Hide()
		if i == 1 {
			preview.SetText(lang.L("Looking what would go…"))
			preview.Show()
			looking.Run(func(ctx context.Context) func() {
				report, err := u.core.Upkeep.Prune(ctx, core.PruneRequest{DryRun: true, Grace: -1}, nil)
				return func() {
					if err != nil {
						preview.Hide()
						p.Again = func() { p.Fail(nil); look(1) }
						p.Fail(err)
						return
					}
					preview.SetText(u.pruneLine(report))
					p.Relayout()
				}
			})
		}
		p.Relayout()
	}
	choices.OnChanged = look
	save := widgets.NewButton(lang.L("Save"), "", widgets.Main, func() {
		looking.Stop()
		on := choices.Chosen() == 1
		u.w.Prefs.SetThinOut(on)
		u.w.LeaveFlow()
		if on && u.w.Job == nil && u.core.Status().Change == core.ChangeNone {
			u.prune()
		}
	})
	leave := func() { looking.Stop(); u.w.LeaveFlow() }
	p = u.w.NewPage(shell.PageParams{
		Name: lang.L("Older dates"), Back: leave, Title: lang.L("How long should they be kept?"),
		Lead:    lang.L("The newest backup of each computer always stays. What is not needed any more is freed some days later."),
		Content: []fyne.CanvasObject{choices, preview},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), save},
	})
	u.w.Flow(p.Root)
	look(chosen)
}

// pruneLine says what a prune would do.
func (u *UI) pruneLine(r core.PruneReport) string {
	if r.Removed == 0 {
		return lang.L("Nothing would go now: every date stays.")
	}
	return lang.L("{{.Gone}} of {{.All}} dates would go, {{.Size}} would be freed.", words.Values{"Gone": u.w.Words.Count(int64(r.Removed)),
		"All": u.w.Words.Count(int64(r.Removed + r.Kept)), "Size": u.w.Words.Bytes(r.BytesFreed + r.BytesWaiting)})
}

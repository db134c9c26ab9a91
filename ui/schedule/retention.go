package schedule

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// RetentionLine says what becomes of older dates.
func (f *Feature) RetentionLine() string {
	switch {
	case !f.w.Prefs.ThinOut():
		return lang.L("Every date is kept.")
	case f.core.Upkeep.Retention() != core.DefaultRetention():
		return lang.L("Thinned out by rules of your own.")
	}
	return lang.L("Thinned out: the older, the fewer.")
}

// EditRetention chooses what becomes of older dates, and shows what that means
// before anything goes.
func (f *Feature) EditRetention() {
	rules := lang.L("All of two days, one a day for a month, one a week for a quarter, one a month for two years, and one a year for ever.")
	if f.core.Upkeep.Retention() != core.DefaultRetention() {
		rules = lang.L("By the rules that were given on the command line.")
	}
	chosen := 0
	if f.w.Prefs.ThinOut() {
		chosen = 1
	}
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("Keep every date"), lang.L("Nothing is deleted. The place fills up in time.")},
		[2]string{lang.L("Thin out older dates"), rules})
	preview := widgets.NewMuted("")
	preview.Hide()
	var p *shell.Page
	looking := f.w.Work.Newest()
	var look func(i int)
	look = func(i int) {
		looking.Stop()
		preview.Hide()
		if i == 1 {
			preview.SetText(lang.L("Looking what would go…"))
			preview.Show()
			looking.Run(func(ctx context.Context) func() {
				report, err := f.core.Upkeep.Prune(ctx, core.PruneRequest{DryRun: true, Grace: -1}, nil)
				return func() {
					if err != nil {
						preview.Hide()
						p.Again = func() { p.Fail(nil); look(1) }
						p.Fail(err)
						return
					}
					preview.SetText(f.pruneLine(report))
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
		f.w.Prefs.SetThinOut(on)
		f.w.LeaveFlow()
		if on && f.w.Job == nil && f.core.Status().Change == core.ChangeNone {
			f.prune()
		}
	})
	leave := func() { looking.Stop(); f.w.LeaveFlow() }
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("Older dates"), Back: leave, Title: lang.L("How long should they be kept?"),
		Lead:    lang.L("The newest backup of each computer always stays. What is not needed any more is freed some days later."),
		Content: []fyne.CanvasObject{choices, preview},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), save},
	})
	f.w.Flow(p.Root)
	look(chosen)
}

// pruneLine says what a prune would do.
func (f *Feature) pruneLine(r core.PruneReport) string {
	if r.Removed == 0 {
		return lang.L("Nothing would go now: every date stays.")
	}
	return lang.L("{{.Gone}} of {{.All}} dates would go, {{.Size}} would be freed.", words.Values{"Gone": f.w.Words.Count(int64(r.Removed)),
		"All": f.w.Words.Count(int64(r.Removed + r.Kept)), "Size": f.w.Words.Bytes(r.BytesFreed + r.BytesWaiting)})
}

package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// retentionLine says what becomes of older dates.
func (u *UI) retentionLine() string {
	switch {
	case !u.prefs.thinOut():
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
	if u.prefs.thinOut() {
		chosen = 1
	}
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("Keep every date"), lang.L("Nothing is deleted. The place fills up in time.")},
		[2]string{lang.L("Thin out older dates"), rules})
	preview := widgets.NewMuted("")
	preview.Hide()
	var p *page
	looking := latest{w: u.work}
	var look func(i int)
	look = func(i int) {
		looking.stop()
		preview.Hide()
		if i == 1 {
			preview.SetText(lang.L("Looking what would go…"))
			preview.Show()
			looking.run(func(ctx context.Context) func() {
				report, err := u.core.Upkeep.Prune(ctx, core.PruneRequest{DryRun: true, Grace: -1}, nil)
				return func() {
					if err != nil {
						preview.Hide()
						p.again = func() { p.fail(nil); look(1) }
						p.fail(err)
						return
					}
					preview.SetText(u.pruneLine(report))
					p.relayout()
				}
			})
		}
		p.relayout()
	}
	choices.OnChanged = look
	save := widgets.NewButton(lang.L("Save"), "", widgets.Main, func() {
		looking.stop()
		on := choices.Chosen() == 1
		u.prefs.setThinOut(on)
		u.leaveFlow()
		if on && u.job == nil && u.core.Status().Change == core.ChangeNone {
			u.prune()
		}
	})
	leave := func() { looking.stop(); u.leaveFlow() }
	p = u.newPage(pageParams{
		name: lang.L("Older dates"), back: leave, title: lang.L("How long should they be kept?"),
		lead:    lang.L("The newest backup of each computer always stays. What is not needed any more is freed some days later."),
		content: []fyne.CanvasObject{choices, preview},
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), save},
	})
	u.flow(p.root)
	look(chosen)
}

// pruneLine says what a prune would do.
func (u *UI) pruneLine(r core.PruneReport) string {
	if r.Removed == 0 {
		return lang.L("Nothing would go now: every date stays.")
	}
	return lang.L("{{.Gone}} of {{.All}} dates would go, {{.Size}} would be freed.", vals{"Gone": u.words.Count(int64(r.Removed)),
		"All": u.words.Count(int64(r.Removed + r.Kept)), "Size": u.words.Bytes(r.BytesFreed + r.BytesWaiting)})
}

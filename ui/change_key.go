package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// changeKeyFlow puts another key to use: what it means → the key → the check →
// done.
type changeKeyFlow struct {
	u   *UI
	key *backupkey.Key
}

func (u *UI) changeKey() { (&changeKeyFlow{u: u}).means() }

func (f *changeKeyFlow) name() string { return lang.L("Change the key") }

func (f *changeKeyFlow) leave() {
	f.key.Clear()
	f.u.leaveFlow()
}

func (f *changeKeyFlow) means() {
	var p *page
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if f.key == nil {
			k, err := f.u.core.NewKey()
			if err != nil {
				p.fail(err)
				return
			}
			f.key = k
		}
		(&keySteps{
			u: f.u, name: f.name(), step: 2, of: 4, key: f.key, back: f.means,
			last: lang.L("Use the new key"), confirmed: f.use,
		}).show()
	})
	p = f.u.newPage(pageParams{
		name: f.name(), step: 1, of: 4, back: f.leave,
		title: lang.L("A new key for your backup"),
		lead:  lang.L("For when somebody may have seen the old one, or you are not sure where it is."),
		content: []fyne.CanvasObject{widgets.Rows(
			widgets.NewSettingRow("clock", lang.L("Older backups stay"), nil, nil).SetValue(lang.L("They open with the new key. Nothing is stored again, so it takes only a moment.")),
			widgets.NewSettingRow("key", lang.L("The old key opens nothing here any more"), nil, nil).SetValue(lang.L("Only who has the old key and also a copy of the folder as it is now could open that copy.")),
		)},
		foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Keep the old key"), "", widgets.Second, f.leave), next},
	})
	f.u.flow(p.root)
}

func (f *changeKeyFlow) use(p *page, next *widgets.Button) {
	u, key := f.u, f.key
	p.fail(nil)
	next.SetBusy(true)
	u.work.run(func(ctx context.Context) func() {
		err := u.core.ChangeKey(ctx, key, nil)
		if err == nil {
			_ = u.core.ConfirmKey() // only a date to show
		}
		return func() {
			next.SetBusy(false)
			if err != nil {
				p.fail(err)
				return
			}
			key.Clear()
			u.restore.outdated(true)
			f.done()
		}
	})
}

func (f *changeKeyFlow) done() {
	m := widgets.NewMedallion(96)
	m.Set("key", widgets.ToneGood)
	lead := widgets.NewMuted(lang.L("All dates open with it from now on. You may destroy what you saved of the old one.")).Centered()
	lead.TextSize = theme.TextLead
	p := f.u.newPage(pageParams{
		name: f.name(), step: 4, of: 4,
		content: []fyne.CanvasObject{container.NewCenter(m), widgets.Column(theme.Space2, widgets.NewDisplay(lang.L("The new key is in use")).Centered(), lead)},
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, f.u.leaveFlow)},
	})
	f.u.flow(p.root)
}

package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// givingUp reports whether a change of encryption is already being taken back.
func givingUp(st core.Status) bool {
	return st.Change == core.ChangeGiveUpOn || st.Change == core.ChangeGiveUpOff
}

// askGiveUp says what becomes of a change that is not finished, then takes it back.
func (u *UI) askGiveUp() {
	content := []fyne.CanvasObject{
		widgets.Notice(widgets.ToneNeutral, "backup", lang.L("The backup from before is whole, with all its dates, and stays as it is.")),
	}
	if u.core.Status().Change == core.ChangeTurnOn {
		content = append(content, widgets.Notice(widgets.ToneNeutral, "key",
			lang.L("The key that you made for it, and a password, open nothing then. You do not have to keep them.")))
	}
	p := u.newPage(pageParams{
		name: lang.L("Take the change back"), back: u.leaveFlow,
		title:   lang.L("Leave everything as it was?"),
		lead:    lang.L("What is stored of the new backup is deleted, and its space is free again."),
		content: content,
		foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Go on with the change"), "", widgets.Second, u.goOn),
			widgets.NewButton(lang.L("Leave it as it was"), "", widgets.Main, u.giveUp),
		},
	})
	u.flow(p.root)
}

// giveUp takes the change back and says how that ended.
func (u *UI) giveUp() {
	j := u.start(core.RunGiveUp, func(ctx context.Context, progress func(core.Progress)) func() {
		err := u.core.Encryption.GiveUp(ctx, progress)
		return func() { u.gaveUp(err) }
	})
	if j == nil {
		return
	}
	p := u.newPage(pageParams{
		name: lang.L("Take the change back"), title: lang.L("Deleting the new backup"),
		lead:    lang.L("The backup from before is whole, with all its dates, and stays as it is."),
		content: []fyne.CanvasObject{u.panel(j)},
	})
	u.flow(p.root)
}

func (u *UI) gaveUp(err error) {
	u.restore.outdated(true)
	m := widgets.NewMedallion(96)
	foot := []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, u.leaveFlow)}
	line, text := lang.L("Everything is as it was"), lang.L("The next backup goes on where the last one stopped.")
	m.Set("check", widgets.ToneGood)
	if err != nil {
		m.Set("warning", widgets.ToneAttention)
		line, text = lang.L("It is not finished yet"), lang.L("The backup from before is whole, with all its dates, and stays as it is.")
		foot = []fyne.CanvasObject{
			widgets.NewButton(lang.L("Later"), "", widgets.Second, u.leaveFlow),
			widgets.NewButton(lang.L("Try again"), "", widgets.Main, u.goOn),
		}
	}
	content := []fyne.CanvasObject{container.NewCenter(m), headline(line, text)}
	if err != nil {
		content = append(content, u.errorPanel(err, nil))
	}
	p := u.newPage(pageParams{name: lang.L("Take the change back"), content: content, foot: foot})
	u.flow(p.root)
}

package secret

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// GivingUp reports whether a change of encryption is already being taken back.
func GivingUp(st core.Status) bool {
	return st.Change == core.ChangeGiveUpOn || st.Change == core.ChangeGiveUpOff
}

// AskGiveUp says what becomes of a change that is not finished, then takes it back.
func (f *Feature) AskGiveUp() {
	content := []fyne.CanvasObject{
		widgets.Notice(widgets.ToneNeutral, "backup", lang.L("The backup from before is whole, with all its dates, and stays as it is.")),
	}
	if f.core.Status().Change == core.ChangeTurnOn {
		content = append(content, widgets.Notice(widgets.ToneNeutral, "key",
			lang.L("The key that you made for it, and a password, open nothing then. You do not have to keep them.")))
	}
	p := f.w.NewPage(shell.PageParams{
		Name: lang.L("Take the change back"), Back: f.w.LeaveFlow,
		Title:   lang.L("Leave everything as it was?"),
		Lead:    lang.L("What is stored of the new backup is deleted, and its space is free again."),
		Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Go on with the change"), "", widgets.Second, f.GoOn),
			widgets.NewButton(lang.L("Leave it as it was"), "", widgets.Main, f.giveUp),
		},
	})
	f.w.Flow(p.Root)
}

// giveUp takes the change back and says how that ended.
func (f *Feature) giveUp() {
	j := f.w.Start(core.RunGiveUp, func(ctx context.Context, progress func(core.Progress)) func() {
		err := f.core.Encryption.GiveUp(ctx, progress)
		return func() { f.gaveUp(err) }
	})
	if j == nil {
		return
	}
	p := f.w.NewPage(shell.PageParams{
		Name: lang.L("Take the change back"), Title: lang.L("Deleting the new backup"),
		Lead:    lang.L("The backup from before is whole, with all its dates, and stays as it is."),
		Content: []fyne.CanvasObject{j.Panel()},
	})
	f.w.Flow(p.Root)
}

func (f *Feature) gaveUp(err error) {
	f.w.Outdated(true)
	m := widgets.NewMedallion(96)
	foot := []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, f.w.LeaveFlow)}
	line, text := lang.L("Everything is as it was"), lang.L("The next backup goes on where the last one stopped.")
	m.Set("check", widgets.ToneGood)
	if err != nil {
		m.Set("warning", widgets.ToneAttention)
		line, text = lang.L("It is not finished yet"), lang.L("The backup from before is whole, with all its dates, and stays as it is.")
		foot = []fyne.CanvasObject{
			widgets.NewButton(lang.L("Later"), "", widgets.Second, f.w.LeaveFlow),
			widgets.NewButton(lang.L("Try again"), "", widgets.Main, f.GoOn),
		}
	}
	content := []fyne.CanvasObject{container.NewCenter(m), shell.Headline(line, text)}
	if err != nil {
		content = append(content, f.w.ErrorPanel(err, nil))
	}
	p := f.w.NewPage(shell.PageParams{Name: lang.L("Take the change back"), Content: content, Foot: foot})
	f.w.Flow(p.Root)
}

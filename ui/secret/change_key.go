package secret

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// changeKeyFlow puts another key to use: what it means → (the password, to put
// the new key behind it) → the key → the check → done.
type changeKeyFlow struct {
	*Feature
	key      *backupkey.Key
	form     *passwordForm
	password []byte // nil: the backup has none
}

func (f *Feature) changeKey() { (&changeKeyFlow{Feature: f}).means() }

func (f *changeKeyFlow) name() string { return lang.L("Change the key") }

func (f *changeKeyFlow) leave() {
	f.forget()
	f.w.LeaveFlow()
}

func (f *changeKeyFlow) forget() {
	f.key.Clear()
	clear(f.password)
	f.password = nil
}

// of is how many pages there are.
func (f *changeKeyFlow) of() int {
	if f.core.Status().Password {
		return 5
	}
	return 4
}

func (f *changeKeyFlow) means() {
	var p *shell.Page
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if f.key == nil {
			k, err := f.core.Encryption.NewKey()
			if err != nil {
				p.Fail(err)
				return
			}
			f.key = k
		}
		if f.core.Status().Password {
			f.askPassword()
			return
		}
		f.digits(2, f.means)
	})
	kept := widgets.NewSettingRow("search", lang.L("Look at what is kept"), nil, nil).SetValue(lang.L("Looking…"))
	content := []fyne.CanvasObject{
		widgets.NewSettingRow("clock", lang.L("Older backups stay"), nil,
			nil).SetValue(lang.L("They open with the new key. Nothing is stored again, so it takes only a moment.")),
		kept,
		widgets.NewSettingRow("key", lang.L("The old key opens nothing here any more"), nil,
			nil).SetValue(lang.L("The old key still opens copies of this place made before now.")),
	}
	if f.core.Status().Password {
		content = append(content, widgets.NewSettingRow("lock", lang.L("Your password is asked for"), nil,
			nil).SetValue(lang.L("The vault holds the old key behind it, and gets the new one. You may as well choose another password.")))
	}
	p = f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: f.of(), Back: f.leave,
		Title:   lang.L("A new key for your backup"),
		Lead:    lang.L("For when somebody may have seen the old one, or you are not sure where it is."),
		Content: []fyne.CanvasObject{widgets.Rows(content...)},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Keep the old key"), "", widgets.Second, f.leave), next},
	})
	f.w.Flow(p.Root)
	f.w.Work.Run(func(ctx context.Context) func() {
		all, err := f.core.Encryption.BeforeKeyChange(ctx)
		return func() {
			kept.SetValue(f.keptWords(all, err))
			p.Relayout()
		}
	})
}

// keptWords says which backups a change of the key keeps, so that the person sees what nobody of theirs has made.
func (f *Feature) keptWords(all []core.Kept, err error) string {
	if err != nil {
		return f.w.Words.For(err).What
	}
	if len(all) == 0 {
		return lang.L("No backup has been made yet.")
	}
	var lines []string
	strange := false
	for _, k := range all {
		v := words.Values{"Computer": core.DisplayName(k.Host), "Count": f.w.Words.Count(int64(k.Backups)),
			"Day": f.w.Words.Day(k.Newest, f.w.Now())}
		if k.Own {
			lines = append(lines, lang.L("This computer: {{.Count}}, the newest of {{.Day}}", v))
		} else {
			strange = true
			lines = append(lines, lang.L("{{.Computer}}, not made here: {{.Count}}, the newest of {{.Day}}", v))
		}
	}
	text := strings.Join(lines, " · ")
	if strange {
		text += ". " + lang.L("If one of them is nobody's you know, delete those backups first.")
	}
	return text
}

// askPassword asks for the password that the new key is put behind.
func (f *changeKeyFlow) askPassword() {
	if f.form == nil {
		f.form = newPasswordForm(f.Feature, f.vaultName(f.core.Status()))
		f.form.vault.newAccount = true
	}
	remove := widgets.NewButton(lang.L("Remove the password first"), "", widgets.Second, func() {
		f.form.leave()
		f.forget()
		f.removePassword(func() { (&changeKeyFlow{Feature: f.Feature}).means() })
	})
	f.form.show(shell.PageParams{
		Name: f.name(), Step: 2, Of: f.of(), Back: f.means,
		Title: lang.L("The password for the new key"), Lead: lang.L("The one you have, or another one."), Foot: []fyne.CanvasObject{remove},
	}, lang.L("Continue"), func(_ *shell.Page, _ *widgets.Button, password []byte) {
		clear(f.password)
		f.password = password
		f.digits(3, f.askPassword)
	})
}

func (f *changeKeyFlow) digits(step int, back func()) {
	(&keySteps{Feature: f.Feature, name: f.name(), step: step, of: f.of(), key: f.key, place: f.core.Status().Destination, back: back,
		last: lang.L("Use the new key"), confirmed: f.use}).show()
}

func (f *changeKeyFlow) use(p *shell.Page, next *widgets.Button) {
	key := f.key
	var request *core.PasswordRequest
	if f.password != nil {
		asked := f.form.vault.request(f.password)
		request = &asked
	}
	p.Fail(nil)
	p.Wait(next, lang.L("Putting the new key to use…"), func(ctx context.Context) func() {
		err := f.core.Encryption.ChangeKey(ctx, key, request)
		if err == nil {
			_ = f.core.Encryption.ConfirmKey() // only a date to show
		}
		return func() {
			if err != nil {
				p.Fail(err)
				return
			}
			f.forget()
			f.w.Outdated(true)
			f.done()
		}
	})
}

func (f *changeKeyFlow) done() {
	m := widgets.NewMedallion(96)
	m.Set("key", widgets.ToneGood)
	head := shell.Headline(lang.L("The new key is in use"),
		lang.L("All dates open with it from now on. You may destroy what you saved of the old one."))
	p := f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: f.of(), Of: f.of(),
		Content: []fyne.CanvasObject{container.NewCenter(m), head},
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, f.w.LeaveFlow)},
	})
	f.w.Flow(p.Root)
}

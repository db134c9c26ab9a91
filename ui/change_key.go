package ui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// changeKeyFlow puts another key to use: what it means → (the password, to put
// the new key behind it) → the key → the check → done.
type changeKeyFlow struct {
	u        *UI
	key      *backupkey.Key
	form     *passwordForm
	password []byte // nil: the backup has none
}

func (u *UI) changeKey() { (&changeKeyFlow{u: u}).means() }

func (f *changeKeyFlow) name() string { return lang.L("Change the key") }

func (f *changeKeyFlow) leave() {
	f.forget()
	f.u.leaveFlow()
}

func (f *changeKeyFlow) forget() {
	f.key.Clear()
	clear(f.password)
	f.password = nil
}

// of is how many pages there are.
func (f *changeKeyFlow) of() int {
	if f.u.core.Status().Password {
		return 5
	}
	return 4
}

func (f *changeKeyFlow) means() {
	var p *page
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if f.key == nil {
			k, err := f.u.core.Encryption.NewKey()
			if err != nil {
				p.fail(err)
				return
			}
			f.key = k
		}
		if f.u.core.Status().Password {
			f.askPassword()
			return
		}
		f.digits(2, f.means)
	})
	kept := widgets.NewSettingRow("search", lang.L("Look at what is kept"), nil, nil).SetValue(lang.L("Looking…"))
	content := []fyne.CanvasObject{
		widgets.NewSettingRow("clock", lang.L("Older backups stay"), nil, nil).SetValue(lang.L("They open with the new key. Nothing is stored again, so it takes only a moment.")),
		kept,
		widgets.NewSettingRow("key", lang.L("The old key opens nothing here any more"), nil, nil).SetValue(lang.L("The old key still opens copies of this place made before now.")),
	}
	if f.u.core.Status().Password {
		content = append(content, widgets.NewSettingRow("lock", lang.L("Your password is asked for"), nil, nil).SetValue(lang.L("The vault holds the old key behind it, and gets the new one. You may as well choose another password.")))
	}
	p = f.u.newPage(pageParams{
		name: f.name(), step: 1, of: f.of(), back: f.leave,
		title:   lang.L("A new key for your backup"),
		lead:    lang.L("For when somebody may have seen the old one, or you are not sure where it is."),
		content: []fyne.CanvasObject{widgets.Rows(content...)},
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Keep the old key"), "", widgets.Second, f.leave), next},
	})
	f.u.flow(p.root)
	f.u.work.run(func(ctx context.Context) func() {
		all, err := f.u.core.Encryption.BeforeKeyChange(ctx)
		return func() {
			kept.SetValue(f.u.keptWords(all, err))
			p.relayout()
		}
	})
}

// keptWords says which backups a change of the key keeps, so that the person sees what nobody of theirs has made.
func (u *UI) keptWords(all []core.Kept, err error) string {
	if err != nil {
		return u.words.For(err).What
	}
	if len(all) == 0 {
		return lang.L("No backup has been made yet.")
	}
	var lines []string
	strange := false
	for _, k := range all {
		v := vals{"Computer": core.DisplayName(k.Host), "Count": u.words.Count(int64(k.Backups)), "Day": u.words.Day(k.Newest, u.now())}
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
		f.form = newPasswordForm(f.u, f.u.vaultName(f.u.core.Status()))
		f.form.vault.newAccount = true
	}
	remove := widgets.NewButton(lang.L("Remove the password first"), "", widgets.Second, func() {
		f.form.leave()
		f.forget()
		f.u.removePassword(func() { (&changeKeyFlow{u: f.u}).means() })
	})
	f.form.show(pageParams{
		name: f.name(), step: 2, of: f.of(), back: f.means,
		title: lang.L("The password for the new key"), lead: lang.L("The one you have, or another one."), foot: []fyne.CanvasObject{remove},
	}, lang.L("Continue"), func(_ *page, _ *widgets.Button, password []byte) {
		clear(f.password)
		f.password = password
		f.digits(3, f.askPassword)
	})
}

func (f *changeKeyFlow) digits(step int, back func()) {
	(&keySteps{u: f.u, name: f.name(), step: step, of: f.of(), key: f.key, place: f.u.core.Status().Destination, back: back, last: lang.L("Use the new key"), confirmed: f.use}).show()
}

func (f *changeKeyFlow) use(p *page, next *widgets.Button) {
	u, key := f.u, f.key
	var request *core.PasswordRequest
	if f.password != nil {
		asked := f.form.vault.request(f.password)
		request = &asked
	}
	p.fail(nil)
	p.wait(next, lang.L("Putting the new key to use…"), func(ctx context.Context) func() {
		err := u.core.Encryption.ChangeKey(ctx, key, request)
		if err == nil {
			_ = u.core.Encryption.ConfirmKey() // only a date to show
		}
		return func() {
			if err != nil {
				p.fail(err)
				return
			}
			f.forget()
			u.restore.outdated(true)
			f.done()
		}
	})
}

func (f *changeKeyFlow) done() {
	m := widgets.NewMedallion(96)
	m.Set("key", widgets.ToneGood)
	head := headline(lang.L("The new key is in use"), lang.L("All dates open with it from now on. You may destroy what you saved of the old one."))
	p := f.u.newPage(pageParams{
		name: f.name(), step: f.of(), of: f.of(),
		content: []fyne.CanvasObject{container.NewCenter(m), head},
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, f.u.leaveFlow)},
	})
	f.u.flow(p.root)
}

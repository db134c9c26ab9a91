package secret

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// SetPassword sets a first password, or another one: this computer has the
// key, so a password that was forgotten makes no difference.
func (f *Feature) SetPassword() {
	st := f.core.Status()
	name, same, title := lang.L("Add a password"), "", lang.L("Choose a password")
	back := f.w.LeaveFlow
	if st.Password {
		name, same, title, back = lang.L("Change the password"), f.vaultName(st), lang.L("Choose a new password"), f.ShowPassword
	}
	form := newPasswordForm(f, same)
	var set func(p *shell.Page, next *widgets.Button, password []byte)
	show := func() {
		form.show(shell.PageParams{
			Name: name, Back: back, Title: title,
		}, lang.L("Set the password"), set)
	}
	set = func(p *shell.Page, next *widgets.Button, password []byte) {
		again := func(err error) { show(); form.p.Fail(err) } // not the key steps: they are done
		use := func(p *shell.Page, next *widgets.Button) {
			f.usePassword(name, form.vault.isLocal(), form.vault.request(password), p, next, again)
		}
		if form.vault.is(vaultSoftware) && st.KeyConfirmed.IsZero() {
			// This vault is lost with the computer.
			f.saveKey(name, lang.L("Set the password"), func() { clear(password); show() }, p, next, use)
			return
		}
		use(p, next)
	}
	show()
}

// usePassword sets the password, which it clears.
func (f *Feature) usePassword(name string, local bool, req core.PasswordRequest, p *shell.Page, next *widgets.Button, failed func(error)) {
	before := f.core.Status()
	p.Fail(nil)
	p.Wait(next, lang.L("Asking the vault…"), func(ctx context.Context) func() {
		err := f.core.Passwords.Set(ctx, req)
		clear(req.Password)
		clear(req.Enrolment)
		return func() {
			if err != nil && !f.core.Status().PasswordConfirmed.After(before.PasswordConfirmed) {
				failed(err)
				return
			}
			f.passwordIsSet(name, local, before, err)
		}
	})
}

// passwordIsSet says that the password counts; before is how it was, err what the vault before it said.
func (f *Feature) passwordIsSet(name string, local bool, before core.Status, err error) {
	m := widgets.NewMedallion(96)
	m.Set("lock", widgets.ToneGood)
	text := lang.L("The vault has given the key back for it, so it works. Use it on any computer, with the place of the backup.")
	if local {
		text = lang.L("The vault has given the key back for it. It works at this computer, where its token is; anywhere else the 64-digit key opens the backup.")
	}
	now := f.core.Status()
	if now.Vaults > 1 {
		text = lang.L("Each of {{.Count}} vaults has given the key back for it, and any {{.Needed}} of them are enough. Use it on any computer, with the place of the backup.",
			words.Values{"Count": now.Vaults, "Needed": now.VaultsNeeded})
	}
	content := []fyne.CanvasObject{container.NewCenter(m), shell.Headline(lang.L("Your password is set"), text)}
	if before.Password && before.Vaults == 1 && now.Vaults > 1 {
		content = append(content, widgets.Notice(widgets.ToneAttention, "key",
			lang.L("The key was changed with it, so a recovery key that you saved opens only what was backed up before: save a new one. Whoever runs the vault that had the password alone can still try out the old password, for that older data.")))
	}
	if err != nil {
		content = append(content, widgets.Notice(widgets.ToneAttention, "warning",
			lang.L("The vault before it could not be told. The old password still works there.")), f.w.ErrorPanel(err, nil))
	}
	p := f.w.NewPage(shell.PageParams{Name: name, Content: content,
		Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Done"), "", widgets.Main, f.w.LeaveFlow)}})
	f.w.Flow(p.Root)
}

// checkPassword lets the person show to know it still.
func (f *Feature) checkPassword() {
	var p *shell.Page
	g := NewGate(GateParams{
		Feature: f, Button: lang.L("Check it"), Failed: func(err error) { p.Fail(err) },
		Ask: f.core.Passwords.State, Try: f.core.Passwords.Check,
		Opened: func() {
			f.w.LeaveFlow()
			f.w.Inform(lang.L("That is your password"), lang.L("The vault has given the key back for it. You have all 10 guesses again."))
		},
	})
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("Password"), Back: func() { g.Close(); f.w.LeaveFlow() },
		Title: lang.L("Do you still know your password?"), Lead: lang.L("A wrong one costs a guess. Nothing else happens."),
		Content: []fyne.CanvasObject{g.Root, shell.Aside(lang.L("Forgot it? Set a new one"), func() { g.Close(); f.SetPassword() })},
		Foot:    []fyne.CanvasObject{g.Button},
	})
	p.Again = g.Begin
	f.w.Flow(p.Root)
	g.Begin()
}

// removePassword asks, and makes sure that the key is saved, since only it is left.
func (f *Feature) removePassword(then func()) {
	name := lang.L("Remove the password")
	var show func()
	var here *shell.Page
	remove := func(p *shell.Page, next *widgets.Button) {
		p.Fail(nil)
		p.Wait(next, lang.L("Asking the vault…"), func(ctx context.Context) func() {
			err := f.core.Passwords.Remove(ctx)
			return func() {
				if err != nil {
					show()
					here.Fail(err)
					return
				}
				then()
			}
		})
	}
	show = func() {
		var p *shell.Page
		var next *widgets.Button
		next = widgets.NewButton(lang.L("Remove the password"), "", widgets.Danger, func() {
			if f.core.Status().KeyConfirmed.IsZero() {
				f.saveKey(name, lang.L("Remove the password"), show, p, next, remove)
				return
			}
			remove(p, next)
		})
		p = f.w.NewPage(shell.PageParams{
			Name: name, Back: f.w.LeaveFlow, Title: lang.L("Go on without a password?"),
			Lead: lang.L("The vault deletes the account. From then on only the 64-digit key opens this backup."),
			Content: []fyne.CanvasObject{
				widgets.Notice(widgets.ToneNeutral, "shield", lang.L("The backups stay as they are. You can add a password again at any time.")),
			},
			Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Keep the password"), "", widgets.Second, f.w.LeaveFlow), next},
		})
		here = p
		f.w.Flow(p.Root)
	}
	show()
}

// saveKey shows the backup's key to a person who has not confirmed it yet. The check of the digits follows.
func (f *Feature) saveKey(name, last string, back func(), p *shell.Page, next *widgets.Button,
	then func(p *shell.Page, next *widgets.Button)) {
	p.Wait(next, lang.L("Asking the keyring for the key…"), func(ctx context.Context) func() {
		key, err := f.core.Encryption.Key(ctx)
		return func() {
			if err != nil {
				p.Fail(err)
				return
			}
			(&keySteps{
				Feature: f, name: name, step: 1, of: 2, key: key, place: f.core.Status().Destination, recovery: true, last: last,
				back: func() { key.Clear(); back() },
				confirmed: func(p *shell.Page, next *widgets.Button) {
					p.Wait(next, lang.L("Saving…"), func(context.Context) func() {
						err := f.core.Encryption.ConfirmKey()
						return func() {
							if err != nil {
								p.Fail(err)
								return
							}
							key.Clear() // then leads away from here, whatever comes of it
							then(p, next)
						}
					})
				},
			}).show()
		}
	})
}

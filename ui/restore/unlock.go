package restore

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// UnlockWithPassword asks for the password of a backup somewhere else, after the
// person has seen the vault that checks it.
func (f *Flow) UnlockWithPassword(found core.Found) {
	secret.VaultQuestion{
		Feature: f.secret, Card: found.VaultCard, Name: f.name(), Step: 2, Of: 5, Back: f.Elsewhere, Put: f.Put,
		Digits: func() { f.unlock(found) }, Agreed: func(v secret.VaultToAsk) { f.askPassword(found, v) },
	}.Ask()
}

// askPassword asks for the password, which the vault checks.
func (f *Flow) askPassword(found core.Found, asked secret.VaultToAsk) {
	var p *shell.Page
	var opened *core.Reader // by try, before opened or dropped run
	var report core.VaultReport
	place := f.place
	g := secret.NewGate(secret.GateParams{
		Feature: f.secret, Button: lang.L("Unlock"), Failed: func(err error) { p.Fail(err) },
		Ask: func(ctx context.Context) (core.VaultState, error) {
			return f.core.Passwords.Ask(ctx, found.VaultCard, asked.Typed, asked.Trust)
		},
		Try: func(ctx context.Context, password []byte) (err error) {
			opened, err = f.core.Elsewhere().OpenReaderWithPassword(ctx, place,
				core.PasswordRequest{Password: password, Vault: asked.Typed, Trust: asked.Trust,
					Report: func(r core.VaultReport) { report = r }})
			return err
		},
		Opened: func() {
			f.opened(opened, false, p.Say, p.Fail)
			f.secret.TellReport(report)
		},
		Dropped: func() { _ = opened.Close() }, // only read from
	})
	f.forget = g.Close
	vault := widgets.NewMuted("").Shortened()
	vault.Hide()
	if asked.Name != "" {
		vault.SetText(lang.L("The vault that is asked: {{.Name}}", words.Values{"Name": asked.Name}))
		vault.Show()
	}
	choose := widgets.NewButton(lang.L("Ask another vault…"), "", widgets.Quiet, func() {
		f.secret.ChooseVaultCard(func(v secret.VaultToAsk, err error) {
			p.Fail(err)
			if err == nil && !g.Closed && !g.Busy {
				g.Close()
				f.askPassword(found, v)
			}
		})
	})
	withDigits := func() { g.Close(); f.unlock(found) }
	digits := shell.Aside(lang.L("Use the 64-digit key instead"), withDigits)
	asides := []fyne.CanvasObject{digits}
	if !found.Shared() { // no other one can take the place of several
		asides = append(asides, widgets.Aside(choose))
	}
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: func() { g.Close(); f.Elsewhere() },
		Title: lang.L("Unlock the backup"), Lead: core.DisplayName(f.place),
		Content:  []fyne.CanvasObject{g.Root, vault, widgets.Column(theme.Space1, asides...)},
		Foot:     []fyne.CanvasObject{g.Button},
		Remedies: shell.Remedies{shell.WayDigits: withDigits},
	})
	p.Again = g.Begin
	p.Once(shell.WayDigits, digits)
	f.Put(p.Root)
	g.Begin()
}

// unlock asks for the key.
func (f *Flow) unlock(found core.Found) {
	var p *shell.Page
	var open *widgets.Button
	keys := secret.NewKeyField(f.secret, func() { p.Relayout() })
	open = widgets.NewButton(lang.L("Unlock"), "key", widgets.Main, func() {
		key, err := keys.Key()
		if err != nil {
			p.Fail(err)
			return
		}
		f.openElsewhere(key, open, p, func(err error) {
			if errors.Is(err, core.ErrWrongKey) {
				p.Fail(nil)
				keys.Repair(found, func() { p.Fail(err) })
				return
			}
			p.Fail(err)
		})
	})
	keys.Accepted, keys.Failed = func() { open.Tapped(nil) }, func(err error) { p.Fail(err) }
	f.forget = keys.Clear
	content := []fyne.CanvasObject{keys.Root}
	if found.VaultCard != nil && f.core.Passwords.Possible() {
		content = append(content, shell.Aside(lang.L("Use the password instead"), func() { keys.Clear(); f.UnlockWithPassword(found) }))
	}
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: 5, Back: func() { keys.Clear(); f.Elsewhere() },
		Title: lang.L("Unlock the backup"), Lead: core.DisplayName(f.place),
		Content: content, Foot: []fyne.CanvasObject{open},
	})
	f.Put(p.Root)
	f.w.Canvas().Focus(keys.Entry)
}

func (f *Flow) openElsewhere(key *backupkey.Key, button *widgets.Button, p *shell.Page, failed func(error)) {
	place := f.place
	p.Wait(button, lang.L("Opening the backup…"), func(ctx context.Context) func() {
		r, err := f.core.Elsewhere().OpenReader(ctx, place, key)
		if err != nil {
			key.Clear()
		}
		return func() {
			if err != nil {
				failed(err)
				return
			}
			f.opened(r, false, p.Say, p.Fail)
		}
	})
}

// Unencrypted asks whether a backup somewhere is to be opened without encryption.
func (f *Flow) Unencrypted() {
	p := f.secret.UnencryptedPage(shell.PageParams{Name: f.name(), Step: 2, Of: 5, Back: f.Elsewhere, Remedies: f.apart(nil)},
		lang.L("Open it without encryption"),
		func(p *shell.Page, next *widgets.Button) { f.openElsewhere(nil, next, p, p.Fail) })
	f.Put(p.Root)
}

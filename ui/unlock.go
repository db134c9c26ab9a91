package ui

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// unlockWithPassword asks for the password of a backup somewhere else, after the
// person has seen the vault that checks it.
func (f *restoreFlow) unlockWithPassword(found core.Found) {
	vaultQuestion{
		u: f.u, card: found.VaultCard, name: f.name(), step: 2, of: 5, back: f.elsewhere, put: f.put,
		digits: func() { f.unlock(found) }, agreed: func(v vaultToAsk) { f.askPassword(found, v) },
	}.ask()
}

// askPassword asks for the password, which the vault checks.
func (f *restoreFlow) askPassword(found core.Found, asked vaultToAsk) {
	var p *page
	var opened *core.Reader // by try, before opened or dropped run
	place := f.place
	g := newPasswordGate(gateParams{
		u: f.u, button: lang.L("Unlock"), failed: func(err error) { p.fail(err) },
		ask: func(ctx context.Context) (core.VaultState, error) {
			return f.u.core.Passwords.Ask(ctx, found.VaultCard, asked.typed, asked.trust)
		},
		try: func(ctx context.Context, password []byte) (err error) {
			opened, err = f.u.core.Elsewhere().OpenReaderWithPassword(ctx, place, core.PasswordRequest{Password: password, Vault: asked.typed, Trust: asked.trust})
			return err
		},
		opened:  func() { f.opened(opened, false, p.say, p.fail) },
		dropped: func() { _ = opened.Close() }, // only read from
	})
	f.forget = g.close
	vault := widgets.NewMuted("").Shortened()
	vault.Hide()
	if asked.name != "" {
		vault.SetText(lang.L("The vault that is asked: {{.Name}}", vals{"Name": asked.name}))
		vault.Show()
	}
	choose := widgets.NewButton(lang.L("Ask another vault…"), "", widgets.Quiet, func() {
		f.u.chooseVaultCard(func(v vaultToAsk, err error) {
			p.fail(err)
			if err == nil && !g.closed && !g.busy {
				g.close()
				f.askPassword(found, v)
			}
		})
	})
	withDigits := func() { g.close(); f.unlock(found) }
	digits := aside(lang.L("Use the 64-digit key instead"), withDigits)
	p = f.newPage(pageParams{
		name: f.name(), step: 2, of: 5, back: func() { g.close(); f.elsewhere() },
		title: lang.L("Unlock the backup"), lead: core.DisplayName(f.place),
		content:  []fyne.CanvasObject{g.root, vault, widgets.Column(theme.Space1, digits, widgets.Aside(choose))},
		foot:     []fyne.CanvasObject{g.button},
		remedies: remedies{wayDigits: withDigits},
	})
	p.again = g.begin
	p.once(wayDigits, digits)
	f.put(p.root)
	g.begin()
}

// aside is a quiet way to somewhere else.
func aside(text string, tap func()) fyne.CanvasObject {
	return widgets.Aside(widgets.NewButton(text, "", widgets.Quiet, tap))
}

// unlock asks for the key.
func (f *restoreFlow) unlock(found core.Found) {
	var p *page
	var open *widgets.Button
	keys := newKeyField(f.u, func() { p.relayout() })
	open = widgets.NewButton(lang.L("Unlock"), "key", widgets.Main, func() {
		key, err := keys.key()
		if err != nil {
			p.fail(err)
			return
		}
		f.openElsewhere(key, open, p, func(err error) {
			if errors.Is(err, core.ErrWrongKey) {
				p.fail(nil)
				keys.repair(found, func() { p.fail(err) })
				return
			}
			p.fail(err)
		})
	})
	keys.accepted = func() { open.Tapped(nil) }
	f.forget = keys.clear
	content := []fyne.CanvasObject{keys.root}
	if found.VaultCard != nil && f.u.core.Passwords.Possible() {
		content = append(content, aside(lang.L("Use the password instead"), func() { keys.clear(); f.unlockWithPassword(found) }))
	}
	p = f.newPage(pageParams{
		name: f.name(), step: 2, of: 5, back: func() { keys.clear(); f.elsewhere() },
		title: lang.L("Unlock the backup"), lead: core.DisplayName(f.place),
		content: content, foot: []fyne.CanvasObject{open},
	})
	f.put(p.root)
	f.u.window.Canvas().Focus(keys.entry)
}

func (f *restoreFlow) openElsewhere(key *backupkey.Key, button *widgets.Button, p *page, failed func(error)) {
	place := f.place
	p.wait(button, lang.L("Opening the backup…"), func(ctx context.Context) func() {
		r, err := f.u.core.Elsewhere().OpenReader(ctx, place, key)
		if err != nil {
			key.Clear()
		}
		return func() {
			if err != nil {
				failed(err)
				return
			}
			f.opened(r, false, p.say, p.fail)
		}
	})
}

package ui

import (
	"context"
	"errors"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// existing offers to join the backup that is there.
func (f *setupFlow) existing(found core.Found) {
	switch {
	case found.Protection != core.ProtectionKey:
		f.joinUnencrypted()
	case found.VaultCard != nil && f.u.core.Passwords.Possible():
		f.joinWithPassword(found)
	default:
		f.joinWithKey(found)
	}
}

// joinWithPassword takes the key from the vault, after the person has seen which one.
func (f *setupFlow) joinWithPassword(found core.Found) {
	vaultQuestion{
		u: f.u, card: found.VaultCard, name: f.name(), step: 3, of: 4, back: f.where, put: func(page fyne.CanvasObject) { f.u.w.Flow(page) },
		digits: func() { f.joinWithKey(found) }, agreed: func(v vaultToAsk) { f.joinAfterAsking(found, v) },
	}.ask()
}

func (f *setupFlow) joinAfterAsking(found core.Found, asked vaultToAsk) {
	var g *passwordGate
	var p *shell.Page
	first := firstSchedule(f.u.w.Now())
	done := func() { f.keep.forget(); f.ready(true) }
	req := core.SetupRequest{Destination: f.destination, Sources: f.sources.paths, Excludes: f.sources.excludes(), Existing: true}
	g = newPasswordGate(gateParams{
		u: f.u, button: lang.L("Join this backup"), failed: func(err error) { p.Fail(err) },
		ask: func(ctx context.Context) (core.VaultState, error) {
			return f.u.core.Passwords.Ask(ctx, found.VaultCard, asked.typed, asked.trust)
		},
		try: func(ctx context.Context, password []byte) error {
			req.Password = &core.PasswordRequest{Password: password, Vault: asked.typed, Trust: asked.trust}
			if err := f.u.core.Setup(ctx, req); err != nil {
				return err
			}
			return f.u.core.SetSchedule(first)
		},
		opened: done, dropped: done, // it is set up, wherever the person went meanwhile
	})
	withDigits := func() { g.close(); f.joinWithKey(found) }
	digits := shell.Aside(lang.L("Use the 64-digit key instead"), withDigits)
	p = f.joinPage(g.close, []fyne.CanvasObject{g.root, digits}, g.button)
	p.Once(shell.WayDigits, digits)
	p.Again, p.Remedies = g.begin, p.Remedies.With(shell.WayDigits, withDigits).With(shell.WayKeyFile, f.u.keyFile(p, g.button, g.begin))
	f.u.w.Flow(p.Root)
	g.begin()
}

// joinPage is the page of joining, whatever it asks for.
func (f *setupFlow) joinPage(leave func(), content []fyne.CanvasObject, join *widgets.Button) *shell.Page {
	back := func() { leave(); f.where() }
	notice := widgets.Notice(widgets.TonePrimary, "backup",
		lang.L("If you join it, this computer goes on with that backup, and files that are there already need not be stored again."))
	return f.u.w.NewPage(shell.PageParams{
		Remedies: shell.Remedies{shell.WayPlace: f.where},
		Name:     f.name(), Step: 3, Of: 4, Back: back,
		Title: lang.L("This place already holds a backup"), Lead: lang.L("Join it, or go back and choose another folder. It stays as it is."),
		Content: append([]fyne.CanvasObject{notice}, content...),
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Choose another folder"), "", widgets.Second, back), join},
	})
}

// joinWithKey asks for the 64 digits.
func (f *setupFlow) joinWithKey(found core.Found) {
	var p *shell.Page
	var join *widgets.Button
	keys := newKeyField(f.u, func() { p.Relayout() })
	join = widgets.NewButton(lang.L("Join this backup"), "", widgets.Main, func() {
		key, err := keys.key()
		if err != nil {
			p.Fail(err)
			return
		}
		f.setup(core.SetupRequest{Key: key, Existing: true}, p, join, func(err error) {
			key.Clear()
			if errors.Is(err, core.ErrWrongKey) {
				keys.repair(found, func() { p.Fail(err) })
				return
			}
			p.Fail(err)
		})
	})
	keys.accepted = func() { join.Tapped(nil) }
	f.forget = keys.clear
	content := []fyne.CanvasObject{keys.root}
	if found.VaultCard != nil && f.u.core.Passwords.Possible() {
		content = append(content, shell.Aside(lang.L("Use the password instead"), func() { keys.clear(); f.joinWithPassword(found) }))
	}
	p = f.joinPage(keys.clear, content, join)
	f.u.w.Flow(p.Root)
}

// joinUnencrypted asks whether this computer is to go on with a backup without encryption.
func (f *setupFlow) joinUnencrypted() {
	p := f.u.unencryptedPage(shell.PageParams{Name: f.name(), Step: 3, Of: 4, Back: f.where, Remedies: shell.Remedies{shell.WayPlace: f.where}}, lang.L("Join it without encryption"),
		func(p *shell.Page, join *widgets.Button) {
			f.setup(core.SetupRequest{Existing: true}, p, join, p.Fail)
		})
	f.u.w.Flow(p.Root)
}

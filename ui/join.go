package ui

import (
	"context"
	"errors"

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
		u: f.u, card: found.VaultCard, name: f.name(), step: 3, of: 4, back: f.where, put: func(page fyne.CanvasObject) { f.u.flow(page) },
		digits: func() { f.joinWithKey(found) }, agreed: func(v vaultToAsk) { f.joinAfterAsking(found, v) },
	}.ask()
}

func (f *setupFlow) joinAfterAsking(found core.Found, asked vaultToAsk) {
	var g *passwordGate
	var p *page
	first := firstSchedule(f.u.now())
	done := func() { f.keep.forget(); f.ready(true) }
	req := core.SetupRequest{Destination: f.destination, Sources: f.sources.paths, Excludes: f.sources.excludes(), Existing: true}
	g = newPasswordGate(gateParams{
		u: f.u, button: lang.L("Join this backup"), failed: func(err error) { p.fail(err) },
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
	digits := aside(lang.L("Use the 64-digit key instead"), withDigits)
	p = f.joinPage(g.close, []fyne.CanvasObject{g.root, digits}, g.button)
	p.once(wayDigits, digits)
	p.again, p.remedies = g.begin, p.remedies.with(wayDigits, withDigits).with(wayKeyFile, p.keyFile(g.button, g.begin))
	f.u.flow(p.root)
	g.begin()
}

// joinPage is the page of joining, whatever it asks for.
func (f *setupFlow) joinPage(leave func(), content []fyne.CanvasObject, join *widgets.Button) *page {
	back := func() { leave(); f.where() }
	notice := widgets.Notice(widgets.TonePrimary, "backup",
		lang.L("If you join it, this computer goes on with that backup, and files that are there already need not be stored again."))
	return f.u.newPage(pageParams{
		remedies: remedies{wayPlace: f.where},
		name:     f.name(), step: 3, of: 4, back: back,
		title: lang.L("This place already holds a backup"), lead: lang.L("Join it, or go back and choose another folder. It stays as it is."),
		content: append([]fyne.CanvasObject{notice}, content...),
		foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Choose another folder"), "", widgets.Second, back), join},
	})
}

// joinWithKey asks for the 64 digits.
func (f *setupFlow) joinWithKey(found core.Found) {
	var p *page
	var join *widgets.Button
	keys := newKeyField(f.u, func() { p.relayout() })
	join = widgets.NewButton(lang.L("Join this backup"), "", widgets.Main, func() {
		key, err := keys.key()
		if err != nil {
			p.fail(err)
			return
		}
		f.setup(core.SetupRequest{Key: key, Existing: true}, p, join, func(err error) {
			key.Clear()
			if errors.Is(err, core.ErrWrongKey) {
				keys.repair(found, func() { p.fail(err) })
				return
			}
			p.fail(err)
		})
	})
	keys.accepted = func() { join.Tapped(nil) }
	f.forget = keys.clear
	content := []fyne.CanvasObject{keys.root}
	if found.VaultCard != nil && f.u.core.Passwords.Possible() {
		content = append(content, aside(lang.L("Use the password instead"), func() { keys.clear(); f.joinWithPassword(found) }))
	}
	p = f.joinPage(keys.clear, content, join)
	f.u.flow(p.root)
}

package setup

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// existing offers to join the backup that is there.
func (f *flow) existing(found core.Found) {
	switch {
	case found.Protection != core.ProtectionKey:
		f.joinUnencrypted()
	case found.VaultCard != nil && f.core.Passwords.Possible():
		f.joinWithPassword(found)
	default:
		f.joinWithKey(found)
	}
}

// joinWithPassword takes the key from the vault, after the person has seen which one.
func (f *flow) joinWithPassword(found core.Found) {
	secret.VaultQuestion{
		Feature: f.secret, Card: found.VaultCard, Name: f.name(), Step: 3, Of: 4, Back: f.where,
		Put:    func(page fyne.CanvasObject) { f.w.Flow(page) },
		Digits: func() { f.joinWithKey(found) }, Agreed: func(v secret.VaultToAsk) { f.joinAfterAsking(found, v) },
	}.Ask()
}

func (f *flow) joinAfterAsking(found core.Found, asked secret.VaultToAsk) {
	var g *secret.Gate
	var p *shell.Page
	first := schedule.First(f.w.Now())
	done := func() { f.keep.Forget(); f.ready(true) }
	req := core.SetupRequest{Destination: f.destination, Sources: f.editor.Paths, Excludes: f.editor.Excludes(), Existing: true}
	g = secret.NewGate(secret.GateParams{
		Feature: f.secret, Button: lang.L("Join this backup"), Failed: func(err error) { p.Fail(err) },
		Ask: func(ctx context.Context) (core.VaultState, error) {
			return f.core.Passwords.Ask(ctx, found.VaultCard, asked.Typed, asked.Trust)
		},
		Try: func(ctx context.Context, password []byte) error {
			req.Password = &core.PasswordRequest{Password: password, Vault: asked.Typed, Trust: asked.Trust}
			if err := f.core.Setup(ctx, req); err != nil {
				return err
			}
			return f.core.SetSchedule(first)
		},
		Opened: done, Dropped: done, // it is set up, wherever the person went meanwhile
	})
	withDigits := func() { g.Close(); f.joinWithKey(found) }
	digits := shell.Aside(lang.L("Use the 64-digit key instead"), withDigits)
	p = f.joinPage(g.Close, []fyne.CanvasObject{g.Root, digits}, g.Button)
	p.Once(shell.WayDigits, digits)
	p.Again, p.Remedies = g.Begin, p.Remedies.With(shell.WayDigits, withDigits).With(shell.WayKeyFile, f.secret.KeyFile(p, g.Button, g.Begin))
	f.w.Flow(p.Root)
	g.Begin()
}

// joinPage is the page of joining, whatever it asks for.
func (f *flow) joinPage(leave func(), content []fyne.CanvasObject, join *widgets.Button) *shell.Page {
	back := func() { leave(); f.where() }
	notice := widgets.Notice(widgets.TonePrimary, "backup",
		lang.L("If you join it, this computer goes on with that backup, and files that are there already need not be stored again."))
	return f.w.NewPage(shell.PageParams{
		Remedies: shell.Remedies{shell.WayPlace: f.where},
		Name:     f.name(), Step: 3, Of: 4, Back: back,
		Title: lang.L("This place already holds a backup"), Lead: lang.L("Join it, or go back and choose another folder. It stays as it is."),
		Content: append([]fyne.CanvasObject{notice}, content...),
		Foot:    []fyne.CanvasObject{widgets.NewButton(lang.L("Choose another folder"), "", widgets.Second, back), join},
	})
}

// joinWithKey asks for the 64 digits.
func (f *flow) joinWithKey(found core.Found) {
	var p *shell.Page
	var join *widgets.Button
	keys := secret.NewKeyField(f.secret, func() { p.Relayout() })
	join = widgets.NewButton(lang.L("Join this backup"), "", widgets.Main, func() {
		key, err := keys.Key()
		if err != nil {
			p.Fail(err)
			return
		}
		f.setup(core.SetupRequest{Key: key, Existing: true}, p, join, func(err error) {
			key.Clear()
			if errors.Is(err, core.ErrWrongKey) {
				keys.Repair(found, func() { p.Fail(err) })
				return
			}
			p.Fail(err)
		})
	})
	keys.Accepted, keys.Failed = func() { join.Tapped(nil) }, func(err error) { p.Fail(err) }
	f.forget = keys.Clear
	content := []fyne.CanvasObject{keys.Root}
	if found.VaultCard != nil && f.core.Passwords.Possible() {
		content = append(content, shell.Aside(lang.L("Use the password instead"), func() { keys.Clear(); f.joinWithPassword(found) }))
	}
	p = f.joinPage(keys.Clear, content, join)
	f.w.Flow(p.Root)
}

// joinUnencrypted asks whether this computer is to go on with a backup without encryption.
func (f *flow) joinUnencrypted() {
	p := f.secret.UnencryptedPage(shell.PageParams{Name: f.name(), Step: 3, Of: 4, Back: f.where,
		Remedies: shell.Remedies{shell.WayPlace: f.where}}, lang.L("Join it without encryption"),
		func(p *shell.Page, join *widgets.Button) {
			f.setup(core.SetupRequest{Existing: true}, p, join, p.Fail)
		})
	f.w.Flow(p.Root)
}

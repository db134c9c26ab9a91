package ui

import (
	"context"
	"slices"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// vaultToAsk is a vault that a person agreed to, or named. The zero value is
// the vault of this computer's own backup.
type vaultToAsk struct {
	typed core.TypedVault
	trust core.VaultTrust
	name  string // of a card that the person chose
}

// vaultQuestion asks, before anything is contacted, whether the vault that only the
// place of a backup names is the person's. Whoever can write there can name another one.
type vaultQuestion struct {
	u        *UI
	card     []byte // at the place
	name     string // of the wizard
	step, of int
	back     func()
	put      func(fyne.CanvasObject) // shows the page
	digits   func()                  // leads to the 64 digits
	agreed   func(vaultToAsk)
}

// ask shows the page, or goes on at once where this computer knows the vault.
func (q vaultQuestion) ask() {
	show, known, err := q.u.core.Passwords.Question(q.card)
	switch {
	case err != nil:
	case known:
		q.agreed(vaultToAsk{})
		return
	case slices.Contains(q.u.trusted, show):
		q.agreed(vaultToAsk{trust: show})
		return
	}
	var p *shell.Page
	content := []fyne.CanvasObject{}
	var foot []fyne.CanvasObject
	if err == nil {
		content = append(content, trustRows(show),
			widgets.Notice(widgets.ToneAttention, "warning", lang.L("A vault that is not yours can try out the password that you type. Compare its host and its key with what you know of your vault. If you are not sure, use the 64-digit key.")))
		foot = append(foot, widgets.NewButton(lang.L("Ask this vault"), "", widgets.Main, func() {
			q.u.trusted = append(q.u.trusted, show) // as long as the window runs
			q.agreed(vaultToAsk{trust: show})
		}))
	}
	choose := widgets.NewButton(lang.L("Ask another vault…"), "", widgets.Quiet, func() {
		q.u.chooseVaultCard(func(v vaultToAsk, err error) {
			p.Fail(err)
			if err == nil {
				q.agreed(v)
			}
		})
	})
	content = append(content, widgets.Column(theme.Space1, shell.Aside(lang.L("Use the 64-digit key instead"), q.digits), widgets.Aside(choose)))
	p = q.u.w.NewPage(shell.PageParams{
		Name: q.name, Step: q.step, Of: q.of, Back: q.back,
		Title: lang.L("Is this your vault?"), Lead: lang.L("The place of this backup says that this vault checks its password. Nothing has been asked there yet."),
		Content: content, Foot: foot,
	})
	q.put(p.Root)
	if err != nil {
		p.Fail(shell.Reasoned{What: lang.L("What this place says of its vault is not fit to be used."), Do: lang.L("Ask your vault by its own card, or use the 64-digit key."), Cause: err})
	}
}

// trustRows show what tells one vault from another.
func trustRows(v core.VaultTrust) fyne.CanvasObject {
	at := v.Host
	switch {
	case v.Address == "pkcs11:token=Holdfast":
		at = lang.L("Keep the password on this computer only")
	case at == "":
		at = lang.L("A token at this computer: {{.Token}}", words.Values{"Token": core.DisplayName(v.Address)})
	}
	rows := []fyne.CanvasObject{
		widgets.NewSettingRow("lock", lang.L("It calls itself"), nil, nil).SetValue(core.DisplayName(v.Name)),
		widgets.NewSettingRow("place", lang.L("It is at"), nil, nil).SetValue(at),
		widgets.NewSettingRow("key", lang.L("Its key"), nil, nil).SetValue(v.Fingerprint),
	}
	if v.Certificate != "" {
		rows = append(rows, widgets.NewSettingRow("shield", lang.L("Its certificate"), nil, nil).SetValue(v.Certificate))
	}
	return widgets.Rows(rows...)
}

// chooseVaultCard lets the person choose a card's file. then runs on the toolkit's goroutine.
func (u *UI) chooseVaultCard(then func(vaultToAsk, error)) {
	u.w.Choose.File(func(path string) {
		u.w.Work.Run(func(context.Context) func() {
			given, name, err := readCard(path)
			return func() { then(vaultToAsk{typed: given, name: name}, err) }
		})
	})
}

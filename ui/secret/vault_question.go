package secret

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// VaultToAsk is a vault that a person agreed to, or named. The zero value is
// the vault of this computer's own backup.
type VaultToAsk struct {
	Typed core.TypedVault
	Trust core.VaultTrust
	Name  string // of a card that the person chose
}

// VaultQuestion asks, before anything is contacted, whether the vault that only the
// place of a backup names is the person's. Whoever can write there can name another one.
type VaultQuestion struct {
	*Feature
	Card     []byte // at the place
	Name     string // of the wizard
	Step, Of int
	Back     func()
	Put      func(fyne.CanvasObject) // shows the page
	Digits   func()                  // leads to the 64 digits
	Agreed   func(VaultToAsk)
}

// Ask shows the page, or goes on at once where this computer knows the vault.
func (q VaultQuestion) Ask() {
	show, known, err := q.core.Passwords.Question(q.Card)
	switch {
	case err != nil:
	case known:
		q.Agreed(VaultToAsk{})
		return
	case slices.Contains(q.trusted, show):
		q.Agreed(VaultToAsk{Trust: show})
		return
	}
	var p *shell.Page
	content := []fyne.CanvasObject{}
	var foot []fyne.CanvasObject
	if err == nil {
		for _, m := range show.Members() {
			content = append(content, trustRows(m))
		}
		content = append(content, widgets.Notice(widgets.ToneAttention, "warning",
			lang.L("A vault that is not yours can try out the password that you type. Compare its host and its key with what you know of your vault. If you are not sure, use the 64-digit key.")))
		ask := lang.L("Ask this vault")
		if len(show.Members()) > 1 {
			ask = lang.L("Ask these vaults")
		}
		foot = append(foot, widgets.NewButton(ask, "", widgets.Main, func() {
			q.trusted = append(q.trusted, show) // as long as the window runs
			q.Agreed(VaultToAsk{Trust: show})
		}))
	}
	choose := widgets.NewButton(lang.L("Ask another vault…"), "", widgets.Quiet, func() {
		q.ChooseVaultCard(func(v VaultToAsk, err error) {
			p.Fail(err)
			if err == nil {
				q.Agreed(v)
			}
		})
	})
	title, lead := lang.L("Is this your vault?"), lang.L("The place of this backup says that this vault checks its password. Nothing has been asked there yet.")
	asides := []fyne.CanvasObject{shell.Aside(lang.L("Use the 64-digit key instead"), q.Digits)}
	if len(show.Members()) > 1 {
		title, lead = lang.L("Are these your vaults?"), lang.L("The place of this backup says that these vaults share its password. Nothing has been asked there yet.")
	} else {
		asides = append(asides, widgets.Aside(choose)) // another one cannot take the place of several
	}
	content = append(content, widgets.Column(theme.Space1, asides...))
	p = q.w.NewPage(shell.PageParams{
		Name: q.Name, Step: q.Step, Of: q.Of, Back: q.Back, Title: title, Lead: lead,
		Content: content, Foot: foot,
	})
	q.Put(p.Root)
	if err != nil {
		p.Fail(shell.Reasoned{What: lang.L("What this place says of its vault is not fit to be used."),
			Do: lang.L("Ask your vault by its own card, or use the 64-digit key."), Cause: err})
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

// ChooseVaultCard lets the person choose a card's file. then runs on the toolkit's goroutine.
func (f *Feature) ChooseVaultCard(then func(VaultToAsk, error)) {
	f.w.Choose.File(func(path string) {
		f.w.Work.Run(func(ctx context.Context) func() {
			given, name, err := readCard(ctx, path)
			return func() { then(VaultToAsk{Typed: given, Name: name}, err) }
		})
	})
}

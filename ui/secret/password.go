package secret

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// askLaterBy is how long "Later" holds.
const askLaterBy = 24 * time.Hour

// PasswordRow is the password's line on the Backup screen; nil where there are no vaults.
func (f *Feature) PasswordRow(st core.Status) fyne.CanvasObject {
	if !f.core.Passwords.Possible() {
		return nil
	}
	free := func(tap func()) func() {
		return func() {
			switch {
			case f.w.Job != nil:
				f.w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
			case st.Change != core.ChangeNone:
				f.GoOn()
			default:
				tap()
			}
		}
	}
	if !st.Password {
		return widgets.NewSettingRow("lock", lang.L("Add a password"), nil,
			free(f.SetPassword)).SetValue(lang.L("Easier to remember than 64 digits. A vault, a service that allows ten tries, checks it."))
	}
	line, tone := f.passwordLine(st)
	row := widgets.NewSettingRow("lock", lang.L("Password"), nil, free(f.ShowPassword)).SetValue(line)
	if tone != widgets.ToneNeutral {
		row.SetIcon("warning", tone)
		row.SetTone(tone)
	}
	return row
}

// gone reports whether the vault said that no password counts any more.
func gone(st core.Status) bool {
	return st.Vault != nil && (st.Vault.Destroyed || st.Vault.Absent)
}

// passwordLine says how the account in the vault is.
func (f *Feature) passwordLine(st core.Status) (string, widgets.Tone) {
	saved := lang.L("recovery key saved")
	if st.KeyConfirmed.IsZero() {
		saved = lang.L("no recovery key saved")
	}
	v := st.Vault
	switch {
	case v == nil:
		return shell.Capital(saved), widgets.ToneNeutral
	case v.Destroyed:
		return lang.L("Destroyed after ten wrong guesses. Set a new password: this computer has the key."), widgets.ToneBad
	case v.Absent:
		return lang.L("The vault does not know it any more. Set a new password: this computer has the key."), widgets.ToneBad
	case len(v.WrongNow()) > 0:
		tone := widgets.ToneAttention
		if v.GuessesLeft <= 1 {
			tone = widgets.ToneBad
		}
		return f.wrongLine(*v) + " · " + f.guessesAsOf(v), tone
	case len(v.Findings) > 0:
		return f.findingWords(v.Findings[0]), widgets.ToneAttention
	}
	for _, m := range v.Members {
		if trouble, bad := f.memberWords(m); bad {
			return core.DisplayName(m.Name) + ": " + trouble, widgets.ToneAttention
		}
	}
	return f.guessesAsOf(v) + " · " + saved, widgets.ToneNeutral
}

// guessesAsOf says how many guesses were left when the vault was last asked: it is not asked just to be shown.
func (f *Feature) guessesAsOf(v *core.VaultState) string {
	if v.Asked.IsZero() {
		return f.guessWords(v.GuessesLeft)
	}
	return lang.L("{{.Guesses}} (asked {{.Time}})",
		words.Values{"Guesses": f.guessWords(v.GuessesLeft), "Time": f.w.Words.Ago(v.Asked, f.w.Now())})
}

// WrongWords says how many wrong guesses there were.
func (f *Feature) WrongWords(n int) string {
	if n == 1 {
		return lang.L("1 wrong guess")
	}
	return lang.L("{{.Count}} wrong guesses", words.Values{"Count": n})
}

// wrongLine says how many wrong guesses there were, and since when.
func (f *Feature) wrongLine(v core.VaultState) string {
	guesses, since := f.WrongWords(len(v.WrongNow())), v.WrongNow()[0]
	if f.w.Words.Day(since, f.w.Now()) == f.w.Words.Day(f.w.Now(), f.w.Now()) {
		return lang.L("{{.Guesses}} today", words.Values{"Guesses": guesses})
	}
	return lang.L("{{.Guesses}} since {{.Day}}", words.Values{"Guesses": guesses, "Day": f.w.Words.Day(since, f.w.Now())})
}

// PasswordNotice asks now and then whether the password is still known; nil when it is not time.
func (f *Feature) PasswordNotice(st core.Status) fyne.CanvasObject {
	now := f.w.Now()
	due := st.Password && !st.PasswordCheckDue.IsZero() && now.After(st.PasswordCheckDue) && now.After(f.w.Prefs.AskLater())
	if !due || f.w.Job != nil || st.Change != core.ChangeNone || gone(st) {
		return nil
	}
	text := widgets.Column(theme.Space1, widgets.NewStrong(lang.L("Do you still know your password?")),
		widgets.NewMuted(lang.L("A password that is never used is easily forgotten.")))
	later := widgets.NewButton(lang.L("Later"), "", widgets.Quiet, func() {
		f.w.Prefs.SetAskLater(now.Add(askLaterBy))
		f.w.Refresh()
	})
	check := widgets.NewButton(lang.L("Check it"), "", widgets.Second, f.checkPassword)
	return widgets.Card(widgets.Row(theme.Space3, widgets.Wide(text), widgets.NewIcon("lock", theme.Primary, theme.IconMedium), text, later,
		check))
}

// vaultName names the vault in use, as far as it is known.
func (f *Feature) vaultName(st core.Status) string {
	if st.Vault == nil || st.Vault.Name == "" {
		return lang.L("It stays the same.")
	}
	return core.DisplayName(st.Vault.Name)
}

// account is what the page of the password says of the vault.
type account struct {
	*Feature
	vault   *widgets.SettingRow
	meter   *widgets.GuessMeter
	note    *widgets.Text
	members *fyne.Container // the vaults of a shared password
}

// show says how the account in the vault is.
func (a *account) show(st core.Status, v core.VaultState) {
	a.vault.SetTitle(core.DisplayName(v.Name))
	a.vault.SetPath(core.DisplayName(v.Address))
	a.showMembers(v)
	if v.Local {
		a.vault.SetPath(lang.L("A token at this computer"))
	}
	st.Vault = &v
	line, tone := a.passwordLine(st)
	text := a.guessWords(v.GuessesLeft)
	switch {
	case v.Destroyed:
		text = lang.L("No guesses left")
	case v.Absent:
		text = lang.L("No account")
	case len(v.WrongNow()) > 0:
		line = lang.L("{{.Wrong}}. If it was not you, change the password.", words.Values{"Wrong": a.wrongLine(v)})
	default:
		line = ""
	}
	if v.Absent {
		a.meter.Say(text)
	} else {
		left := v.GuessesLeft
		if v.Destroyed {
			left = 0
		}
		a.meter.Set(left, v.GuessLimit, max(tone, guessTone(left)), text)
	}
	a.note.SetText(line)
	if line == "" {
		a.note.Hide()
	} else {
		a.note.Show()
	}
}

// ShowPassword shows the password's vault, and what can be done.
func (f *Feature) ShowPassword() {
	st := f.core.Status()
	a := &account{
		Feature: f, vault: widgets.NewSettingRow("place", lang.L("Vault"), nil, nil), meter: widgets.NewGuessMeter(lang.L("Asking the vault…")),
		note: widgets.NewMuted(""), members: widgets.Column(theme.Space4),
	}
	a.note.Hide()
	if st.Vault != nil {
		a.show(st, *st.Vault)
	}
	p := f.w.NewPage(shell.PageParams{
		Name: lang.L("Password"), Back: f.w.LeaveFlow, Title: lang.L("Your password"),
		Content: []fyne.CanvasObject{
			widgets.Rows(a.vault, widgets.Inset(theme.Space4+4, theme.Space3+2, widgets.Column(theme.Space2, a.meter, a.note))),
			a.members,
			widgets.Rows(f.passwordActs(st)...),
		},
	})
	p.Again = f.ShowPassword
	f.w.Flow(p.Root)
	f.w.Work.Run(func(ctx context.Context) func() {
		v, err := f.core.Passwords.State(ctx)
		return func() {
			if err != nil {
				if st.Vault == nil {
					a.meter.Say(lang.L("The vault does not answer."))
				}
				p.Fail(err)
				return
			}
			a.show(st, v)
			p.Relayout()
		}
	})
}

// passwordActs are what can be done about a password.
func (f *Feature) passwordActs(st core.Status) []fyne.CanvasObject {
	known := lang.L("One guess, given back when it is right.")
	if !st.PasswordConfirmed.IsZero() {
		known = lang.L("You last showed that you know it: {{.Day}}.", words.Values{"Day": f.w.Words.Day(st.PasswordConfirmed, f.w.Now())})
	}
	rows := []fyne.CanvasObject{
		widgets.NewSettingRow("search", lang.L("Check that you still know it"), nil, f.checkPassword).SetValue(known),
		widgets.NewSettingRow("lock", lang.L("Change the password"), nil, f.SetPassword).SetValue(lang.L("Or the vault that checks it.")),
		widgets.NewSettingRow("restore", lang.L("Forgot it? Set a new one"), nil,
			f.SetPassword).SetValue(lang.L("This computer has the key, so the old one is not asked for.")),
		widgets.NewSettingRow("trash", lang.L("Remove the password"), nil,
			func() { f.removePassword(f.w.LeaveFlow) }).SetValue(lang.L("Only the 64-digit key opens the backup then.")),
	}
	if gone(st) {
		rows = rows[1:] // there is nothing to check
	}
	return rows
}

// OpensLine says what opens an encrypted backup.
func OpensLine(st core.Status) string {
	if st.Password && !gone(st) {
		return lang.L("Only your password or your 64-digit key opens it.")
	}
	return lang.L("Only your 64-digit key opens it.")
}

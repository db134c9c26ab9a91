package secret

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// memberWords says how one vault of a shared password is, and whether that is a reason to look after it.
func (f *Feature) memberWords(m core.VaultState) (text string, bad bool) {
	switch {
	case m.Unreachable != "":
		return lang.L("It does not answer. The others are enough as long as they do."), true
	case m.Destroyed:
		return lang.L("Destroyed after ten wrong guesses. Set a new password to have it back."), true
	case m.Absent:
		return lang.L("It does not know the account any more. Set a new password to have it back."), true
	case len(m.WrongNow()) > 0:
		return f.wrongLine(m) + " · " + f.guessWords(m.GuessesLeft), true
	}
	return f.guessWords(m.GuessesLeft), false
}

// findingWords says what a vault of a shared password did that no honest one does.
func (f *Feature) findingWords(x core.VaultFinding) string {
	what := map[core.VaultLie]string{
		core.LieRegistration: lang.L("holds another registration"),
		core.LieEvaluation:   lang.L("answers wrongly"),
		core.LieRecord:       lang.L("gives a wrong record"),
		core.LieProof:        lang.L("does not prove that it is the vault"),
		core.LieKey:          lang.L("gives a wrong key"),
		core.LieNoAccount:    lang.L("has no account any more"),
	}[x.Lie]
	return lang.L("{{.Vault}} {{.What}}. The other vaults were enough.", words.Values{"Vault": core.DisplayName(x.Vault), "What": what})
}

// showMembers shows each vault of a shared password.
func (a *account) showMembers(v core.VaultState) {
	a.members.Objects = nil
	if len(v.Members) == 0 {
		return
	}
	a.vault.SetTitle(lang.L("Any {{.Needed}} of {{.Count}} vaults open it", words.Values{"Needed": v.Threshold, "Count": len(v.Members)}))
	a.vault.SetPath("")
	var rows []fyne.CanvasObject
	for _, m := range v.Members {
		text, bad := a.memberWords(m)
		for _, x := range v.Findings {
			if x.Address == m.Address {
				text, bad = a.findingWords(x), true
			}
		}
		title := core.DisplayName(m.Name)
		if host, ok := strings.CutPrefix(m.Address, "https://"); ok {
			title += " · " + core.DisplayName(host)
		}
		row := widgets.NewSettingRow("lock", title, nil, nil).SetValue(text)
		if bad {
			row.SetIcon("warning", widgets.ToneAttention)
			row.SetTone(widgets.ToneAttention)
		}
		rows = append(rows, row)
	}
	a.members.Objects = []fyne.CanvasObject{widgets.Rows(rows...)}
	a.members.Refresh()
}

// TellReport tells which vaults of a shared password gave something false while it was right.
func (f *Feature) TellReport(r core.VaultReport) {
	var lines []string
	for _, x := range r.Findings {
		lines = append(lines, f.findingWords(x))
	}
	if len(lines) > 0 {
		f.w.Inform(lang.L("A vault gave something wrong"), strings.Join(lines, "\n"))
	}
}

package secret

import (
	"cmp"
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// maxVaults is the most vaults of a shared password (docs/shared-vaults.md).
const maxVaults = 8

// vaultList is the vaults of somebody else that are to check a password: each by its card's file, or by its address, which is
// asked who it is.
type vaultList struct {
	*Feature
	all     []listed
	address *widgets.Field
	find    *widgets.Button
	note    *widgets.Text // what is waited for
	found   *foundVault   // what answers at the address; nil: nothing was asked
	asking  bool
	changed func()
	failed  func(error)
}

type listed struct {
	typed core.TypedVault
	name  string
}

// foundVault is a vault that the person has still to agree to.
type foundVault struct {
	typed core.TypedVault
	show  core.VaultTrust
}

func newVaultList(f *Feature, changed func(), failed func(error)) *vaultList {
	l := &vaultList{Feature: f, address: widgets.NewField(), changed: changed, failed: failed}
	l.address.SetPlaceHolder("vault.example.org")
	l.address.OnSubmitted = func(string) { l.ask() }
	return l
}

// typed are the vaults for core, one zero one where there is none.
func (l *vaultList) typed() []core.TypedVault {
	out := make([]core.TypedVault, 0, len(l.all)+1)
	for _, v := range l.all {
		out = append(out, v.typed)
	}
	if len(out) == 0 {
		out = append(out, core.TypedVault{})
	}
	return out
}

// mayNeedEnrolment reports whether a card is there without the token that its vault may want.
func (l *vaultList) mayNeedEnrolment() bool {
	for _, v := range l.all {
		if v.typed.Enrolment() == nil {
			return true
		}
	}
	return false
}

func (l *vaultList) root() fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for i, v := range l.all {
		remove := widgets.NewButton("", "cross", widgets.Quiet, func() {
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			l.changed()
		})
		remove.Label = lang.L("Take {{.Vault}} out", words.Values{"Vault": v.name})
		name := widgets.NewBody(v.name).Shortened()
		rows = append(rows, widgets.Row(theme.Space3, widgets.Wide(name), widgets.NewIcon("lock", theme.Primary, theme.IconSmall), name, remove))
	}
	if text := l.sharing(); text != "" {
		rows = append(rows, widgets.NewMuted(text))
	}
	switch {
	case len(l.all) == maxVaults:
	case l.found != nil:
		rows = append(rows, l.question())
	default:
		rows = append(rows, l.entry())
	}
	return widgets.Column(theme.Space3, rows...)
}

// sharing says what so many vaults mean.
func (l *vaultList) sharing() string {
	switch n := len(l.all); n {
	case 0:
		return ""
	case 1:
		return lang.L("One vault alone: whoever runs it could try out passwords. Add two more, run by others, and no single one of them can.")
	case 2:
		return lang.L("Both must answer to open the backup. Add a third, and any two of them are enough.")
	default:
		return lang.L("Any {{.Needed}} of these {{.Count}} open the backup together. Fewer cannot try out a single password.",
			words.Values{"Needed": n/2 + 1, "Count": n})
	}
}

// entry asks for one more vault.
func (l *vaultList) entry() fyne.CanvasObject {
	l.find, l.note = widgets.NewButton(lang.L("Look it up"), "search", widgets.Second, l.ask), widgets.NewCaption(" ")
	card := widgets.NewButton(lang.L("Choose its card…"), "file", widgets.Quiet, l.chooseCard)
	field := widgets.Bordered(l.address)
	rows := []fyne.CanvasObject{widgets.NewMuted(lang.L("Add a vault: its address, or the file that you got from whoever runs it.")),
		widgets.Row(theme.Space3, widgets.Wide(field), field, l.find, card), l.note}
	for _, address := range l.known() {
		rows = append(rows, widgets.Aside(widgets.NewButton(address, "plus", widgets.Quiet, func() {
			l.address.SetText(address)
			l.ask()
		})))
	}
	return widgets.Column(theme.Space2, rows...)
}

// known are the addresses that this build offers and that are not chosen yet.
func (l *vaultList) known() []string {
	return slices.DeleteFunc(slices.Clone(l.knownVaults), func(address string) bool {
		return slices.ContainsFunc(l.all, func(v listed) bool {
			c, _ := v.typed.Card()
			return c.URL.Host() == address
		})
	})
}

// ask asks what answers at the address.
func (l *vaultList) ask() {
	address := l.address.Text
	if address == "" || l.asking {
		return
	}
	l.asking = true
	l.failed(nil)
	say := func(text string) { l.note.SetText(cmp.Or(text, " ")) }
	l.w.WaitFor(l.find, say, lang.L("Asking the vault…"), func(ctx context.Context) func() {
		typed, show, err := l.core.Passwords.Find(ctx, address)
		return func() {
			l.asking = false
			if err == nil {
				l.found = &foundVault{typed, show}
			}
			l.changed()
			l.failed(err)
		}
	})
}

// question shows what answers, and asks whether it is the one.
func (l *vaultList) question() fyne.CanvasObject {
	found := *l.found
	yes := widgets.NewButton(lang.L("Add this vault"), "plus", widgets.Second, func() {
		l.found = nil
		l.address.SetText("")
		l.add(listed{found.typed, core.DisplayName(found.show.Name) + " · " + core.DisplayName(found.show.Host)})
	})
	no := widgets.NewButton(lang.L("Cancel"), "", widgets.Quiet, func() {
		l.found = nil
		l.changed()
	})
	return widgets.Column(theme.Space3, trustRows(found.show),
		widgets.NewMuted(lang.L("Compare its key with what whoever runs the vault has told you, on paper or by phone.")),
		widgets.Row(theme.Space3, nil, yes, no))
}

// add takes one more vault; one that is there already stays once.
func (l *vaultList) add(v listed) {
	given, _ := v.typed.Card()
	for i, other := range l.all {
		if c, _ := other.typed.Card(); c.Fingerprint() == given.Fingerprint() {
			l.all[i] = v
			l.changed()
			return
		}
	}
	l.all = append(l.all, v)
	l.changed()
}

func (l *vaultList) chooseCard() {
	l.ChooseVaultCard(func(given VaultToAsk, err error) {
		l.failed(err)
		if err == nil {
			l.add(listed{given.Typed, given.Name})
		}
	})
}

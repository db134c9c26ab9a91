package ui

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// maxCardFile is more than any vault card has.
const maxCardFile = 16 << 10

// vaultChoice asks which vault is to check the password.
type vaultChoice struct {
	u       *UI
	root    *fyne.Container
	same    string // the vault in use; "" is none
	known   bool   // it is known what there is to choose from
	options []vaultOption
	chosen  int
	changed func()
	failed  func(error)

	card, cardName string // read from a file
	pin            string // file with a token's PIN
}

// vaultOption is one vault to choose.
type vaultOption struct {
	kind        vaultKind
	title, text string
	address     string
}

type vaultKind int

const (
	vaultSame     vaultKind = iota // the one in use
	vaultSoftware                  // this computer's software token
	vaultToken                     // another token
	vaultCard                      // one that a card names
)

// newVaultChoice looks for vaults. same names the one in use.
func newVaultChoice(u *UI, same string, changed func(), failed func(error)) *vaultChoice {
	v := &vaultChoice{u: u, same: same, changed: changed, failed: failed}
	v.root = widgets.Column(theme.Space3, widgets.NewStrong(lang.L("Which vault checks it?")), widgets.NewMuted(lang.L("Looking for vaults…")))
	u.work.run(func(context.Context) func() {
		tokens, software := u.core.Vaults() // asks PKCS#11 modules: not here on the toolkit's goroutine
		return func() { v.found(tokens, software) }
	})
	return v
}

func (v *vaultChoice) found(tokens []core.VaultToken, software string) {
	if v.same != "" {
		v.options = append(v.options, vaultOption{vaultSame, lang.L("The vault you use"), v.same, ""})
	}
	if software != "" {
		v.options = append(v.options, vaultOption{vaultSoftware, lang.L("This computer's software token"),
			lang.L("It guards against who can read the cloud or the disk, not against who has this computer. It is lost with the computer, so you make a recovery key too."), software})
	}
	for _, t := range tokens {
		if software != "" && strings.HasPrefix(t.Address, software) {
			continue // the software token, seen again
		}
		v.options = append(v.options, vaultOption{vaultToken, t.Label, lang.L("A token at this computer. It asks for its PIN, or reads it from a file."), t.Address})
	}
	v.options = append(v.options, vaultOption{vaultCard, lang.L("A vault card…"), lang.L("A file from whoever runs a vault for you. It works from any computer."), ""})
	v.known = true
	v.show()
	v.changed()
}

func (v *vaultChoice) show() {
	var pairs [][2]string
	for _, o := range v.options {
		pairs = append(pairs, [2]string{o.title, o.text})
	}
	choices := widgets.NewChoices(v.chosen, pairs...)
	for i, o := range v.options {
		switch o.kind {
		case vaultCard:
			choices.Below(i, v.fileRow(lang.L("Choose the card…"), v.cardName, v.chooseCard))
		case vaultToken:
			choices.Below(i, v.fileRow(lang.L("File with its PIN…"), filepath.Base(v.pin), v.choosePIN))
		}
	}
	choices.OnChanged = func(i int) {
		if i != v.chosen {
			v.chosen, v.pin = i, ""
			v.changed()
		}
	}
	v.root.Objects[1] = choices
	v.root.Refresh()
}

func (v *vaultChoice) fileRow(button, name string, choose func()) fyne.CanvasObject {
	if name == "." {
		name = ""
	}
	chosen := widgets.NewMuted(name).Shortened()
	return widgets.Row(theme.Space3, widgets.Wide(chosen), widgets.NewButton(button, "file", widgets.Second, choose), chosen)
}

func (v *vaultChoice) choosePIN() {
	v.u.choose.file(func(path string) {
		v.pin = path
		v.show()
		v.changed()
	})
}

func (v *vaultChoice) chooseCard() {
	v.u.choose.file(func(path string) {
		v.u.work.run(func(context.Context) func() {
			card, name, err := readCard(path)
			return func() {
				v.failed(err)
				if err != nil {
					return
				}
				v.card, v.cardName = card, name
				v.show()
				v.changed()
			}
		})
	})
}

// readCard reads a vault card's file, as far as to tell what it names; core
// and the vault look at the rest.
func readCard(path string) (card, name string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxCardFile+1))
	if err != nil {
		return "", "", err
	}
	var c struct{ Name, URL string }
	if len(b) > maxCardFile || json.Unmarshal(b, &c) != nil || c.URL == "" {
		return "", "", reasonedError{what: lang.L("This file is no vault card."), do: lang.L("Choose the file that you got from whoever runs the vault.")}
	}
	return string(b), core.DisplayName(c.Name) + " · " + core.DisplayName(c.URL), nil
}

// is tells whether a kind of vault is chosen.
func (v *vaultChoice) is(k vaultKind) bool { return v.known && v.options[v.chosen].kind == k }

// isLocal tells whether a token at this computer is chosen; of the vault in
// use the profile knows.
func (v *vaultChoice) isLocal() bool {
	if v.is(vaultSame) {
		st := v.u.core.Status().Vault
		return st != nil && st.Local
	}
	return v.is(vaultSoftware) || v.is(vaultToken)
}

// ready tells whether a vault is chosen.
func (v *vaultChoice) ready() bool { return v.known && (!v.is(vaultCard) || v.card != "") }

// address is what core takes for the chosen vault.
func (v *vaultChoice) address() string {
	o := v.options[v.chosen]
	switch {
	case o.kind == vaultCard:
		return v.card
	case o.kind == vaultToken && v.pin != "":
		sep := "?"
		if strings.Contains(o.address, "?") {
			sep = "&"
		}
		return o.address + sep + "pin-source=file:" + (&url.URL{Path: v.pin}).EscapedPath()
	}
	return o.address
}

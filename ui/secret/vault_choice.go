package secret

import (
	"context"
	"net/url"
	"path/filepath"
	"slices"
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
	*Feature
	root    *fyne.Container
	same    string // the vault in use; "" is none
	known   bool   // it is known what there is to choose from
	options []vaultOption
	chosen  int
	changed func()
	failed  func(error)

	others    *vaultList // vaults of somebody else
	pin       string     // file with a token's PIN
	enrolment *widgets.SecretEntry
	// newAccount: the vault in use is to make another account.
	newAccount bool
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
	vaultCard                      // of somebody else: one, or several that share the password
)

// newVaultChoice looks for vaults. same names the one in use.
func newVaultChoice(f *Feature, same string, changed func(), failed func(error)) *vaultChoice {
	v := &vaultChoice{Feature: f, same: same, changed: changed, failed: failed, enrolment: widgets.NewSecretEntry()}
	v.others = newVaultList(f, func() { v.show(); v.changed() }, failed)
	if single, ok := f.core.Passwords.Single(); ok && same != "" { // others may share it
		c, _ := single.Card()
		v.others.all = append(v.others.all, listed{single, core.DisplayName(c.Name) + " · " + core.DisplayName(c.URL.Host())})
	}
	v.root = widgets.Column(theme.Space3, widgets.NewStrong(lang.L("Which vault checks it?")),
		widgets.NewMuted(lang.L("Looking for vaults…")))
	f.w.Work.Run(func(context.Context) func() {
		tokens, software := f.core.Passwords.Vaults() // asks PKCS#11 modules: not here on the toolkit's goroutine
		return func() { v.found(tokens, software) }
	})
	return v
}

func (v *vaultChoice) found(tokens []core.VaultToken, software string) {
	if v.same != "" {
		v.options = append(v.options, vaultOption{vaultSame, lang.L("The vault you use"), v.same, ""})
	}
	v.options = append(v.options, vaultOption{vaultCard, lang.L("Vaults of somebody else"),
		lang.L("The password works from any computer. Over two or three vaults, no single one of those who run them can try it out."), ""})
	for _, t := range tokens {
		if software != "" && strings.HasPrefix(t.Address, software) {
			continue // the software token, seen again
		}
		v.options = append(v.options, vaultOption{vaultToken, t.Label,
			lang.L("A token at this computer. It asks for its PIN, or reads it from a file."), t.Address})
	}
	if software != "" {
		v.options = append(v.options, vaultOption{vaultSoftware, lang.L("Keep the password on this computer only"),
			lang.L("Protects against anyone who gets your cloud or disk, but not against someone using this computer. The password works on this computer alone, so you make a recovery key too."), software})
	}
	for _, kind := range []vaultKind{vaultSame, vaultToken, vaultSoftware} {
		if i := slices.IndexFunc(v.options, func(o vaultOption) bool { return o.kind == kind }); i >= 0 {
			v.chosen = i
			break
		}
	}
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
			below := []fyne.CanvasObject{v.others.root()}
			if v.mayNeedEnrolment(o) {
				below = append(below, v.enrolmentRow())
			}
			choices.Below(i, widgets.Column(theme.Space3, below...))
		case vaultSame:
			if v.mayNeedEnrolment(o) {
				choices.Below(i, v.enrolmentRow())
			}
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

// mayNeedEnrolment reports whether a vault somewhere else is to make an account, and
// nothing says yet with which token.
func (v *vaultChoice) mayNeedEnrolment(o vaultOption) bool {
	switch o.kind {
	case vaultCard:
		return v.others.mayNeedEnrolment()
	case vaultSame:
		st := v.core.Status().Vault
		return v.newAccount && (st == nil || !st.Local)
	}
	return false
}

func (v *vaultChoice) enrolmentRow() fyne.CanvasObject {
	return widgets.Column(theme.Space1, widgets.NewMuted(lang.L("Enrolment token, if the vault wants one for a new account:")), v.enrolment)
}

// request is what core is asked for with this vault; the caller clears it.
func (v *vaultChoice) request(password []byte) core.PasswordRequest {
	req := core.PasswordRequest{Password: password, Vault: v.address()}
	if v.is(vaultCard) {
		req.Others = v.others.typed()[1:]
	}
	if v.mayNeedEnrolment(v.options[v.chosen]) && v.enrolment.Text != "" {
		req.Enrolment = v.enrolment.Peek()
	}
	return req
}

func (v *vaultChoice) choosePIN() {
	v.w.Choose.File(func(path string) {
		if _, err := core.ParseVault(withPINFile("pkcs11:token=any", path)); err != nil {
			v.failed(err)
			return
		}
		v.pin = path
		v.show()
		v.changed()
	})
}

// is reports whether a kind of vault is chosen.
func (v *vaultChoice) is(k vaultKind) bool { return v.known && v.options[v.chosen].kind == k }

// isLocal reports whether a token at this computer is chosen; of the vault in
// use the profile knows.
func (v *vaultChoice) isLocal() bool {
	if v.is(vaultSame) {
		st := v.core.Status().Vault
		return st != nil && st.Local
	}
	return v.is(vaultSoftware) || v.is(vaultToken)
}

// ready reports whether a vault is chosen.
func (v *vaultChoice) ready() bool { return v.known && (!v.is(vaultCard) || len(v.others.all) > 0) }

// address is what core takes for the chosen vault; zero is the vault in use.
func (v *vaultChoice) address() core.TypedVault {
	o := v.options[v.chosen]
	switch o.kind {
	case vaultSame:
		return core.TypedVault{}
	case vaultCard:
		return v.others.typed()[0]
	}
	text := o.address
	if v.pin != "" {
		text = withPINFile(text, v.pin)
	}
	typed, err := core.ParseVault(text)
	if err != nil {
		return core.TypedVault{} // core says that no vault is named
	}
	return typed
}

// withPINFile adds the file with the PIN to a token's URI.
func withPINFile(uri, path string) string {
	sep := "?"
	if strings.Contains(uri, "?") {
		sep = "&"
	}
	return uri + sep + "pin-source=file:" + strings.ReplaceAll(url.QueryEscape(path), "+", "%20")
}

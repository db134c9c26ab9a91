package ui

import (
	"context"
	"errors"
	"maps"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// way is something that can be done about trouble with one press.
type way int

const (
	wayAgain    way = iota // do what did not work once more
	wayPlace               // choose another place for the backup
	wayThinOut             // make room there
	wayTarget              // choose another folder to restore to
	waySources             // choose other folders to back up
	wayDate                // choose another date
	wayDigits              // use the 64 digits in place of the password
	wayPassword            // set another password
	wayVault               // see the vault
	waySetUp
	wayKeyFile // keep the key in a file, where the keyring does not take it
	wayGoOn    // with a change of encryption
)

// ways are what can be done about each kind of trouble, what helps most often first. Nothing stands where only a person can help, or where
// the field that is to be mended is on the same page.
var ways = map[string][]way{
	"not-set-up": {waySetUp}, "already-set-up": {}, "profile-in-use": {}, "busy": {wayAgain},
	"no-keyring": {wayAgain, wayKeyFile}, "keyring-denied": {wayAgain}, "secrets-damaged": {}, "settings-damaged": {},
	"no-backup": {wayAgain, wayPlace}, "existing-backup": {wayPlace}, "newer-format": {}, "key-changed": {wayPlace}, "wrong-key": {}, "key-needed": {},
	"unprotected": {wayPlace}, "not-encrypted": {}, "encrypted": {}, "downgraded": {wayAgain, wayPlace}, "older-state": {}, "older-key": {wayPlace},
	"too-many-keys": {wayPlace}, "change-pending": {wayGoOn}, "change-made": {wayGoOn}, "given-up": {wayGoOn}, "incomplete": {waySources},
	"destination-gone": {wayAgain, wayPlace}, "no-space": {wayPlace, wayThinOut, wayAgain}, "permission": {wayAgain, wayPlace, wayTarget},
	"target": {wayTarget, wayAgain}, "target-full": {wayTarget, wayAgain},
	"no-snapshot": {wayDate}, "no-entry": {wayDate}, "source-silent": {wayAgain, waySources}, "empty-source": {wayAgain, waySources},
	"no-source": {wayAgain, waySources}, "wrong-password": {wayDigits}, "password-gone": {wayDigits, wayPassword}, "vault-certificate": {wayAgain, wayDigits, wayVault},
	"vault-elsewhere": {wayDigits, wayAgain, wayVault}, "vault-unreachable": {wayAgain, wayDigits, wayVault}, "vault-wait": {wayDigits},
	"vault-refused": {wayDigits, wayVault}, "vault-suspect": {wayDigits, wayVault}, "token-pin": {wayAgain, wayDigits}, "vault-not-trusted": {wayDigits},
	"vault-enrolment": {}, "weak-password": {}, "no-password": {wayDigits}, "has-vault": {wayPassword}, "damaged": {wayPlace, wayDate}, "place-inside": {wayPlace}, "invalid": {},
	"cancelled": {wayAgain}, "no-answer": {wayAgain}, words.CodeMalformedKey: {}, "": {wayAgain},
}

func wayName(w way) string {
	switch w {
	case wayPlace:
		return lang.L("Choose another place")
	case wayThinOut:
		return lang.L("Thin out older dates")
	case wayTarget:
		return lang.L("Choose another folder")
	case waySources:
		return lang.L("Choose what to back up")
	case wayDate:
		return lang.L("Choose another date")
	case wayDigits:
		return lang.L("Use the 64-digit key instead")
	case wayPassword:
		return lang.L("Set a new password")
	case wayVault:
		return lang.L("Look at the vault")
	case waySetUp:
		return lang.L("Set up a backup")
	case wayKeyFile:
		return lang.L("Keep it in a file that only I can read")
	case wayGoOn:
		return lang.L("Go on")
	}
	return lang.L("Try again")
}

// remedies do what can be done about trouble where it is shown.
type remedies map[way]func()

// with is these remedies and one more; nil is none.
func (h remedies) with(w way, do func()) remedies {
	if do == nil {
		return h
	}
	out := maps.Clone(h)
	if out == nil {
		out = remedies{}
	}
	out[w] = do
	return out
}

// everywhere are what can be done wherever trouble is shown, once a backup is set up and nothing else is under way.
func (u *UI) everywhere() remedies {
	if u.core.App == nil || u.job != nil {
		return nil
	}
	st := u.core.Status()
	switch {
	case !st.SetUp:
		return remedies{waySetUp: func() { newSetupFlow(u).what() }}
	case st.Change != core.ChangeNone:
		return remedies{wayGoOn: u.goOn}
	}
	h := remedies{wayPlace: u.editPlace, wayThinOut: u.editRetention, waySources: u.editSources}
	if st.Password && u.core.Passwords.Possible() {
		h[wayVault], h[wayPassword] = u.passwordScreen, u.setPassword
	}
	return h
}

// once hides what offers a way, for as long as trouble on the page offers the same.
func (p *page) once(w way, o fyne.CanvasObject) {
	p.failed = func(err error) {
		if err != nil && !errors.As(err, new(reasonedError)) && slices.Contains(ways[words.For(err).Code], w) {
			o.Hide()
		} else {
			o.Show()
		}
	}
}

// keyFile is the way to a file for the key, from a page whose keyring did not take it. The button is busy meanwhile.
func (p *page) keyFile(b *widgets.Button, goOn func()) func() {
	return func() {
		if b.Disabled() {
			return
		}
		p.fail(nil)
		p.u.waitFor(b, p.say, lang.L("Saving…"), func(context.Context) func() {
			err := p.u.core.UseKeyFile()
			return func() {
				if err != nil {
					p.fail(err)
					return
				}
				goOn()
			}
		})
	}
}

// errorPanel words an error, with a button for each thing that can be done about it here.
func (u *UI) errorPanel(err error, here remedies) *widgets.ErrorPanel {
	s := u.wordsNow().For(err)
	t := widgets.Trouble{What: s.What, Safe: s.Safe, Do: s.Do, Details: s.Details}
	var own reasonedError
	if errors.As(err, &own) {
		t = own.trouble()
	}
	all := u.everywhere()
	if here != nil {
		if all == nil {
			all = remedies{}
		}
		maps.Copy(all, here)
	}
	var buttons []*widgets.Button
	for _, w := range ways[s.Code] {
		if do := all[w]; do != nil && own.what == "" {
			buttons = append(buttons, widgets.NewButton(wayName(w), "", widgets.Second, do))
		}
	}
	return widgets.NewErrorPanel(t,
		widgets.ErrorLabels{Show: lang.L("Show details"), Hide: lang.L("Hide details"), Copy: lang.L("Copy details")},
		u.app.Clipboard().SetContent, buttons...)
}

// wordsNow are the words for how things are: where nothing is backed up yet, no backup is said to be safe.
func (u *UI) wordsNow() words.Words {
	if u.core.App != nil && u.core.Status().LastGood == nil {
		return u.words.WithoutBackups()
	}
	return u.words
}

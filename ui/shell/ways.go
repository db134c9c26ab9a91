package shell

import (
	"errors"
	"maps"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Way is something that can be done about trouble with one press.
type Way int

const (
	WayAgain    Way = iota // do what did not work once more
	WayPlace               // choose another place for the backup
	WayThinOut             // make room there
	WayTarget              // choose another folder to restore to
	WaySources             // choose other folders to back up
	WayDate                // choose another date
	WayDigits              // use the 64 digits in place of the password
	WayPassword            // set another password
	WayVault               // see the vault
	WaySetUp
	WayKeyFile // keep the key in a file, where the keyring does not take it
	WayGoOn    // with a change of encryption
	WaySignIn  // to the place, in a browser
)

// ways are what can be done about each kind of trouble, what helps most often first. Nothing stands where only a person can help, or where
// the field that is to be mended is on the same page.
var ways = map[string][]Way{
	"not-set-up": {WaySetUp}, "already-set-up": {}, "profile-in-use": {}, "busy": {WayAgain},
	"no-keyring": {WayAgain, WayKeyFile}, "keyring-denied": {WayAgain}, "secrets-damaged": {}, "settings-damaged": {},
	"no-backup": {WayAgain, WayPlace}, "existing-backup": {WayPlace}, "newer-format": {}, "key-changed": {WayPlace}, "wrong-key": {},
	"key-needed":  {},
	"unprotected": {WayPlace}, "not-encrypted": {}, "encrypted": {}, "downgraded": {WayAgain, WayPlace}, "older-state": {},
	"older-key":     {WayPlace},
	"too-many-keys": {WayPlace}, "change-pending": {WayGoOn}, "change-made": {WayGoOn}, "given-up": {WayGoOn}, "incomplete": {WaySources},
	"sign-in": {WaySignIn, WayPlace, WayAgain}, "no-client": {WayPlace}, "stale-lists": {WayAgain, WayPlace},
	"server-unknown": {WayPlace}, "server-changed": {WayAgain, WayPlace},
	"destination-gone": {WayAgain, WayPlace}, "no-space": {WayPlace, WayThinOut, WayAgain}, "permission": {WayAgain, WayPlace, WayTarget},
	"target": {WayTarget, WayAgain}, "target-full": {WayTarget, WayAgain},
	"no-snapshot": {WayDate}, "no-entry": {WayDate}, "source-silent": {WayAgain, WaySources}, "empty-source": {WayAgain, WaySources},
	"no-source": {WayAgain, WaySources}, "wrong-password": {WayDigits}, "password-gone": {WayDigits, WayPassword},
	"vault-certificate": {WayAgain, WayDigits, WayVault},
	"vault-elsewhere":   {WayDigits, WayAgain, WayVault}, "vault-unreachable": {WayAgain, WayDigits, WayVault}, "vault-wait": {WayDigits},
	"vault-refused": {WayDigits, WayVault}, "vault-suspect": {WayDigits, WayVault}, "token-pin": {WayAgain, WayDigits},
	"vault-not-trusted": {WayDigits},
	"vault-enrolment":   {}, "weak-password": {}, "same-password": {},
	"no-password": {WayDigits}, "has-vault": {WayPassword}, "damaged": {WayPlace, WayDate},
	"place-inside": {WayPlace}, "invalid": {},
	"cancelled": {WayAgain}, "no-answer": {WayAgain}, words.CodeMalformedKey: {},
	words.CodeMalformedSheets: {}, words.CodeSheetsApart: {}, "": {WayAgain},
}

func wayName(w Way) string {
	switch w {
	case WayPlace:
		return lang.L("Choose another place")
	case WayThinOut:
		return lang.L("Thin out older dates")
	case WayTarget:
		return lang.L("Choose another folder")
	case WaySources:
		return lang.L("Choose what to back up")
	case WayDate:
		return lang.L("Choose another date")
	case WayDigits:
		return lang.L("Use the 64-digit key instead")
	case WayPassword:
		return lang.L("Set a new password")
	case WayVault:
		return lang.L("Look at the vault")
	case WaySetUp:
		return lang.L("Set up a backup")
	case WayKeyFile:
		return lang.L("Keep it in a file that only I can read")
	case WayGoOn:
		return lang.L("Go on")
	case WaySignIn:
		return lang.L("Sign in again")
	}
	return lang.L("Try again")
}

// Remedies do what can be done about trouble where it is shown.
type Remedies map[Way]func()

// With is these remedies and one more; nil is none.
func (h Remedies) With(w Way, do func()) Remedies {
	if do == nil {
		return h
	}
	out := maps.Clone(h)
	if out == nil {
		out = Remedies{}
	}
	out[w] = do
	return out
}

// Once hides what offers a way, for as long as trouble on the page offers the same.
func (p *Page) Once(w Way, o fyne.CanvasObject) {
	p.Failed = func(err error) {
		if err != nil && !errors.As(err, new(Reasoned)) && slices.Contains(ways[words.For(err).Code], w) {
			o.Hide()
		} else {
			o.Show()
		}
	}
}

// ErrorPanel words an error, with a button for each thing that can be done about it here.
func (w *Window) ErrorPanel(err error, here Remedies) *widgets.ErrorPanel {
	say := w.Words
	if w.core != nil && w.core.Status().LastGood == nil { // where nothing is backed up yet, no backup is said to be safe
		say = say.WithoutBackups()
	}
	s := say.For(err)
	t := widgets.Trouble{What: s.What, Safe: s.Safe, Do: s.Do, Details: s.Details}
	var own Reasoned
	if errors.As(err, &own) {
		t = own.trouble()
	}
	var all Remedies
	if w.features.Everywhere != nil && w.Job == nil {
		all = w.features.Everywhere()
	}
	if here != nil {
		if all == nil {
			all = Remedies{}
		}
		maps.Copy(all, here)
	}
	var buttons []*widgets.Button
	offered := ways[s.Code]
	if own.What != "" {
		offered = own.Ways
	}
	for _, w := range offered {
		if do := all[w]; do != nil {
			buttons = append(buttons, widgets.NewButton(wayName(w), "", widgets.Second, do))
		}
	}
	return widgets.NewErrorPanel(t,
		widgets.ErrorLabels{Show: lang.L("Show details"), Hide: lang.L("Hide details"), Copy: lang.L("Copy details")},
		w.App.Clipboard().SetContent, buttons...)
}

// Reasoned is trouble that a page finds by itself, in words already.
type Reasoned struct {
	What, Do string
	Cause    error // for the details; may be nil
	Ways     []Way // that buttons offer where the page knows them
}

func (e Reasoned) Error() string { return e.What }

func (e Reasoned) trouble() widgets.Trouble {
	t := widgets.Trouble{What: e.What, Safe: lang.L("Nothing was changed."), Do: e.Do}
	if e.Cause != nil {
		t.Details = e.Cause.Error()
	}
	return t
}

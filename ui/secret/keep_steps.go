package secret

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// KeepSteps make a key that is to be kept behind a password, as 64 digits, or
// both: how → (password and vault) → (the key → the check). Setting up and
// turning encryption on share them. Where there are no vaults, only the last two are left.
type KeepSteps struct {
	*Feature
	Name string
	Step int // of the first page
	More int // how many pages follow the last one
	Back func()
	Last string // what the last button says
	// made is called by the last button. The key and the password are the steps'
	// own: forget clears them.
	Made func(p *shell.Page, next *widgets.Button)

	Place    string // where the backup is
	Key      *backupkey.Key
	Asked    bool // the caller asks how, on a page of its own
	ByPass   bool // a password; otherwise the 64 digits alone, which work everywhere and need nobody
	looks    int  // how often the keyring was asked
	noDigits bool // no recovery key beside the password
	form     *passwordForm
	formOf   int // how many pages its page counts
	password []byte
}

// WithPassword reports whether there will be a password.
func (s *KeepSteps) WithPassword() bool { return s.ByPass && s.core.Passwords.Possible() }

// WithDigits reports whether the 64 digits are shown and asked back. A vault
// that is lost with the computer leaves no choice.
func (s *KeepSteps) WithDigits() bool {
	return !s.WithPassword() || !s.noDigits || s.form != nil && s.form.vault.is(vaultSoftware)
}

// pages is how many pages there are.
func (s *KeepSteps) pages() int {
	n := 0
	if s.core.Passwords.Possible() && !s.Asked {
		n++
	}
	if s.WithPassword() {
		n++
	}
	if s.WithDigits() {
		n += 2
	}
	return n
}

// Of is how many pages the wizard has.
func (s *KeepSteps) Of() int { return s.Step - 1 + s.pages() + s.More }

// Request is what core is asked for; nil without a password.
func (s *KeepSteps) Request() *core.PasswordRequest {
	if !s.WithPassword() {
		return nil
	}
	req := s.form.vault.request(s.password)
	return &req
}

// Forget clears what is secret.
func (s *KeepSteps) Forget() {
	clear(s.password)
	s.password = nil
	if s.form != nil {
		s.form.leave()
	}
	s.Key.Clear()
	s.Key = nil
}

// Begin shows the first page; from is the page before it.
func (s *KeepSteps) Begin(from *shell.Page) {
	if s.Key == nil {
		k, err := s.core.Encryption.NewKey()
		if err != nil {
			from.Fail(err)
			return
		}
		s.Key = k
	}
	s.looks++
	look := s.looks
	from.Again = func() { s.Begin(from) }
	from.Wait(nil, lang.L("Asking the keyring…"), func(ctx context.Context) func() { // a keyring may ask to be unlocked
		err := s.core.KeyringAnswers(ctx)
		return func() {
			switch {
			case look != s.looks: // the person went on meanwhile
			case errors.Is(err, core.ErrNoKeyring):
				s.noKeyring()
			case err != nil:
				from.Fail(err)
			default:
				s.first()
			}
		}
	})
}

// noKeyring asks what to do where this computer has no safe place for a key, before anything is typed.
func (s *KeepSteps) noKeyring() {
	var p *shell.Page
	var file *widgets.Button
	file = widgets.NewButton(lang.L("Keep it in a file that only I can read"), "", widgets.Second, func() {
		s.looks++ // what the keyring answers now counts no more
		look := s.looks
		p.Wait(file, lang.L("Saving…"), func(context.Context) func() {
			err := s.core.UseKeyFile()
			return func() {
				switch {
				case look != s.looks || !p.Shown(): // the person went on meanwhile
				case err != nil:
					p.Fail(err)
				default:
					s.first()
				}
			}
		})
	})
	again := widgets.NewButton(lang.L("Look again"), "", widgets.Main, func() { s.Begin(p) })
	p = s.w.NewPage(shell.PageParams{
		Name: s.Name, Step: s.Step - 1, Of: s.Of(), Back: s.Back,
		Title: lang.L("No keyring answers on this computer"),
		Lead:  lang.L("So that backups run without your typing, this computer keeps the backup's key, locked by its keyring. Unlock or install a keyring, then look again."),
		Content: []fyne.CanvasObject{widgets.Notice(widgets.ToneAttention, "lock",
			lang.L("Without one, the key can lie in a file that only you can read. Whoever gets at your files on this computer can then open the backup. Your cloud and your disk still cannot."))},
		Foot: []fyne.CanvasObject{file, again},
	})
	s.w.Flow(p.Root)
}

// first shows the first page.
func (s *KeepSteps) first() {
	switch {
	case s.core.Passwords.Possible() && !s.Asked:
		s.how()
	case s.WithPassword():
		s.choosePassword()
	default:
		s.digits(s.Step, s.Back)
	}
}

// afterHow is the first page after that which asks how.
func (s *KeepSteps) afterHow() (step int, back func()) {
	if s.Asked {
		return s.Step, s.Back
	}
	return s.Step + 1, s.how
}

// PasswordText says what a password is, where it is to be chosen.
func PasswordText() string {
	return lang.L("Easy to remember. A vault, a service that checks your password, allows ten tries and then destroys the key. Without the vault of somebody you trust, it works on this computer only.")
}

// RecoveryCheck asks whether there are to be 64 digits beside the password.
func (s *KeepSteps) RecoveryCheck(changed func()) *widgets.Check {
	var c *widgets.Check
	c = widgets.NewCheck(lang.L("Also make a recovery key"), func(on bool) {
		s.noDigits = !on
		changed()
		s.w.Canvas().Focus(c) // a new page takes it away
	})
	c.SetOn(!s.noDigits)
	return c
}

// how asks how the key is to be kept.
func (s *KeepSteps) how() {
	chosen := 0
	if s.ByPass {
		chosen = 1
	}
	var show func()
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("With a 64-digit key"),
			lang.L("It opens the backup on every computer. You alone keep it, on paper or in a password manager.")},
		[2]string{lang.L("With a password"), PasswordText()})
	choices.Below(1, s.RecoveryCheck(func() { show() }))
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if s.WithPassword() {
			s.choosePassword()
		} else {
			s.digits(s.afterHow())
		}
	})
	warning := func() fyne.CanvasObject {
		text := lang.L("If you lose the key and this computer, nobody can open the backup, not even we.")
		switch {
		case s.WithPassword() && s.noDigits:
			text = lang.L("If you lose the password and this computer, nobody can open the backup, not even we.")
		case s.WithPassword():
			text = lang.L("If you lose both, nobody can open the backup, not even we.")
		}
		return widgets.Notice(widgets.ToneNeutral, "shield", text)
	}
	show = func() {
		p := s.w.NewPage(shell.PageParams{
			Name: s.Name, Step: s.Step, Of: s.Of(), Back: s.Back,
			Title: lang.L("How do you want to keep your key?"), Content: []fyne.CanvasObject{choices, warning()}, Foot: []fyne.CanvasObject{next},
		})
		s.w.Flow(p.Root)
	}
	choices.OnChanged = func(i int) {
		if by := i == 1; by != s.ByPass {
			s.ByPass = by
			show() // the number of steps changed
		}
	}
	show()
}

// choosePassword asks for the password and for the vault that checks it.
func (s *KeepSteps) choosePassword() {
	if s.form == nil {
		s.form = newPasswordForm(s.Feature, "")
		s.form.vaultChanged = func() {
			if s.Of() != s.formOf {
				s.choosePassword() // the number of steps changed
			}
			s.form.update()
		}
	}
	s.formOf = s.Of()
	step, back := s.afterHow()
	text := lang.L("Continue")
	if !s.WithDigits() {
		text = s.Last
	}
	s.form.show(shell.PageParams{
		Name: s.Name, Step: step, Of: s.Of(), Back: back,
		Title: lang.L("Choose a password"),
	}, text, func(p *shell.Page, next *widgets.Button, password []byte) {
		clear(s.password)
		s.password = password
		if s.WithDigits() {
			s.digits(step+1, s.choosePassword)
			return
		}
		s.Made(p, next)
	})
}

// digits makes the 64 digits known to the person.
func (s *KeepSteps) digits(step int, back func()) {
	(&keySteps{
		Feature: s.Feature, name: s.Name, step: step, of: s.Of(), key: s.Key, back: back, last: s.Last, place: s.Place,
		recovery: s.WithPassword(), confirmed: s.Made,
	}).show()
}

// KeyFile is the way to a file for the key, from a page whose keyring did not take it. The button is busy meanwhile.
func (f *Feature) KeyFile(p *shell.Page, b *widgets.Button, goOn func()) func() {
	return func() {
		if b.Disabled() {
			return
		}
		p.Fail(nil)
		f.w.WaitFor(b, p.Say, lang.L("Saving…"), func(context.Context) func() {
			err := f.core.UseKeyFile()
			return func() {
				if err != nil {
					p.Fail(err)
					return
				}
				goOn()
			}
		})
	}
}

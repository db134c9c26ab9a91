package ui

import (
	"context"
	"errors"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// keepSteps make a key that is to be kept behind a password, as 64 digits, or
// both: how → (password and vault) → (the key → the check). Setting up and
// turning encryption on share them. Where there are no vaults, only the last two are left.
type keepSteps struct {
	u    *UI
	name string
	step int // of the first page
	more int // how many pages follow the last one
	back func()
	last string // what the last button says
	// made is called by the last button. The key and the password are the steps'
	// own: forget clears them.
	made func(p *shell.Page, next *widgets.Button)

	place    string // where the backup is
	key      *backupkey.Key
	asked    bool // the caller asks how, on a page of its own
	byPass   bool // a password; otherwise the 64 digits alone, which work everywhere and need nobody
	looks    int  // how often the keyring was asked
	noDigits bool // no recovery key beside the password
	form     *passwordForm
	formOf   int // how many pages its page counts
	password []byte
}

// withPassword reports whether there will be a password.
func (s *keepSteps) withPassword() bool { return s.byPass && s.u.core.Passwords.Possible() }

// withDigits reports whether the 64 digits are shown and asked back. A vault
// that is lost with the computer leaves no choice.
func (s *keepSteps) withDigits() bool {
	return !s.withPassword() || !s.noDigits || s.form != nil && s.form.vault.is(vaultSoftware)
}

// pages is how many pages there are.
func (s *keepSteps) pages() int {
	n := 0
	if s.u.core.Passwords.Possible() && !s.asked {
		n++
	}
	if s.withPassword() {
		n++
	}
	if s.withDigits() {
		n += 2
	}
	return n
}

func (s *keepSteps) of() int { return s.step - 1 + s.pages() + s.more }

// request is what core is asked for; nil without a password.
func (s *keepSteps) request() *core.PasswordRequest {
	if !s.withPassword() {
		return nil
	}
	req := s.form.vault.request(s.password)
	return &req
}

// forget clears what is secret.
func (s *keepSteps) forget() {
	clear(s.password)
	s.password = nil
	if s.form != nil {
		s.form.leave()
	}
	s.key.Clear()
	s.key = nil
}

// begin shows the first page; from is the page before it.
func (s *keepSteps) begin(from *shell.Page) {
	if s.key == nil {
		k, err := s.u.core.Encryption.NewKey()
		if err != nil {
			from.Fail(err)
			return
		}
		s.key = k
	}
	s.looks++
	look := s.looks
	from.Again = func() { s.begin(from) }
	from.Wait(nil, lang.L("Asking the keyring…"), func(ctx context.Context) func() { // a keyring may ask to be unlocked
		err := s.u.core.KeyringAnswers(ctx)
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
func (s *keepSteps) noKeyring() {
	var p *shell.Page
	var file *widgets.Button
	file = widgets.NewButton(lang.L("Keep it in a file that only I can read"), "", widgets.Second, func() {
		s.looks++ // what the keyring answers now counts no more
		look := s.looks
		p.Wait(file, lang.L("Saving…"), func(context.Context) func() {
			err := s.u.core.UseKeyFile()
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
	again := widgets.NewButton(lang.L("Look again"), "", widgets.Main, func() { s.begin(p) })
	p = s.u.w.NewPage(shell.PageParams{
		Name: s.name, Step: s.step - 1, Of: s.of(), Back: s.back,
		Title: lang.L("No keyring answers on this computer"),
		Lead:  lang.L("So that backups run without your typing, this computer keeps the backup's key, locked by its keyring. Unlock or install a keyring, then look again."),
		Content: []fyne.CanvasObject{widgets.Notice(widgets.ToneAttention, "lock",
			lang.L("Without one, the key can lie in a file that only you can read. Whoever gets at your files on this computer can then open the backup. Your cloud and your disk still cannot."))},
		Foot: []fyne.CanvasObject{file, again},
	})
	s.u.w.Flow(p.Root)
}

// first shows the first page.
func (s *keepSteps) first() {
	switch {
	case s.u.core.Passwords.Possible() && !s.asked:
		s.how()
	case s.withPassword():
		s.choosePassword()
	default:
		s.digits(s.step, s.back)
	}
}

// afterHow is the first page after that which asks how.
func (s *keepSteps) afterHow() (step int, back func()) {
	if s.asked {
		return s.step, s.back
	}
	return s.step + 1, s.how
}

// passwordText says what a password is, where it is to be chosen.
func passwordText() string {
	return lang.L("Easy to remember. A vault, a service that checks your password, allows ten tries and then destroys the key. Without the vault of somebody you trust, it works on this computer only.")
}

// recoveryCheck asks whether there are to be 64 digits beside the password.
func (s *keepSteps) recoveryCheck(changed func()) *widgets.Check {
	var c *widgets.Check
	c = widgets.NewCheck(lang.L("Also make a recovery key"), func(on bool) {
		s.noDigits = !on
		changed()
		s.u.w.Canvas().Focus(c) // a new page takes it away
	})
	c.SetOn(!s.noDigits)
	return c
}

// how asks how the key is to be kept.
func (s *keepSteps) how() {
	chosen := 0
	if s.byPass {
		chosen = 1
	}
	var show func()
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("With a 64-digit key"), lang.L("It opens the backup on every computer. You alone keep it, on paper or in a password manager.")},
		[2]string{lang.L("With a password"), passwordText()})
	choices.Below(1, s.recoveryCheck(func() { show() }))
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if s.withPassword() {
			s.choosePassword()
		} else {
			s.digits(s.afterHow())
		}
	})
	warning := func() fyne.CanvasObject {
		text := lang.L("If you lose the key and this computer, nobody can open the backup, not even we.")
		switch {
		case s.withPassword() && s.noDigits:
			text = lang.L("If you lose the password and this computer, nobody can open the backup, not even we.")
		case s.withPassword():
			text = lang.L("If you lose both, nobody can open the backup, not even we.")
		}
		return widgets.Notice(widgets.ToneNeutral, "shield", text)
	}
	show = func() {
		p := s.u.w.NewPage(shell.PageParams{
			Name: s.name, Step: s.step, Of: s.of(), Back: s.back,
			Title: lang.L("How do you want to keep your key?"), Content: []fyne.CanvasObject{choices, warning()}, Foot: []fyne.CanvasObject{next},
		})
		s.u.w.Flow(p.Root)
	}
	choices.OnChanged = func(i int) {
		if by := i == 1; by != s.byPass {
			s.byPass = by
			show() // the number of steps changed
		}
	}
	show()
}

// choosePassword asks for the password and for the vault that checks it.
func (s *keepSteps) choosePassword() {
	if s.form == nil {
		s.form = newPasswordForm(s.u, "")
		s.form.vaultChanged = func() {
			if s.of() != s.formOf {
				s.choosePassword() // the number of steps changed
			}
			s.form.update()
		}
	}
	s.formOf = s.of()
	step, back := s.afterHow()
	text := lang.L("Continue")
	if !s.withDigits() {
		text = s.last
	}
	s.form.show(shell.PageParams{
		Name: s.name, Step: step, Of: s.of(), Back: back,
		Title: lang.L("Choose a password"),
	}, text, func(p *shell.Page, next *widgets.Button, password []byte) {
		clear(s.password)
		s.password = password
		if s.withDigits() {
			s.digits(step+1, s.choosePassword)
			return
		}
		s.made(p, next)
	})
}

// digits makes the 64 digits known to the person.
func (s *keepSteps) digits(step int, back func()) {
	(&keySteps{
		u: s.u, name: s.name, step: step, of: s.of(), key: s.key, back: back, last: s.last, place: s.place,
		recovery: s.withPassword(), confirmed: s.made,
	}).show()
}

// keyFile is the way to a file for the key, from a page whose keyring did not take it. The button is busy meanwhile.
func (u *UI) keyFile(p *shell.Page, b *widgets.Button, goOn func()) func() {
	return func() {
		if b.Disabled() {
			return
		}
		p.Fail(nil)
		u.w.WaitFor(b, p.Say, lang.L("Saving…"), func(context.Context) func() {
			err := u.core.UseKeyFile()
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

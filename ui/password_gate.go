package ui

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// gateParams are what a passwordGate needs.
type gateParams struct {
	u      *UI
	button string      // what the button says
	failed func(error) // shows trouble, or none with nil
	ask    func(context.Context) (core.VaultState, error)
	try    func(ctx context.Context, password []byte) error // uses a guess
	opened func()                                           // the password was right
	// dropped, if set, follows a right password when the page was left meanwhile.
	dropped func()
}

// passwordGate asks for a password that a vault checks: it shows how many
// guesses are left, waits when the vault asks to, and warns before the last one.
type passwordGate struct {
	gateParams
	root   fyne.CanvasObject
	entry  *widgets.SecretEntry
	meter  *widgets.GuessMeter
	button *widgets.Button

	left   int // guesses; negative while unknown
	shut   bool
	closed bool
	busy   bool
	until  time.Time // no guess before
	cancel context.CancelFunc
	stop   context.CancelFunc // of the countdown
}

func newPasswordGate(p gateParams) *passwordGate {
	g := &passwordGate{gateParams: p, entry: widgets.NewSecretEntry(), meter: widgets.NewGuessMeter(lang.L("Asking the vault…")), left: -1}
	g.button = widgets.NewButton(p.button, "", widgets.Main, g.submit)
	g.entry.OnChanged = func(string) { g.update() }
	g.entry.OnSubmitted = func(string) { g.submit() }
	g.root = widgets.Card(widgets.Column(theme.Space3, widgets.NewStrong(lang.L("Password")), g.entry, g.meter))
	g.update()
	return g
}

// begin asks the vault how things stand. The page must be shown.
func (g *passwordGate) begin() {
	g.u.w.Canvas().Focus(g.entry)
	g.cancel = g.u.w.Work.Run(func(ctx context.Context) func() {
		s, err := g.ask(ctx)
		return func() {
			if g.closed || g.busy {
				return
			}
			if err != nil {
				g.meter.Say(lang.L("The vault does not answer."))
				g.failed(err)
				return
			}
			g.show(s)
		}
	})
}

// close ends what the page does by itself.
func (g *passwordGate) close() {
	g.closed = true
	g.entry.SetText("")
	g.stopClock()
	if g.cancel != nil {
		g.cancel()
	}
}

func (g *passwordGate) show(s core.VaultState) {
	switch {
	case s.Absent:
		g.shut = true
		g.meter.Say(lang.L("No account"))
		g.failed(shell.Reasoned{What: lang.L("The vault does not know this backup's account."), Do: lang.L("Open the backup with the 64-digit key.")})
	case s.Destroyed:
		g.gone()
		g.failed(&core.VaultError{Kind: core.ErrPasswordGone, GuessesLeft: -1})
	default:
		g.guesses(s.GuessesLeft, s.GuessLimit)
		if s.WaitUntil.After(g.u.w.Now()) {
			g.wait(s.WaitUntil)
			g.failed(&core.VaultError{Kind: core.ErrVaultWait, GuessesLeft: -1, Until: s.WaitUntil})
		}
	}
	g.update()
}

func (g *passwordGate) guesses(left, limit int) {
	g.left = left
	g.meter.Set(left, limit, guessTone(left), g.u.guessWords(left))
}

// gone is when no password counts any more.
func (g *passwordGate) gone() {
	g.shut, g.left = true, 0
	g.meter.Set(0, core.GuessLimit, widgets.ToneBad, lang.L("No guesses left"))
	g.update()
}

// update enables the button when a guess can be made.
func (g *passwordGate) update() {
	switch {
	case g.busy:
		return
	case g.shut:
		g.entry.Disable()
	}
	if g.shut || g.entry.Text == "" || g.u.w.Now().Before(g.until) {
		g.button.Disable()
	} else {
		g.button.Enable()
	}
}

// submit makes a guess; the last one only after a question.
func (g *passwordGate) submit() {
	if g.button.Disabled() {
		return
	}
	if g.left != 1 {
		g.guess()
		return
	}
	g.u.w.Ask(shell.Question{
		Title: lang.L("This is the last guess"),
		Text:  lang.L("If it is wrong, the vault destroys the key, and only the 64-digit key opens this backup. Are you sure of the password?"),
		Yes:   lang.L("Use the last guess"), No: lang.L("Not now"), Danger: true,
	}, func() {
		if !g.button.Disabled() {
			g.guess()
		}
	})
}

func (g *passwordGate) guess() {
	password := g.entry.Take()
	g.failed(nil)
	g.busy = true
	said := g.meter.Words()
	g.cancel = g.u.w.WaitFor(g.button, func(s string) { g.meter.Tell(cmp.Or(s, said)) }, lang.L("Asking the vault…"), func(ctx context.Context) func() {
		err := g.try(ctx, password)
		clear(password)
		var wait time.Time
		if errors.Is(err, core.ErrWrongPassword) {
			if s, serr := g.ask(ctx); serr == nil {
				wait = s.WaitUntil
			}
		}
		return func() {
			g.busy = false
			switch {
			case g.closed && err == nil && g.dropped != nil:
				g.dropped()
			case g.closed:
			case err != nil:
				g.wrong(err, wait)
			default:
				g.close()
				g.opened()
			}
		}
	})
}

// wrong shows what became of a guess, and waits where the vault will.
func (g *passwordGate) wrong(err error, wait time.Time) {
	var v *core.VaultError
	errors.As(err, &v)
	switch {
	case errors.Is(err, core.ErrPasswordGone):
		g.gone()
	case v != nil && errors.Is(err, core.ErrVaultWait) && !v.Until.IsZero():
		g.wait(v.Until)
	case v != nil && errors.Is(err, core.ErrWrongPassword) && v.GuessesLeft >= 0:
		g.guesses(v.GuessesLeft, core.GuessLimit)
	}
	if wait.After(g.u.w.Now()) {
		g.wait(wait)
	}
	g.failed(err)
	g.update()
	if !g.shut {
		g.u.w.Canvas().Focus(g.entry)
	}
}

// wait lets no guess be made before a time, and counts down to it.
func (g *passwordGate) wait(until time.Time) {
	g.stopClock()
	g.until = until
	tick := func() {
		left := g.until.Sub(g.u.w.Now())
		if left <= 0 {
			g.stopClock()
			g.until = time.Time{}
			g.button.SetText(g.gateParams.button)
			g.failed(nil)
			g.update()
			return
		}
		g.button.SetText(lang.L("Wait {{.Time}}", words.Values{"Time": g.u.w.Words.Duration(left.Truncate(time.Second) + time.Second)}))
	}
	g.stop = g.u.w.Work.Every(time.Second, tick)
	tick()
}

func (g *passwordGate) stopClock() {
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
}

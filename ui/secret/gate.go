package secret

import (
	"cmp"
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// GateParams are what a Gate needs.
type GateParams struct {
	*Feature
	Button string      // what the button says
	Failed func(error) // shows trouble, or none with nil
	Ask    func(context.Context) (core.VaultState, error)
	Try    func(ctx context.Context, password []byte) error // uses a guess
	Opened func()                                           // the password was right
	// dropped, if set, follows a right password when the page was left meanwhile.
	Dropped func()
}

// Gate asks for a password that a vault checks: it shows how many
// guesses are left, waits when the vault asks to, and warns before the last one.
type Gate struct {
	GateParams
	Root   fyne.CanvasObject
	entry  *widgets.SecretEntry
	meter  *widgets.GuessMeter
	Button *widgets.Button

	left   int // guesses; negative while unknown
	shut   bool
	Closed bool
	Busy   bool
	until  time.Time // no guess before
	cancel context.CancelFunc
	stop   context.CancelFunc // of the countdown
}

// NewGate makes a gate; Begin opens it.
func NewGate(p GateParams) *Gate {
	g := &Gate{GateParams: p, entry: widgets.NewSecretEntry(), meter: widgets.NewGuessMeter(lang.L("Asking the vault…")), left: -1}
	g.Button = widgets.NewButton(p.Button, "", widgets.Main, g.submit)
	g.entry.OnChanged = func(string) { g.update() }
	g.entry.OnSubmitted = func(string) { g.submit() }
	g.Root = widgets.Card(widgets.Column(theme.Space3, widgets.NewStrong(lang.L("Password")), g.entry, g.meter))
	g.update()
	return g
}

// Begin asks the vault how things stand. The page must be shown.
func (g *Gate) Begin() {
	g.w.Canvas().Focus(g.entry)
	g.cancel = g.w.Work.Run(func(ctx context.Context) func() {
		s, err := g.Ask(ctx)
		return func() {
			if g.Closed || g.Busy {
				return
			}
			if err != nil {
				g.meter.Say(lang.L("The vault does not answer."))
				g.Failed(err)
				return
			}
			g.show(s)
		}
	})
}

// Close ends what the page does by itself.
func (g *Gate) Close() {
	g.Closed = true
	g.entry.SetText("")
	g.stopClock()
	if g.cancel != nil {
		g.cancel()
	}
}

func (g *Gate) show(s core.VaultState) {
	switch {
	case s.Absent:
		g.shut = true
		g.meter.Say(lang.L("No account"))
		g.Failed(shell.Reasoned{What: lang.L("The vault does not know this backup's account."),
			Do: lang.L("Open the backup with the 64-digit key.")})
	case s.Destroyed:
		g.gone()
		g.Failed(&core.VaultError{Kind: core.ErrPasswordGone, GuessesLeft: -1})
	default:
		g.guesses(s.GuessesLeft, s.GuessLimit)
		if s.WaitUntil.After(g.w.Now()) {
			g.wait(s.WaitUntil)
			g.Failed(&core.VaultError{Kind: core.ErrVaultWait, GuessesLeft: -1, Until: s.WaitUntil})
		}
	}
	g.update()
}

func (g *Gate) guesses(left, limit int) {
	g.left = left
	g.meter.Set(left, limit, guessTone(left), g.guessWords(left))
}

// gone is when no password counts any more.
func (g *Gate) gone() {
	g.shut, g.left = true, 0
	g.meter.Set(0, core.GuessLimit, widgets.ToneBad, lang.L("No guesses left"))
	g.update()
}

// update enables the button when a guess can be made.
func (g *Gate) update() {
	switch {
	case g.Busy:
		return
	case g.shut:
		g.entry.Disable()
	}
	if g.shut || g.entry.Text == "" || g.w.Now().Before(g.until) {
		g.Button.Disable()
	} else {
		g.Button.Enable()
	}
}

// submit makes a guess; the last one only after a question.
func (g *Gate) submit() {
	if g.Button.Disabled() {
		return
	}
	if g.left != 1 {
		g.guess()
		return
	}
	g.w.Ask(shell.Question{
		Title: lang.L("This is the last guess"),
		Text:  lang.L("If it is wrong, the vault destroys the key, and only the 64-digit key opens this backup. Are you sure of the password?"),
		Yes:   lang.L("Use the last guess"), No: lang.L("Not now"), Danger: true,
	}, func() {
		if !g.Button.Disabled() {
			g.guess()
		}
	})
}

func (g *Gate) guess() {
	password := g.entry.Take()
	g.Failed(nil)
	g.Busy = true
	said := g.meter.Words()
	g.cancel = g.w.WaitFor(g.Button, func(s string) { g.meter.Tell(cmp.Or(s, said)) }, lang.L("Asking the vault…"),
		func(ctx context.Context) func() {
			err := g.Try(ctx, password)
			clear(password)
			var wait time.Time
			if errors.Is(err, core.ErrWrongPassword) {
				if s, serr := g.Ask(ctx); serr == nil {
					wait = s.WaitUntil
				}
			}
			return func() {
				g.Busy = false
				switch {
				case g.Closed && err == nil && g.Dropped != nil:
					g.Dropped()
				case g.Closed:
				case err != nil:
					g.wrong(err, wait)
				default:
					g.Close()
					g.Opened()
				}
			}
		})
}

// wrong shows what became of a guess, and waits where the vault will.
func (g *Gate) wrong(err error, wait time.Time) {
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
	if wait.After(g.w.Now()) {
		g.wait(wait)
	}
	g.Failed(err)
	g.update()
	if !g.shut {
		g.w.Canvas().Focus(g.entry)
	}
}

// wait lets no guess be made before a time, and counts down to it.
func (g *Gate) wait(until time.Time) {
	g.stopClock()
	g.until = until
	tick := func() {
		left := g.until.Sub(g.w.Now())
		if left <= 0 {
			g.stopClock()
			g.until = time.Time{}
			g.Button.SetText(g.GateParams.Button)
			g.Failed(nil)
			g.update()
			return
		}
		g.Button.SetText(lang.L("Wait {{.Time}}", words.Values{"Time": g.w.Words.Duration(left.Truncate(time.Second) + time.Second)}))
	}
	g.stop = g.w.Work.Every(time.Second, tick)
	tick()
}

func (g *Gate) stopClock() {
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
}

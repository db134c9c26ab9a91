package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Raise brings the window to the front, from any goroutine: it is what a
// second start asks of the first. It returns when that is done, and reports
// whether it was: not, when Holdfast is about to end.
func (u *UI) Raise() bool {
	done := make(chan struct{})
	u.work.do(func() {
		u.raise()
		close(done)
	})
	select {
	case <-done:
		return true
	case <-u.work.ctx.Done():
		return false
	}
}

func (u *UI) raise() {
	defer u.refresh()
	if u.desk.Activate != nil && u.opened && !u.hidden {
		if u.desk.Activate(u.handle()) {
			return
		}
		if !u.inFront {
			u.window.Hide() // on Wayland, a window comes to where the person is when it is shown anew, and only then
		}
	}
	u.hidden, u.opened = false, true
	u.window.Show()
	u.window.RequestFocus()
}

// keepsRunning reports whether there is something to keep running for.
func (u *UI) keepsRunning() bool {
	st := u.core.Status()
	return st.SetUp && st.Schedule.Every != core.ByHand
}

// closeAsked is what closing the window does: with a schedule, Holdfast goes
// on without it if the person wants that, which is asked once.
func (u *UI) closeAsked() {
	if !u.keepsRunning() {
		u.quitAsked()
		return
	}
	switch u.prefs.background() {
	case backgroundYes:
		u.hide()
	case backgroundNo:
		u.quitAsked()
	default:
		atLogin := u.loginCheck()
		q := question{
			harmless: true,
			title:    lang.L("Keep backing up?"),
			text:     lang.L("Backups run by themselves only while Holdfast runs. It can go on without a window: you find it in the system's panel, or open it again from the menu. Settings has this choice too."),
			yes:      lang.L("Keep running"), no: lang.L("Quit"),
			otherwise: func() { u.prefs.setBackground(backgroundNo); u.quitAsked() },
		}
		if atLogin != nil {
			q.field = atLogin
		}
		u.ask(q, func() {
			u.prefs.setBackground(backgroundYes)
			u.startAtLogin(atLogin)
			u.hide()
		})
	}
}

// loginCheck offers to start at login, ticked; nil where that cannot be chosen.
func (u *UI) loginCheck() *widgets.Check {
	if u.login == nil {
		return nil
	}
	c := widgets.NewCheck(lang.L("Start Holdfast when I log in, so that backups go on after a restart"), nil)
	c.SetOn(true)
	return c
}

// startAtLogin does what a check from loginCheck says.
func (u *UI) startAtLogin(check *widgets.Check) {
	if check == nil {
		return
	}
	on := check.On()
	u.work.run(func(context.Context) func() {
		if now, err := u.login.Enabled(); err == nil && now == on {
			return nil
		}
		err := u.login.Set(on)
		return func() {
			if err != nil {
				u.loginNotSet()
			}
		}
	})
}

func (u *UI) loginNotSet() {
	u.inform(lang.L("This could not be changed."), lang.L("The system did not let Holdfast write where it keeps what starts at login."))
}

func (u *UI) hide() {
	u.hidden = true
	u.rememberSize()
	u.window.Hide()
	u.rests.begin()
}

// quitAsked ends Holdfast, after a question when work is under way.
func (u *UI) quitAsked() {
	if u.job == nil {
		u.quit()
		return
	}
	if u.hidden {
		u.raise()
	}
	u.ask(question{
		title: lang.L("Work is under way"),
		text:  lang.L("If you close Holdfast now, it stops. Nothing is lost: what is done already counts, and next time it takes up from there."),
		yes:   lang.L("Stop and close"), no: lang.L("Keep going"),
	}, func() {
		if u.job == nil { // it ended while the question was open
			u.quit()
			return
		}
		u.closing = true
		u.core.Resume()
		u.job.cancel()
	})
}

// quit ends all work, then closes the window.
func (u *UI) quit() {
	if u.quitting {
		return
	}
	u.quitting = true
	u.rememberSize()
	u.clip.clear()
	u.work.stop()
	go func() { // the last goroutine: it ends the window, and with it Run
		u.work.wg.Wait()
		u.work.do(func() {
			u.restore.close()
			u.leave()
		})
	}()
}

// End ends all work and then Holdfast, from any goroutine: it is what a signal
// asks. It does without the toolkit's loop, which may hang or have ended.
func (u *UI) End() {
	u.work.over.Store(true)
	u.work.stop()
	u.core.Resume() // a backup that is held would not notice
	u.work.wg.Wait()
	u.leave()
}

func (u *UI) closeWindow() {
	if !u.opened { // there is no window yet, and the toolkit closes none that is not
		u.app.Driver().Quit()
		return
	}
	u.window.Close()
}

// showNotice shows a notification of the system.
func (u *UI) showNotice(title, text string) {
	show := u.desk.Notify
	u.work.run(func(ctx context.Context) func() { // it may wait for the system's bus
		if show != nil && show(ctx, title, text, lang.L("Open Holdfast")) == nil {
			return nil
		}
		u.app.SendNotification(fyne.NewNotification(title, text))
		return nil
	})
}

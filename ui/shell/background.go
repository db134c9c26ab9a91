package shell

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
)

// Raise brings the window to the front, from any goroutine: it is what a
// second start asks of the first. It returns when that is done, and reports
// whether it was: not, when Holdfast is about to end.
func (w *Window) Raise() bool {
	done := make(chan struct{})
	w.Work.Do(func() {
		w.ToFront()
		close(done)
	})
	select {
	case <-done:
		return true
	case <-w.Work.ctx.Done():
		return false
	}
}

// ToFront shows the window in front of all others.
func (w *Window) ToFront() {
	defer w.Refresh()
	if w.desk.Activate != nil && w.opened && !w.Hidden {
		if w.desk.Activate(handle(w.frame)) {
			return
		}
		if !w.inFront {
			w.frame.Hide() // on Wayland, a window comes to where the person is when it is shown anew, and only then
		}
	}
	w.Hidden, w.opened = false, true
	w.frame.Show()
	w.frame.RequestFocus()
}

// closeAsked is what closing the window does: with a schedule, Holdfast goes
// on without it if the person wants that, which is asked once.
func (w *Window) closeAsked() {
	if st := w.core.Status(); !st.SetUp || st.Schedule.Every == core.ByHand { // there is nothing to keep running for
		w.quitAsked()
		return
	}
	switch w.Prefs.Background() {
	case BackgroundYes:
		w.hide()
	case BackgroundNo:
		w.quitAsked()
	default:
		atLogin := w.LoginCheck()
		q := Question{
			Harmless: true,
			Title:    lang.L("Keep backing up?"),
			Text:     lang.L("Backups run by themselves only while Holdfast runs. It can go on without a window: you find it in the system's panel, or open it again from the menu. Settings has this choice too."),
			Yes:      lang.L("Keep running"), No: lang.L("Quit"),
			Otherwise: func() { w.Prefs.SetBackground(BackgroundNo); w.quitAsked() },
		}
		if atLogin != nil {
			q.field = atLogin
		}
		w.Ask(q, func() {
			w.Prefs.SetBackground(BackgroundYes)
			w.StartAtLogin(atLogin)
			w.hide()
		})
	}
}

func (w *Window) hide() {
	w.Hidden = true
	w.rememberSize()
	w.frame.Hide()
	w.rests.begin()
}

// quitAsked ends Holdfast, after a question when work is under way.
func (w *Window) quitAsked() {
	if w.Job == nil {
		w.quit()
		return
	}
	if w.Hidden {
		w.ToFront()
	}
	w.Ask(Question{
		Title: lang.L("Work is under way"),
		Text:  lang.L("If you close Holdfast now, it stops. Nothing is lost: what is done already counts, and next time it takes up from there."),
		Yes:   lang.L("Stop and close"), No: lang.L("Keep going"),
	}, func() {
		if w.Job == nil { // it ended while the question was open
			w.quit()
			return
		}
		w.closing = true
		w.Job.Stop()
	})
}

// Ending reports whether Holdfast ends as soon as its work has.
func (w *Window) Ending() bool { return w.closing || w.quitting }

// quit ends all work, then closes the window.
func (w *Window) quit() {
	if w.quitting {
		return
	}
	w.quitting = true
	w.rememberSize()
	w.Clip.Clear()
	w.Work.Stop()
	go func() { // the last goroutine: it ends the window, and with it Run
		w.Work.Wait()
		w.Work.Do(func() {
			for _, s := range w.Nav.screens {
				if s.Close != nil {
					s.Close()
				}
			}
			w.leave()
		})
	}()
}

// End ends all work and then Holdfast, from any goroutine: it is what a signal
// asks. It does without the toolkit's loop, which may hang or have ended.
func (w *Window) End() {
	w.Work.over.Store(true)
	w.Work.Stop()
	w.core.Resume() // a backup that is held would not notice
	w.Work.Wait()
	w.leave()
}

// closeWindow ends the program with its window.
func closeWindow(w *Window) {
	if !w.opened { // there is no window yet, and the toolkit closes none that is not
		w.App.Driver().Quit()
		return
	}
	w.frame.Close()
}

// noticesOf returns what shows a notification of the system.
func noticesOf(w *Window) func(title, text string) {
	show := w.desk.Notify
	return func(title, text string) {
		w.Work.Run(func(ctx context.Context) func() { // it may wait for the system's bus
			if show != nil && show(ctx, title, text, lang.L("Open Holdfast")) == nil {
				return nil
			}
			w.App.SendNotification(fyne.NewNotification(title, text))
			return nil
		})
	}
}

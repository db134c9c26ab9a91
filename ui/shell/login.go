package shell

import (
	"context"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Login starts Holdfast when the person logs in, or not.
type Login interface {
	Enabled() (bool, error)
	Set(on bool) error
}

// LoginCheck offers to start at login, ticked; nil where that cannot be chosen.
func (w *Window) LoginCheck() *widgets.Check {
	if w.Login == nil {
		return nil
	}
	c := widgets.NewCheck(lang.L("Start Holdfast when I log in, so that backups go on after a restart"), nil)
	c.SetOn(true)
	return c
}

// StartAtLogin does what a check from LoginCheck says.
func (w *Window) StartAtLogin(check *widgets.Check) {
	if check == nil {
		return
	}
	on := check.On()
	w.Work.Run(func(context.Context) func() {
		if now, err := w.Login.Enabled(); err == nil && now == on {
			return nil
		}
		err := w.Login.Set(on)
		return func() {
			if err != nil {
				w.LoginNotSet()
			}
		}
	})
}

// LoginNotSet says that what starts at login could not be changed.
func (w *Window) LoginNotSet() {
	w.Inform(lang.L("This could not be changed."), lang.L("The system did not let Holdfast write where it keeps what starts at login."))
}

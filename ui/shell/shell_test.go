package shell

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

func TestMain(m *testing.M) {
	uitest.Prepare()
	goleak.VerifyTestMain(m)
}

// desk is a person in front of a window with one empty screen.
type desk struct {
	*uitest.Desk
	w   *Window
	app fyne.App
}

// quiet is a core in which nothing happens.
type quiet struct{}

func (quiet) Status() core.Status { return core.Status{} }
func (quiet) Pause()              {}
func (quiet) Resume()             {}

// sit opens the window on a profile; desktop is where it stands.
func sit(t *testing.T, profile string, desktop Desk) *desk {
	t.Helper()
	d := &desk{Desk: &uitest.Desk{T: t, Loop: uitest.NewLoop()}, app: test.NewTempApp(t)}
	d.w = New(Params{Fyne: d.app, Core: quiet{}, Profile: profile, Do: d.Loop.Do, Desk: desktop, Notify: func(string, string) {}})
	empty := &Screen{Icon: "backup", Title: func() string { return "Empty" }, Show: func() { d.w.Fill(d.w.Side, widgets.NewBody("Empty")) }}
	d.w.Furnish(Features{
		Screens: []*Screen{empty}, First: func() fyne.CanvasObject { return widgets.NewBody("First") },
		Standing:   func() Standing { return Standing{Line: "Well", Icon: "well"} },
		Everywhere: func() Remedies { return nil }, Dropped: func([]string) {},
	})
	t.Cleanup(d.leave)
	return d
}

// leave ends the window's work.
func (d *desk) leave() {
	d.w.Work.Stop()
	d.w.Work.Wait()
	d.Loop.Drain()
}

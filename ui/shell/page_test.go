package shell

import (
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// The toolkit forgets how its own fields were drawn and laid out when they were
// not seen for a minute. A page that is shown again, as the files to restore
// are after a look at the activity, has them as they were.
func TestForgottenFieldsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light))
		screen := container.NewStack()
		w := test.NewTempWindow(t, screen)
		w.Resize(fyne.NewSize(700, 700))
		w.Canvas().Capture() // the housekeeping goes by the bubble's clock from now on
		u := &Window{frame: w}

		name, secret, area := widget.NewEntry(), widgets.NewSecretEntry(), widgets.NewArea(3)
		name.SetText("letter.txt")
		secret.SetText("lamp otter quilt")
		area.SetText("4f0a 91c2\n77de 03b8")
		empty := widget.NewEntry()
		empty.SetPlaceHolder("Search by name")
		choice := widget.NewSelect([]string{"Every hour", "Every day"}, nil)
		choice.SetSelected("Every day")
		page := ScreenPage("Fields", name, empty, secret, area, choice, widgets.NewGroupCheck("Group 3", nil, nil))
		u.Fill(screen, page)
		before := test.RenderToMarkup(w.Canvas())

		u.Fill(screen, ScreenPage("Another page"))
		time.Sleep(2 * time.Minute) //nolint:forbidigo // the bubble's clock
		w.Canvas().Capture()
		u.Fill(screen, page)
		if after := test.RenderToMarkup(w.Canvas()); after != before {
			t.Errorf("after two minutes it is\n%s\nand was\n%s", after, before)
		}
	})
}

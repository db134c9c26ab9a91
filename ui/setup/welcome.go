package setup

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Welcome is the first page of a profile without a backup. It needs no server
// and no account, and says so.
func (f *Feature) Welcome() fyne.CanvasObject {
	lead := widgets.NewMuted(lang.L("Keeps your messages and files safe in a place of your choice, locked with a key that only you have. No account, no server.")).Centered()
	lead.TextSize = theme.TextLead
	content := widgets.Page(560, theme.Space6,
		container.NewCenter(shell.Logo(96)),
		widgets.Column(theme.Space2, widgets.NewDisplay(lang.L("Welcome to Holdfast")).Centered(), lead),
		widgets.Column(theme.Space3,
			widgets.NewDoor("backup", lang.L("Set up a backup"), lang.L("Choose what to keep and where. It takes about two minutes."), f.Begin),
			widgets.NewDoor("restore", lang.L("Restore a backup"),
				lang.L("Get files back from a backup you made before, on this or another computer."), f.restore)),
	)
	return widgets.Scroll(widgets.Inset(theme.Space6, theme.Space8+theme.Space8, content))
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

type screenName int

const (
	screenBackup screenName = iota
	screenRestore
	screenActivity
	screenSettings
)

// sidebar leads to the screens.
type sidebar struct {
	items   []*widgets.NavItem
	current screenName
	shown   bool
}

func newSidebar(u *UI) *sidebar {
	s := &sidebar{}
	for i, item := range [][2]string{
		{"backup", lang.L("Backup")}, {"restore", lang.L("Restore")},
		{"activity", lang.L("Activity")}, {"settings", lang.L("Settings")},
	} {
		s.items = append(s.items, widgets.NewNavItem(item[0], item[1], func() { u.chosen(screenName(i)) }))
	}
	return s
}

// chosen opens a screen. A restore starts over when its screen is chosen again.
func (u *UI) chosen(s screenName) {
	if s == screenRestore && u.nav.shown && u.nav.current == s && u.restore.job == nil {
		u.restore.again()
		return
	}
	u.open(s)
}

func (s *sidebar) selectItem(n screenName) {
	s.current = n
	for i, item := range s.items {
		item.SetSelected(i == int(n))
	}
}

// layout puts the sidebar to the left of a screen.
func (s *sidebar) layout(screen fyne.CanvasObject) fyne.CanvasObject {
	name := widgets.NewLead("Holdfast").OneLine()
	brand := widgets.Inset(theme.Space2, theme.Space2, widgets.Row(theme.Space3, widgets.Wide(name), logo(32), name))
	list := widgets.Column(theme.Space1)
	for _, item := range s.items {
		list.Add(item)
	}
	bar := container.NewStack(widgets.NewGround(theme.Sidebar, "", 0),
		widgets.Inset(theme.Space3, theme.Space4, widgets.Column(theme.Space4, brand, list)))
	line := widgets.AtLeast(1, 1, widgets.NewGround(theme.Outline, "", 0))
	return container.NewBorder(nil, nil, container.New(noGap{}, widgets.AtLeast(204, 0, bar), line), nil, screen)
}

// noGap puts a line right beside an object.
type noGap struct{}

func (noGap) Layout(o []fyne.CanvasObject, s fyne.Size) {
	o[0].Resize(fyne.NewSize(s.Width-1, s.Height))
	o[1].Move(fyne.NewPos(s.Width-1, 0))
	o[1].Resize(fyne.NewSize(1, s.Height))
}

func (noGap) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize().AddWidthHeight(1, 0) }

// logo is the app's icon as a picture.
func logo(side float32) fyne.CanvasObject {
	img := canvas.NewImageFromResource(fyne.NewStaticResource("holdfast.svg", assets.AppIcon))
	img.FillMode = canvas.ImageFillContain
	img.SetMinSize(fyne.NewSquareSize(side))
	return img
}

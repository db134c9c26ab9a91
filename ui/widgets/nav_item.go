package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// NavItem leads to one of the app's screens.
type NavItem struct {
	tappable
	icon     *Icon
	label    *Text
	selected bool
}

// NewNavItem returns an item.
func NewNavItem(icon, text string, tap func()) *NavItem {
	n := &NavItem{icon: NewIcon(icon, theme.Muted, theme.IconMedium), label: NewBody(text).OneLine()}
	n.tap = tap
	n.ExtendBaseWidget(n)
	return n
}

// Text returns the label.
func (n *NavItem) Text() string { return n.label.Text }

// Selected reports whether this is the screen shown.
func (n *NavItem) Selected() bool { return n.selected }

// SetSelected marks the screen that is shown.
func (n *NavItem) SetSelected(on bool) { n.selected = on; n.Refresh() }

// CreateRenderer implements fyne.Widget.
func (n *NavItem) CreateRenderer() fyne.WidgetRenderer {
	ground, state := box(theme.RadiusControl), box(theme.RadiusControl)
	line := Inset(theme.Space3, 0, Row(theme.Space3, Wide(n.label), n.icon, n.label))
	update := func() {
		if n.selected {
			paint(ground, theme.TintPrimary, "", 0)
			n.label.Color, n.label.Style.Bold = theme.Primary, true
			n.icon.Set(n.icon.Name, theme.Primary)
		} else {
			paint(ground, "", "", 0)
			n.label.Color, n.label.Style.Bold = theme.Text, false
			n.icon.Set(n.icon.Name, theme.Muted)
		}
		n.label.Refresh()
		n.icon.Refresh()
		paintState(state, n.hovered && !n.selected, n.focused)
	}
	update()
	return laidOut(n.Size(), &renderer{
		objects: []fyne.CanvasObject{ground, state, line},
		layout:  func(s fyne.Size) { ground.Resize(s); state.Resize(s); line.Resize(s) },
		min:     func() fyne.Size { return fyne.NewSize(line.MinSize().Width, 42) },
		refresh: func() { update(); canvas.Refresh(n) },
	})
}

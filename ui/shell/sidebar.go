package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Screen is one of those that the sidebar leads to. A feature hands it to the window.
type Screen struct {
	Icon  string
	Title func() string // in the person's language
	Show  func()        // fills the place beside the sidebar
	Key   fyne.KeyName  // opens it, with Ctrl; "" is none

	// optional

	Again    func()          // it was chosen while it is seen; nil shows it anew
	Held     func() bool     // reports whether it must stay as it is now
	Find     func()          // puts the focus into its field that searches
	Outdated func(gone bool) // the backup has other dates, or with gone another place or key
	Relabel  func()          // the language has changed
	Close    func()          // the window ends
}

// Sidebar leads to the screens.
type Sidebar struct {
	items   []*widgets.NavItem
	screens []*Screen
	current *Screen
	Shown   bool
}

func newSidebar(w *Window, screens []*Screen) *Sidebar {
	s := &Sidebar{screens: screens, current: screens[0]}
	for _, screen := range screens {
		s.items = append(s.items, widgets.NewNavItem(screen.Icon, screen.Title(), func() {
			if screen.Again != nil && w.Shows(screen) && !screen.held() { // chosen again, it begins anew
				screen.Again()
				return
			}
			w.Open(screen)
		}))
	}
	return s
}

func (s *Screen) held() bool { return s.Held != nil && s.Held() }

// Shows reports whether a screen is the one that is seen.
func (w *Window) Shows(s *Screen) bool { return w.Nav.Shown && w.Nav.current == s }

func (s *Sidebar) selectItem(screen *Screen) {
	s.current = screen
	for i, item := range s.items {
		item.SetSelected(s.screens[i] == screen)
	}
}

// Outdated tells all screens that the backup has other dates, or with gone another place or key.
func (w *Window) Outdated(gone bool) {
	for _, s := range w.Nav.screens {
		if s.Outdated != nil {
			s.Outdated(gone)
		}
	}
}

// Relabel shows everything anew, in another language.
func (w *Window) Relabel() {
	current := w.Nav.current
	w.Nav = newSidebar(w, w.Nav.screens)
	for _, s := range w.Nav.screens {
		if s.Relabel != nil {
			s.Relabel()
		}
	}
	w.Tray.Update()
	w.Open(current)
}

// layout puts the sidebar to the left of a screen.
func (s *Sidebar) layout(screen fyne.CanvasObject) fyne.CanvasObject {
	name := widgets.NewLead("Holdfast").OneLine()
	brand := widgets.Inset(theme.Space2, theme.Space2, widgets.Row(theme.Space3, widgets.Wide(name), Logo(32), name))
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

// Logo is the app's icon as a picture.
func Logo(side float32) fyne.CanvasObject {
	img := canvas.NewImageFromResource(fyne.NewStaticResource("holdfast.svg", assets.AppIcon))
	img.FillMode = canvas.ImageFillContain
	img.SetMinSize(fyne.NewSquareSize(side))
	return img
}

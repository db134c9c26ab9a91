package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
)

// Panel is the place for icons in the system's panel.
type Panel interface {
	SetSystemTrayMenu(*fyne.Menu)
	SetSystemTrayIcon(fyne.Resource)
}

// Tray is the icon in the system's panel, with how things are and what is
// wanted most. Not every system shows one, so nothing is to be had here alone.
type Tray struct {
	w     *Window
	panel Panel  // nil: there is none
	shows string // what the menu says; it is made anew only when that changes
}

func newTray(w *Window) *Tray {
	t := &Tray{w: w, panel: w.desk.Panel}
	if t.panel == nil {
		if d, ok := w.App.(desktop.App); ok { // not on every system
			t.panel = d
		}
	}
	if p, ok := t.panel.(interface{ SetOnTapped(func()) }); ok {
		p.SetOnTapped(func() { w.Work.Do(w.ToFront) })
	}
	return t
}

// Standing is how things are, as the icon in the panel shows it.
type Standing struct {
	Line  string // the menu's first, and what the icon says
	Icon  string // a name of assets.TrayIcon
	Also  string // what else the menu depends on
	Items []MenuItem
}

// MenuItem is a line of the icon's menu.
type MenuItem struct {
	Text    string
	Enabled bool
	Do      func()
}

// Update makes the tray say how things are.
func (t *Tray) Update() {
	if t.panel == nil {
		return
	}
	w, now := t.w, t.w.features.Standing()
	key := now.Line + "|" + now.Also + "|" + now.Icon
	if key == t.shows {
		return
	}
	t.shows = key
	item := func(text string, enabled bool, do func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(text, nil)
		if do != nil {
			i.Action = func() { w.Work.Do(do) } // the panel may call from anywhere
		}
		i.Disabled = !enabled
		return i
	}
	items := []*fyne.MenuItem{item(now.Line, false, nil), fyne.NewMenuItemSeparator()}
	for _, i := range now.Items {
		items = append(items, item(i.Text, i.Enabled, i.Do))
	}
	quit := item(lang.L("Quit"), true, w.quitAsked)
	quit.IsQuit = true
	items = append(items, fyne.NewMenuItemSeparator(), item(lang.L("Open Holdfast"), true, w.ToFront), quit)
	t.panel.SetSystemTrayMenu(fyne.NewMenu("Holdfast", items...))
	t.panel.SetSystemTrayIcon(fyne.NewStaticResource("holdfast-"+now.Icon+".svg", assets.TrayIcon(now.Icon)))
	if p, ok := t.panel.(interface{ SetTooltip(text string) }); ok {
		p.SetTooltip(now.Line)
	}
}

//go:build !windows && !darwin

// Package panel puts an icon into the panel of a Linux or BSD desktop, by
// fyne.io/systray, as the toolkit does. The toolkit's own has no tooltip and a
// menu as its only answer to a click, waits on its loop for the panel, and needs
// a second, hidden window. Elsewhere it is the right one.
package panel

import (
	"bytes"
	"image"
	"image/png"
	"log"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/systray"
	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

// side is the icon's in pixels: panels make it smaller.
const side = 64

// Panel is the icon. What it shows is handed over in the background: a panel
// that hangs holds nobody up. Make one for a program.
type Panel struct {
	bell chan struct{}

	mu     sync.Mutex // of what is wanted
	menu   *fyne.Menu
	icon   []byte // SVG
	tip    string
	tapped func()
}

// New returns the icon of the program with a name. It is seen from the first menu on.
func New(name string) *Panel {
	p := &Panel{bell: make(chan struct{}, 1)}
	go p.serve(name) // as long as the program
	return p
}

// SetSystemTrayMenu shows a menu. Its actions are called from any goroutine.
func (p *Panel) SetSystemTrayMenu(m *fyne.Menu) { p.want(func() { p.menu = m }) }

// SetSystemTrayIcon shows an icon, an SVG.
func (p *Panel) SetSystemTrayIcon(r fyne.Resource) { p.want(func() { p.icon = r.Content() }) }

// SetTooltip says how things are.
func (p *Panel) SetTooltip(text string) { p.want(func() { p.tip = text }) }

// SetOnTapped is what a click on the icon does, from any goroutine.
func (p *Panel) SetOnTapped(fn func()) { p.want(func() { p.tapped = fn }) }

func (p *Panel) want(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
	select {
	case p.bell <- struct{}{}:
	default: // it rings already
	}
}

// serve shows the newest of what is wanted.
func (p *Panel) serve(name string) {
	var menu *fyne.Menu
	var icon []byte
	begun := false
	for range p.bell {
		p.mu.Lock()
		wantMenu, wantIcon, tip, tapped := p.menu, p.icon, p.tip, p.tapped
		p.mu.Unlock()
		if wantMenu == nil {
			continue
		}
		if !bytes.Equal(icon, wantIcon) {
			icon = wantIcon
			picture, err := draw(icon)
			if err != nil {
				log.Printf("the panel's icon: %v", err) // a mistake in the program
			} else {
				systray.SetIcon(picture)
			}
		}
		systray.SetTooltip(tip)
		if menu != wantMenu {
			menu = wantMenu
			show(menu)
		}
		if !begun {
			begun = true
			systray.SetTitle(name) // the item's ID too
			systray.SetOnTapped(tapped)
			start, _ := systray.RunWithExternalLoop(nil, nil)
			start()
		}
	}
}

// show makes the menu anew.
func show(m *fyne.Menu) {
	systray.ResetMenu()
	for _, i := range m.Items {
		if i.IsSeparator {
			systray.AddSeparator()
			continue
		}
		item := systray.AddMenuItem(i.Label, "")
		if i.Disabled {
			item.Disable()
		}
		go func() { // until the menu is made anew
			for range item.ClickedCh {
				if i.Action != nil {
					i.Action()
				}
			}
		}()
	}
}

// draw makes a PNG of an SVG.
func draw(svg []byte) ([]byte, error) {
	icon, err := oksvg.ReadIconStream(bytes.NewReader(svg))
	if err != nil {
		return nil, err
	}
	icon.SetTarget(0, 0, side, side)
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	icon.Draw(rasterx.NewDasher(side, side, rasterx.NewScannerGV(side, side, img, img.Bounds())), 1)
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return b.Bytes(), err
}

//go:build !windows && !darwin

package freedesktop

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"sync"

	"github.com/godbus/dbus/v5"
)

const (
	noticesName = "org.freedesktop.Notifications"
	noticesPath = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// Notices shows notifications (Desktop Notifications Specification 1.2). A click on one calls opened.
type Notices struct {
	id, name string
	png      []byte
	opened   func()

	mu    sync.Mutex // of the connection, and of what is shown
	icon  iconData   // of png, made at the first connection: a start has no time for it
	conn  *dbus.Conn
	shown map[uint32]bool
}

// iconData is a picture as the specification has it: (iiibiiay).
type iconData struct {
	Width, Height, RowStride int32
	Alpha                    bool
	Bits, Channels           int32
	Pixels                   []byte
}

// NewNotices returns the notifications of an app: id is that of its desktop
// entry, icon a PNG. opened may be called from any goroutine.
func NewNotices(id, name string, icon []byte, opened func()) *Notices {
	return &Notices{id: id, name: name, png: icon, opened: opened, shown: make(map[uint32]bool)}
}

// iconOf makes what the specification wants of a PNG.
func iconOf(icon []byte) (iconData, error) {
	img, err := png.Decode(bytes.NewReader(icon))
	if err != nil {
		return iconData{}, fmt.Errorf("the icon of notifications: %w", err)
	}
	b := img.Bounds()
	flat := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(flat, flat.Bounds(), img, b.Min, draw.Src)
	return iconData{int32(b.Dx()), int32(b.Dy()), int32(flat.Stride), true, 8, 4, flat.Pix}, nil
}

// Show shows one; open is what a click is said to do. It may wait for the desktop.
func (n *Notices) Show(ctx context.Context, title, text, open string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn == nil || !n.conn.Connected() {
		if err := n.connect(); err != nil {
			return err
		}
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(n.id), "image-data": dbus.MakeVariant(n.icon)}
	var id uint32
	err := n.conn.Object(noticesName, noticesPath).CallWithContext(ctx, noticesName+".Notify", 0,
		n.name, uint32(0), n.id, title, text, []string{"default", open}, hints, int32(-1)).Store(&id)
	if err != nil {
		return err
	}
	n.shown[id] = true
	return nil
}

// connect begins to listen for clicks, as long as the connection lives.
func (n *Notices) connect() error {
	var err error
	if n.icon, err = iconOf(n.png); err != nil {
		return err
	}
	conn, err := session(context.Background())
	if err != nil {
		return err
	}
	if err := conn.AddMatchSignal(dbus.WithMatchInterface(noticesName), dbus.WithMatchSender(noticesName)); err != nil {
		_ = conn.Close() // the cause is reported
		return err
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	n.conn = conn
	go func() { // it ends when the connection does
		for s := range signals {
			n.heard(s)
		}
	}()
	return nil
}

func (n *Notices) heard(s *dbus.Signal) {
	if len(s.Body) != 2 {
		return
	}
	id, ok := s.Body[0].(uint32)
	if !ok {
		return
	}
	n.mu.Lock()
	mine := n.shown[id]
	if mine && s.Name == noticesName+".NotificationClosed" {
		delete(n.shown, id)
	}
	n.mu.Unlock()
	if mine && s.Name == noticesName+".ActionInvoked" {
		n.opened()
	}
}

package widgets

import (
	"cmp"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Kind is how much a button matters on its screen.
type Kind int

// The kinds of buttons. A screen has at most one Main.
const (
	Main   Kind = iota // the one thing to do next
	Second             // another way
	Quiet              // an aside
	Danger             // cannot be taken back
)

// Button is a button with a text, an icon, or both.
type Button struct {
	tappable
	Text string
	Icon string
	Kind Kind
	// Label says what a button without a text does.
	Label string
	busy  bool
	// OnEscape, if set, is what Escape does while the button is focused.
	OnEscape func()
}

// NewButton returns a button.
func NewButton(text, icon string, kind Kind, tap func()) *Button {
	b := &Button{Text: text, Icon: icon, Kind: kind}
	b.tap = tap
	b.ExtendBaseWidget(b)
	return b
}

// SetText shows another text.
func (b *Button) SetText(s string) { b.Text = s; b.Refresh() }

// SetIcon shows another icon.
func (b *Button) SetIcon(name string) { b.Icon = name; b.Refresh() }

// SetBusy disables the button and shows that something is under way.
func (b *Button) SetBusy(on bool) {
	b.busy = on
	if on {
		b.Disable()
	} else {
		b.Enable()
	}
	b.Refresh()
}

// TypedKey implements fyne.Focusable.
func (b *Button) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape && b.OnEscape != nil {
		b.OnEscape()
		return
	}
	b.tappable.TypedKey(e)
}

// quietPad is between the edge of a quiet button, or of one without words, and what is on it.
const quietPad = 10

// AccessibilityLabel implements fyne.Accessible.
func (b *Button) AccessibilityLabel() string { return cmp.Or(b.Text, b.Label, b.Icon) }

// AccessibilityRole implements fyne.Accessible.
func (b *Button) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (b *Button) colors() (fill, stroke, text fyne.ThemeColorName) {
	if b.Disabled() {
		if b.Kind == Quiet {
			return "", "", theme.Muted
		}
		return theme.TintMuted, "", theme.Muted
	}
	switch b.Kind {
	case Main:
		return theme.Primary, "", theme.OnPrimary
	case Danger:
		return theme.Bad, "", theme.OnBad
	case Second:
		return theme.Surface, theme.Control, theme.Text
	}
	return "", "", theme.Primary
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	ground, state := box(theme.RadiusControl), box(theme.RadiusControl)
	label := newText(b.Text, theme.TextBody, theme.Text, true).OneLine()
	icon := NewIcon(b.Icon, theme.Text, 18)
	activity := widget.NewActivity()
	activity.Hide()
	r := &renderer{objects: []fyne.CanvasObject{ground, state, icon, activity, label}}
	pad := func() float32 {
		if b.Kind == Quiet || b.Text == "" {
			return quietPad
		}
		return theme.Space4
	}
	content := func() (w float32) {
		if b.Text != "" {
			w = label.MinSize().Width
		}
		if b.Icon != "" || b.busy {
			w += icon.Side
			if b.Text != "" {
				w += theme.Space2
			}
		}
		return w
	}
	update := func() {
		fill, stroke, text := b.colors()
		paint(ground, fill, stroke, 1)
		paintState(state, b.hovered && !b.Disabled(), b.focused)
		if b.focused && (b.Kind == Main || b.Kind == Danger) && !b.Disabled() {
			state.StrokeColor = colorOf(theme.Text) // the ring must stand out from the fill
			state.Refresh()
		}
		label.Text, label.Color = b.Text, text
		label.Refresh()
		icon.Set(b.Icon, text)
		icon.Refresh()
		if b.busy {
			icon.Hide()
			activity.Show()
			activity.Start()
		} else {
			activity.Stop()
			activity.Hide()
			icon.Show()
		}
	}
	r.layout = func(s fyne.Size) {
		ground.Resize(s)
		state.Resize(s)
		x := (s.Width - content()) / 2
		if b.Icon != "" || b.busy {
			for _, o := range []fyne.CanvasObject{icon, activity} {
				o.Resize(fyne.NewSquareSize(icon.Side))
				o.Move(fyne.NewPos(x, (s.Height-icon.Side)/2))
			}
			x += icon.Side + theme.Space2
		}
		label.Resize(label.MinSize())
		label.Move(fyne.NewPos(x, (s.Height-label.MinSize().Height)/2))
	}
	r.min = func() fyne.Size { return fyne.NewSize(content()+2*pad(), theme.ControlHeight) }
	r.refresh = func() {
		update()
		r.layout(b.Size())
		canvas.Refresh(b)
	}
	update()
	return laidOut(b.Size(), r)
}

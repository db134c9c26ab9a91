package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// SettingRow is one line of a card: icon, title, value, and at its end a
// chevron or a control of its own. With a tap it can be operated as a whole.
type SettingRow struct {
	tappable
	icon         *Icon
	title, value *Text
	note         *Text
	trailing     fyne.CanvasObject
	drawn        bool // there is a renderer to keep up to date
}

// NewSettingRow returns a row. trailing nil with a tap gives a chevron; tap nil
// makes the row for reading only.
func NewSettingRow(icon, title string, trailing fyne.CanvasObject, tap func()) *SettingRow {
	if trailing == nil && tap != nil {
		trailing = NewIcon("chevron", theme.Muted, theme.IconSmall)
	}
	r := &SettingRow{
		icon: NewIcon(icon, theme.Muted, theme.IconMedium), title: NewStrong(title),
		value: NewMuted(""), note: NewMuted("").OneLine(), trailing: trailing,
	}
	r.tap = tap
	r.value.Hide()
	r.note.Hide()
	r.ExtendBaseWidget(r)
	if tap == nil {
		r.Disable() // no focus for what does nothing
	}
	return r
}

// SetIcon shows another icon.
func (r *SettingRow) SetIcon(name string, tone Tone) { r.icon.Set(name, tone.color()) }

// SetTone colours the value, for what should be noticed.
func (r *SettingRow) SetTone(tone Tone) { r.value.Color = tone.color(); r.Refresh() }

// SetTitle shows another title.
func (r *SettingRow) SetTitle(s string) { r.title.SetText(s); r.Refresh() }

// SetValue shows a value below the title.
func (r *SettingRow) SetValue(s string) *SettingRow { r.set(r.value, s); return r }

// SetPath shows a path below the title, shortened where space is short.
func (r *SettingRow) SetPath(s string) *SettingRow {
	r.value.Shorten = true
	r.set(r.value, s)
	return r
}

// SetNote shows a short value at the row's end.
func (r *SettingRow) SetNote(s string) *SettingRow { r.set(r.note, s); return r }

func (r *SettingRow) set(t *Text, s string) {
	t.SetText(s)
	if s == "" {
		t.Hide()
	} else {
		t.Show()
	}
	if r.drawn {
		r.Refresh()
	}
}

// Title returns the title.
func (r *SettingRow) Title() string { return r.title.Text }

// Value returns the value.
func (r *SettingRow) Value() string { return r.value.Text }

// Note returns the short value at the row's end.
func (r *SettingRow) Note() string { return r.note.Text }

// Trailing returns the control at the row's end, nil if it has none.
func (r *SettingRow) Trailing() fyne.CanvasObject { return r.trailing }

// CreateRenderer implements fyne.Widget.
func (r *SettingRow) CreateRenderer() fyne.WidgetRenderer {
	r.drawn = true
	state := box(theme.RadiusCard - 1)
	text := Column(2, r.title, r.value)
	parts := []fyne.CanvasObject{r.icon, text, r.note}
	if r.trailing != nil {
		parts = append(parts, r.trailing)
	}
	line := Inset(theme.Space4+4, theme.Space3+2, Row(theme.Space4, Wide(text), parts...))
	return laidOut(r.Size(), &renderer{
		objects: []fyne.CanvasObject{state, line},
		layout:  func(s fyne.Size) { state.Resize(s); line.Resize(s) },
		min:     func() fyne.Size { return line.MinSize().Max(fyne.NewSize(0, 52)) },
		refresh: func() {
			paintState(state, r.hovered && r.tap != nil, r.focused && r.tap != nil)
			line.Resize(r.Size())
			line.Refresh()
			canvas.Refresh(r)
		},
	})
}

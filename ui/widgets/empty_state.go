package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// NewEmptyState says why there is nothing here, and what to do about it.
func NewEmptyState(icon, line, text string, action *Button) *fyne.Container {
	m := NewMedallion(72)
	m.Set(icon, ToneNeutral)
	parts := []fyne.CanvasObject{container.NewCenter(m), NewTitle(line).Centered(), NewMuted(text).Centered()}
	if action != nil {
		parts = append(parts, container.NewCenter(action))
	}
	return Inset(theme.Space6, theme.Space8+theme.Space8, Column(theme.Space4, parts...))
}

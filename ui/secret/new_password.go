package secret

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// newPassword asks for a password twice and says how good it is.
type newPassword struct {
	*Feature
	root         fyne.CanvasObject
	first, again *widgets.SecretEntry
	meter        *widgets.StrengthMeter
	match        *widgets.Text
	judge        shell.Latest
	good         bool // what is in the first field was judged, and may be used
	changed      func()
	submitted    func()
}

// newNewPassword makes the fields. changed is called when ready may have changed.
func newNewPassword(f *Feature, changed, submitted func()) *newPassword {
	n := &newPassword{
		Feature: f, first: widgets.NewSecretEntry(), again: widgets.NewSecretEntry(), meter: widgets.NewStrengthMeter(),
		match: widgets.NewCaption(" "), judge: f.w.Work.Newest(), changed: changed, submitted: submitted,
	}
	n.first.OnChanged = func(string) { n.look() }
	n.again.OnChanged = func(string) { n.compare(); n.changed() }
	n.first.OnSubmitted = func(string) { f.w.Canvas().Focus(n.again) }
	n.again.OnSubmitted = func(string) {
		if n.ready() {
			n.submitted()
		}
	}
	n.show(core.Strength(nil))
	n.root = widgets.Card(widgets.Column(theme.Space4,
		widgets.Column(theme.Space2, widgets.NewStrong(lang.L("Password")), n.first, n.meter),
		widgets.Column(theme.Space2, widgets.NewStrong(lang.L("Once more")), n.again, n.match)))
	return n
}

// look judges the password; a long one takes a moment.
func (n *newPassword) look() {
	n.good = false
	n.compare()
	n.changed()
	password := n.first.Peek()
	n.judge.Run(func(context.Context) func() {
		s := core.Strength(password)
		clear(password)
		return func() {
			n.good = !s.Refused
			n.show(s)
			n.changed()
		}
	})
}

func (n *newPassword) show(s core.PasswordStrength) {
	filled, tone, icon := 0, widgets.ToneNeutral, ""
	switch {
	case s.Advice == core.AdviceEmpty:
	case s.Refused:
		filled, tone, icon = 1, widgets.ToneBad, "warning"
	case s.Advice == core.AdviceFair:
		filled, tone, icon = 2, widgets.ToneAttention, "shield"
	case s.Advice == core.AdviceGood:
		filled, tone, icon = 3, widgets.ToneGood, "check"
	default:
		filled, tone, icon = 4, widgets.ToneGood, "check"
	}
	n.meter.Set(filled, tone, icon, n.w.Words.Advice(s.Advice))
}

func (n *newPassword) compare() {
	text := " " // keeps its line
	if n.again.Text != "" && n.again.Text != n.first.Text {
		text = lang.L("Not the same yet.")
	}
	n.match.SetText(text)
}

// ready reports whether the fields hold a password to be used.
func (n *newPassword) ready() bool { return n.good && n.first.Text == n.again.Text }

// take returns the password and empties the fields. The caller clears it.
func (n *newPassword) take() []byte {
	b := n.first.Take()
	n.clear()
	return b
}

func (n *newPassword) clear() {
	n.first.SetText("")
	n.again.SetText("")
}

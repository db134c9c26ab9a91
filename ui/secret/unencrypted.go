package secret

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// UnencryptedPage is the page about a backup whose place claims that it has no encryption. Anybody who can write there can claim that, so
// the person says whether it is what they expect.
func (f *Feature) UnencryptedPage(params shell.PageParams, yes string, take func(p *shell.Page, button *widgets.Button)) *shell.Page {
	var p *shell.Page
	var next *widgets.Button
	next = widgets.NewButton(yes, "", widgets.Main, func() { take(p, next) })
	params.Title = lang.L("This backup is not encrypted")
	params.Lead = lang.L("Everybody who can read this place can read it.")
	params.Content = []fyne.CanvasObject{widgets.Column(theme.Space3,
		widgets.Notice(widgets.ToneAttention, "shield-off",
			lang.L("Nobody vouches for what is in it: whoever can write to this place may have changed it.")),
		widgets.Notice(widgets.TonePrimary, "key",
			lang.L("Did you have 64 digits or a password for this backup? Then stop here. A backup does not lose its encryption by itself.")),
		shell.Aside(lang.L("I have a key or a password for it"), func() { p.Fail(core.ErrUnprotected) }))}
	params.Foot = []fyne.CanvasObject{next}
	p = f.w.NewPage(params)
	return p
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// unencryptedPage is the page about a backup whose place claims that it has no encryption. Anybody who can write there can claim that, so
// the person says whether it is what they expect.
func (u *UI) unencryptedPage(params pageParams, yes string, take func(p *page, button *widgets.Button)) *page {
	var p *page
	var next *widgets.Button
	next = widgets.NewButton(yes, "", widgets.Main, func() { take(p, next) })
	params.title = lang.L("This backup is not encrypted")
	params.lead = lang.L("Everybody who can read this place can read it.")
	params.content = []fyne.CanvasObject{widgets.Column(theme.Space3,
		widgets.Notice(widgets.ToneAttention, "shield-off", lang.L("Nobody vouches for what is in it: whoever can write to this place may have changed it.")),
		widgets.Notice(widgets.TonePrimary, "key", lang.L("Did you have 64 digits or a password for this backup? Then stop here. A backup does not lose its encryption by itself.")),
		aside(lang.L("I have a key or a password for it"), func() { p.fail(core.ErrUnprotected) }))}
	params.foot = []fyne.CanvasObject{next}
	p = u.newPage(params)
	return p
}

// unencrypted asks whether a backup somewhere is to be opened without encryption.
func (f *restoreFlow) unencrypted() {
	p := f.u.unencryptedPage(pageParams{name: f.name(), step: 2, of: 5, back: f.elsewhere, remedies: f.apart(nil)}, lang.L("Open it without encryption"),
		func(p *page, next *widgets.Button) { f.openElsewhere(nil, next, p, p.fail) })
	f.put(p.root)
}

// joinUnencrypted asks whether this computer is to go on with a backup without encryption.
func (f *setupFlow) joinUnencrypted() {
	p := f.u.unencryptedPage(pageParams{name: f.name(), step: 3, of: 4, back: f.where, remedies: remedies{wayPlace: f.where}}, lang.L("Join it without encryption"),
		func(p *page, join *widgets.Button) {
			f.setup(core.SetupRequest{Existing: true}, p, join, p.fail)
		})
	f.u.flow(p.root)
}

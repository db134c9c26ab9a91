// Package newer tells that there is a newer version (docs/adr/0044). It asks at most once a day, and while the window is looked at.
package newer

import (
	"context"
	"net/url"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Source is where this build hears of newer versions. The zero value asks nobody, and leaves no choice about it.
type Source struct {
	Version string // this build's
	// Ask fetches the newest notice that was signed for this build.
	Ask func(ctx context.Context) (release.Notice, error)
}

// often is how long an answer counts, also that there is none.
const often = 24 * time.Hour

// Feature tells of newer versions.
type Feature struct {
	w    *shell.Window
	from Source
}

// New makes the feature of a window.
func New(w *shell.Window, from Source) *Feature { return &Feature{w: w, from: from} }

// Look asks if nobody was asked for a day, and shows the first screen again when there is a newer version.
func (f *Feature) Look() {
	since := f.w.Now().Sub(f.w.Prefs.NewerAsked())
	if f.from.Ask == nil || !f.w.Prefs.TellNewer() || since >= 0 && since < often {
		return
	}
	f.w.Prefs.SetNewerAsked(f.w.Now())
	f.w.Work.Run(func(ctx context.Context) func() {
		n, err := f.from.Ask(ctx)
		return func() {
			if err != nil { // tomorrow is soon enough
				return
			}
			f.w.Prefs.SetNewer(n.Version, n.Page)
			if n.NewerThan(f.from.Version) {
				f.w.Refresh()
			}
		}
	})
}

// Row says that there is a newer version; nil: there is none that is known.
func (f *Feature) Row() fyne.CanvasObject {
	version, page := f.w.Prefs.Newer()
	if f.from.Ask == nil || !f.w.Prefs.TellNewer() || !(release.Notice{Version: version}).NewerThan(f.from.Version) {
		return nil
	}
	title := lang.L("Holdfast {{.Version}} is there", words.Values{"Version": version})
	return widgets.NewSettingRow("globe", title, nil, func() { f.open(page) }).SetValue(
		lang.L("You have {{.Version}}. What is new, and how to install it.", words.Values{"Version": f.from.Version}))
}

func (f *Feature) open(page string) {
	u, err := url.Parse(page)
	if err == nil && u.Scheme == "https" {
		err = f.w.App.OpenURL(u)
	}
	if err != nil {
		f.w.Inform(lang.L("The page cannot be shown here."), page)
	}
}

// Setting is the choice whether to be told; nil: there is none.
func (f *Feature) Setting() fyne.CanvasObject {
	if f.from.Ask == nil {
		return nil
	}
	var tell *widgets.Toggle
	tell = widgets.NewToggle(func(on bool) {
		f.w.Prefs.SetTellNewer(on)
		tell.SetOn(on)
	})
	tell.SetOn(f.w.Prefs.TellNewer())
	return widgets.NewSettingRow("globe", lang.L("Tell about newer versions"), tell, nil).
		SetValue(lang.L("Asks once a day, and tells nothing about you. Holdfast never installs anything by itself."))
}

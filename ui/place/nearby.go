package place

import (
	"context"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// mostNearby is how many found places are offered.
const mostNearby = 4

// OfferNearby offers, below the field, the disks, shares and synced folders that are there. folder is added to what is chosen, ""
// for the place itself. shown is called when they are there.
func (f *Field) OfferNearby(folder string, shown func()) {
	look := f.Nearby // read here: the window's state is this goroutine's
	list := widgets.Column(theme.Space2, widgets.NewStrong(lang.L("Found on this computer")))
	list.Hide()
	f.Root.Add(list)
	f.w.Work.Run(func(ctx context.Context) func() {
		found := look(ctx)
		return func() {
			if len(found) == 0 {
				return
			}
			var rows []fyne.CanvasObject
			for _, n := range found[:min(len(found), mostNearby)] {
				row := widgets.NewSettingRow(nearbyIcon(n.Kind), n.Name, nil, func() {
					f.Entry.SetText(filepath.Join(n.Path, folder))
					f.w.Canvas().Focus(f.Entry)
				})
				row.SetValue(nearbyText(n.Kind)).SetNote(lang.L("{{.Size}} free", words.Values{"Size": f.w.Words.Bytes(n.Free)}))
				rows = append(rows, row)
			}
			list.Add(widgets.Rows(rows...))
			list.Show()
			shown()
		}
	})
}

func nearbyIcon(k places.NearbyKind) string {
	switch k {
	case places.NearbyShare:
		return "folder"
	case places.NearbySynced:
		return "upload"
	}
	return "place"
}

// nearbyText says what was found.
func nearbyText(k places.NearbyKind) string {
	switch k {
	case places.NearbyShare:
		return lang.L("A folder of another computer")
	case places.NearbySynced:
		return lang.L("A folder that its own program carries to the cloud")
	}
	return lang.L("A disk")
}

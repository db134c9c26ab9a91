package restore

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/found"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// mostFound is how many backups are offered.
const mostFound = 50

// Elsewhere asks for the place of another backup. Those on disks, shares and synced folders that are there stand on top.
func (f *Flow) Elsewhere() {
	f.own = false
	field := place.NewField(f.Feature.place, f.place, lang.L("Folder of the backup"))
	field.OrServer(true)
	var p *shell.Page
	var next *widgets.Button
	look := func() {
		if path, ok := field.Wanted(); ok {
			p.Fail(nil)
			f.look(p, next, path)
		}
	}
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, look)
	field.Submitted = look
	near := widgets.Column(theme.Space2, widgets.NewStrong(lang.L("Backups found on this computer")))
	near.Hide()
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: 5, Back: f.again,
		Title: lang.L("Where is the backup?"), Lead: lang.L("The folder you chose for your backup, or the one that it is in."),
		Content: []fyne.CanvasObject{near, field.Root}, Foot: []fyne.CanvasObject{next}, Remedies: field.Remedies(),
	})
	f.Put(p.Root)
	f.w.Canvas().Focus(field.Entry)
	f.offerNear(near, p, func(place string) {
		field.Entry.SetText(place)
		look()
	})
}

// offerNear looks in the background for backups that are near, and offers them.
func (f *Flow) offerNear(list *fyne.Container, p *shell.Page, chosen func(place string)) {
	look, own := f.Near, f.core.Status().Destination // read here: the window's state is this goroutine's
	f.w.Work.Run(func(ctx context.Context) func() {
		all := look(ctx)
		all = slices.DeleteFunc(all, func(b found.Backup) bool { return b.Place == own })
		return func() {
			if len(all) == 0 {
				return
			}
			list.Add(f.rows(all, func(b found.Backup) { chosen(b.Place) }))
			list.Show()
			p.Relayout()
		}
	})
}

// look looks for backups at a place and in the folders in it. The only one is taken.
func (f *Flow) look(p *shell.Page, next *widgets.Button, path string) {
	f.place = path
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		all, err := found.At(ctx, f.core.Elsewhere().Places, path)
		return func() {
			switch {
			case errors.Is(err, core.ErrNoBackup):
				p.Fail(shell.Reasoned{
					What:  lang.L("There is no Holdfast backup at {{.Place}}, nor in the folders in it.", words.Values{"Place": display(path)}),
					Do:    lang.L("Choose the folder you chose for your backup: the file holdfast.json is in it. Is the disk plugged in, and the account the right one?"),
					Cause: err, Ways: []shell.Way{shell.WayPlace},
				})
			case err != nil:
				p.Fail(err)
			case len(all) == 1:
				f.take(p, next, path, all[0].Place)
			default:
				f.Choose(path, all)
			}
		}
	})
}

// Choose asks which of several backups.
func (f *Flow) Choose(path string, all []found.Backup) {
	var p *shell.Page
	lead := lang.L("They are at {{.Place}}.", words.Values{"Place": display(path)})
	if len(all) > mostFound {
		lead += " " + lang.L("Of {{.Count}}, those that were changed last are shown.", words.Values{"Count": len(all)})
	}
	rows := f.rows(all, func(b found.Backup) {
		p.Fail(nil)
		f.take(p, nil, path, b.Place)
	})
	p = f.newPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: 5, Back: f.Elsewhere, Title: lang.L("Which backup?"), Lead: lead, Content: []fyne.CanvasObject{rows},
	})
	f.Put(p.Root)
}

// rows show backups. chosen is called with the one that is pressed.
func (f *Flow) rows(all []found.Backup, chosen func(found.Backup)) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, b := range all[:min(len(all), mostFound)] {
		row := widgets.NewSettingRow("backup", core.DisplayName(folderOf(b.Place)), nil, func() { chosen(b) })
		row.SetValue(opens(b))
		if !b.Changed.IsZero() {
			row.SetNote(lang.L("changed {{.When}}", words.Values{"When": f.w.Words.Ago(b.Changed, time.Now())}))
		}
		rows = append(rows, row)
	}
	return widgets.Rows(rows...)
}

// opens says what opens a backup.
func opens(b found.Backup) string {
	switch {
	case errors.Is(b.Err, core.ErrNewerFormat):
		return lang.L("Written by a newer Holdfast")
	case b.Err != nil:
		return lang.L("Damaged")
	case b.Password:
		return lang.L("Opens with its password or its 64-digit key")
	case b.Key:
		return lang.L("Opens with its 64-digit key")
	}
	return lang.L("Not encrypted")
}

func display(place string) string { return core.DisplayName(places.Title(place)) }

// folderOf is a place by the name of its folder.
func folderOf(place string) string {
	if places.IsPath(place) {
		return filepath.Join(filepath.Base(filepath.Dir(place)), filepath.Base(place))
	}
	if a, err := address.Parse(place); err == nil && a.Path != "/" {
		return path.Base(a.Path)
	}
	return places.Title(place)
}

// take goes on with the backup at a place, which opens as the one that the person gave does.
func (f *Flow) take(p *shell.Page, next *widgets.Button, given, at string) {
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		elsewhere := f.core.Elsewhere()
		err := elsewhere.Places.KnowAs(ctx, given, at)
		var inspected core.Found
		if err == nil {
			inspected, err = elsewhere.Inspect(ctx, at)
		}
		return func() {
			if err != nil {
				p.Fail(core.Told(err))
				return
			}
			f.place = at
			switch {
			case inspected.Protection == core.ProtectionKey && inspected.VaultCard != nil && f.core.Passwords.Possible():
				f.UnlockWithPassword(inspected)
			case inspected.Protection == core.ProtectionKey:
				f.unlock(inspected)
			default:
				f.Unencrypted()
			}
		}
	})
}

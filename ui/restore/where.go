package restore

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Where asks where to, and about files that exist.
func (f *Flow) Where(back func()) {

	f.whereAgain = func() { f.Where(back) }
	if f.Target == "" {
		f.Target = filepath.Join(shell.HomeFolder(), lang.L("Restored files"))
	}
	field := place.NewField(f.Feature.place, f.Target, lang.L("Restore into this folder"))
	kinds := []core.Conflict{core.ConflictKeep, core.ConflictRename, core.ConflictOverwrite}
	chosen := 0
	for i, k := range kinds {
		if k == f.conflict {
			chosen = i
		}
	}
	choices := widgets.NewChoices(chosen,
		[2]string{lang.L("Keep what is there"), lang.L("Files that exist stay as they are.")},
		[2]string{lang.L("Keep both"), lang.L("The restored file is put beside it, with “(restored)” in its name.")},
		[2]string{lang.L("Replace what is there"), lang.L("Files that exist are overwritten with the ones of the backup.")})
	content := []fyne.CanvasObject{field.Root}
	lead := lang.L("Nothing is written outside this folder. It is made if it does not exist.")
	var to *widgets.Choices
	if f.Snapshot.Original {
		chosen := 0
		if f.original {
			chosen = 1
		}
		to = widgets.NewChoices(chosen,
			[2]string{lang.L("Into a folder"), lead},
			[2]string{lang.L("Where they were"), pathList(f.Snapshot.Sources)})
		to.Below(0, field.Root)
		content, lead = []fyne.CanvasObject{to}, ""
	}
	run := func() {
		f.original = to != nil && to.Chosen() == 1
		if !f.original {
			target, ok := field.Wanted()
			if !ok {
				return
			}
			f.Target = target
		}
		f.conflict = kinds[choices.Chosen()]
		f.run()
	}
	field.Submitted = run
	p := f.newPage(shell.PageParams{
		Name: f.name(), Step: 4, Of: 5, Back: back, Title: lang.L("Where should they go?"),
		Lead:    strings.TrimSpace(f.chosen() + ". " + lead),
		Content: append(content, widgets.Column(theme.Space3, widgets.NewLead(lang.L("If a file exists there already")), choices)),
		Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Restore {{.Files}}", words.Values{"Files": f.w.Words.Files(f.ChosenFiles)}),
			"restore", widgets.Main, run)},
	})
	if to != nil {
		to.OnChanged = func(int) { p.Relayout() }
	}
	f.Put(p.Root)
}

// to is where the files go, for people.
func (f *Flow) to() string {
	if f.original {
		return pathList(f.Snapshot.Sources)
	}
	return core.DisplayName(f.Target)
}

func pathList(paths []string) string {
	var out []string
	for _, p := range paths {
		out = append(out, core.DisplayName(p))
	}
	return strings.Join(out, ", ")
}

// chosen is how much is to be restored.
func (f *Flow) chosen() string {
	return f.w.Words.Files(f.ChosenFiles) + ", " + f.w.Words.Bytes(f.ChosenBytes)
}

func (f *Flow) run() {
	req := core.RestoreRequest{Snapshot: f.Snapshot.ID, Target: f.Target, Paths: f.paths, Conflict: f.conflict}
	if f.original {
		req.Target, req.Original = "", true
	}
	reader := f.reader
	f.job = f.w.Start(core.RunRestore, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := reader.Restore(ctx, req, progress)
		return func() { f.job = nil; f.Result(report, err) }
	})
	if f.job != nil {
		f.running()
	}
}

// openFolder shows a folder in the system's file manager.
func (f *Feature) openFolder(path string) {
	if err := f.w.App.OpenURL(fileURL(filepath.ToSlash(path))); err != nil {
		f.w.Inform(lang.L("The folder cannot be shown here."), path)
	}
}

// fileURL is the URL of a path with slashes. A drive's letter is no host, and a share's server is one.
func fileURL(path string) *url.URL {
	if host, rest, ok := strings.Cut(strings.TrimPrefix(path, "//"), "/"); ok && strings.HasPrefix(path, "//") {
		return &url.URL{Scheme: "file", Host: host, Path: "/" + rest}
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return &url.URL{Scheme: "file", Path: path}
}

package sources

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Messages offers the message programs of this computer that are not chosen
// yet, each with its size and with what its files alone do not bring back.
func (e *Editor) Messages() fyne.CanvasObject {
	find := e.FindApps
	e.w.Work.Run(func(context.Context) func() {
		found := find() // a disk may have to wake
		return func() {
			e.found = found
			e.showApps()
			if e.Changed != nil {
				e.Changed()
			}
			for _, a := range found {
				e.measure(a)
			}
		}
	})
	return e.apps
}

// measure says how large an app's files are, once they are counted.
func (e *Editor) measure(a core.FoundApp) {
	excludes := e.Excludes()
	e.w.Work.Run(func(ctx context.Context) func() {
		_, bytes, err := e.core.Estimate(ctx, a.Paths, excludes, nil)
		return func() {
			if err == nil {
				e.sizes[a.ID] = e.w.Words.Bytes(bytes)
				e.showApps()
			}
		}
	})
}

func (e *Editor) showApps() {
	var rows []fyne.CanvasObject
	for _, a := range e.found {
		missing := slices.DeleteFunc(slices.Clone(a.Paths), e.has)
		if len(missing) == 0 {
			continue
		}
		add := widgets.NewButton(lang.L("Add"), "plus", widgets.Second, func() {
			e.Paths = append(e.Paths, missing...)
			e.Update()
		})
		row := widgets.NewSettingRow("message", appName(a), add, nil).SetValue(appAdvice(a.ID))
		rows = append(rows, row.SetNote(e.sizes[a.ID]))
	}
	e.apps.Objects = nil
	if len(rows) > 0 {
		e.apps.Objects = []fyne.CanvasObject{widgets.NewLead(lang.L("Messages on this computer")), widgets.Rows(rows...)}
	}
	e.apps.Refresh()
}

// has reports whether a path is backed up already.
func (e *Editor) has(path string) bool {
	return slices.ContainsFunc(e.Paths, func(p string) bool { return inside(p, path) })
}

func appName(a core.FoundApp) string {
	switch a.ID {
	case "telegram-export", "whatsapp-export":
		return lang.L("Chats exported from {{.App}}", words.Values{"App": a.Name})
	}
	return a.Name
}

// appAdvice says what should be known before one relies on an app's files.
func appAdvice(id string) string {
	switch id {
	case "signal":
		return lang.L("Its messages are locked with a key in this computer's keyring. Here they open again; on another computer the files alone do not.")
	case "telegram":
		return lang.L("The login and what was downloaded. Chats lie at Telegram: export those that you want to keep.")
	case "telegram-export", "whatsapp-export":
		return lang.L("Readable without the app.")
	case "whatsapp":
		return lang.L("A copy of what your phone has. WhatsApp does not take it back: export the chats that you want to keep.")
	case "element":
		return lang.L("Messages lie at your server, locked with keys. Set up the secure backup in Element too, or they stay locked elsewhere.")
	case "thunderbird":
		return lang.L("Mail, address books and saved passwords. Put the folder back, and all is as it was.")
	case "messages":
		return lang.L("The Mac shows it to Holdfast only with full disk access, which you give in its settings.")
	}
	return ""
}

// inside reports whether a path is dir or below it.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

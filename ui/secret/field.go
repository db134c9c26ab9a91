package secret

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/sheets"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// KeyField asks for a 64-digit key, and after a wrong one what was meant.
type KeyField struct {
	*Feature
	Root     fyne.CanvasObject
	Entry    *widgets.Area
	count    *widgets.Text
	picture  *widgets.Button
	question *fyne.Container
	changed  func()             // the field changed its height
	Accepted func()             // Return was pressed, or a proposal accepted: use what is in the field
	Failed   func(error)        // a picture could not be read; nil: it was
	reading  context.CancelFunc // of a picture; nil: none is read
}

// NewKeyField makes an empty field. changed is called when it changes its height.
func NewKeyField(f *Feature, changed func()) *KeyField {
	k := &KeyField{Feature: f, Entry: widgets.NewArea(4), count: widgets.NewCaption(" "), question: widgets.Column(0), changed: changed}
	k.Entry.SetPlaceHolder(lang.L("16 groups of 4, with or without spaces; or two of three sheets, one after the other"))
	k.Entry.OnReturn = func() { k.Accepted() }
	k.Entry.OnChanged = func(string) { k.update() }
	k.question.Hide()
	k.picture = widgets.NewButton(lang.L("From a picture…"), "file", widgets.Quiet, func() { k.w.Choose.File(k.FromFile) })
	k.Root = widgets.Column(theme.Space2, widgets.NewStrong(lang.L("The 64-digit key")), k.Entry,
		widgets.Row(theme.Space3, widgets.Wide(k.count), k.count, k.picture), k.question)
	k.update()
	return k
}

func (k *KeyField) update() {
	n := 0
	for _, r := range k.Entry.Text {
		if strings.ContainsRune("0123456789abcdefABCDEF", r) {
			n++
		}
	}
	if n > backupkey.Digits {
		k.count.SetText(lang.L("{{.Count}} of the {{.All}} digits of two sheets", words.Values{"Count": n, "All": sheets.Needed * sheets.Digits}))
		return
	}
	k.count.SetText(lang.L("{{.Count}} of 64 digits", words.Values{"Count": n}))
}

// Key reads the field. The caller clears the key.
func (k *KeyField) Key() (*backupkey.Key, error) {
	text := []byte(k.Entry.Text)
	defer clear(text)
	return sheets.ReadKey(context.Background(), text)
}

// Clear empties the field, and drops a picture that is being read.
func (k *KeyField) Clear() {
	if k.reading != nil {
		k.reading()
	}
	k.Entry.SetText("")
}

// Repair looks for the key that was meant, and asks. none is called when
// nothing near what was typed fits.
func (k *KeyField) Repair(found core.Found, none func()) {
	text := []byte(k.Entry.Text)
	k.w.Work.Run(func(ctx context.Context) func() {
		defer clear(text)
		proposals, err := backupkey.Repair(ctx, text, found.KeyID)
		if err == nil && len(proposals) == 0 && found.Changing {
			proposals, err = backupkey.Repair(ctx, text, found.NextKeyID)
		}
		return func() {
			if err != nil || len(proposals) == 0 {
				none()
				return
			}
			k.ask(proposals[0])
		}
	})
}

// ask puts the question; the key is used only after a yes.
func (k *KeyField) ask(p backupkey.Proposal) {
	rows := widgets.Column(theme.Space2, widgets.NewStrong(lang.L("This is not quite the key. Is this what you meant?")))
	for _, c := range p.Changes {
		rows.Add(widgets.NewBody(lang.L("Group {{.Number}}: did you mean {{.After}} instead of {{.Before}}?",
			words.Values{"Number": c.Group, "After": string(c.After), "Before": string(c.Before)})))
	}
	done := func() {
		p.Clear()
		k.question.Hide()
		k.changed()
	}
	yes := widgets.NewButton(lang.L("Yes, correct it"), "", widgets.Main, func() {
		text := p.Key.Text()
		k.Entry.SetText(string(text))
		clear(text)
		done()
		k.Accepted()
	})
	no := widgets.NewButton(lang.L("No"), "", widgets.Second, done)
	rows.Add(widgets.Row(theme.Space3, nil, yes, no))
	k.question.Objects = []fyne.CanvasObject{widgets.Card(rows)}
	k.question.Show()
	k.changed()
}

package secret

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/kit"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// keySteps makes a new key known to the person: it is shown, to be saved, and
// two of its groups are asked back. Setting up and turning encryption on share it.
type keySteps struct {
	*Feature
	name      string
	step, of  int // of the first of the two pages
	key       *backupkey.Key
	back      func()
	last      string // what the button after the check says
	confirmed func(p *shell.Page, next *widgets.Button)
	place     string // where the backup is
	recovery  bool   // the key stands in for a password that was forgotten
}

// show is the page with the key.
func (s *keySteps) show() {
	var grid *widgets.KeyGrid
	next := widgets.NewButton(lang.L("I have saved it"), "", widgets.Main, func() {
		grid.Clear()
		s.check()
	})
	title := lang.L("This is your key")
	lead := lang.L("Save it in a password manager, or write it down, and keep it apart from this computer. Without it nobody can open the backup, not even we.")
	if s.recovery {
		title = lang.L("This is your recovery key")
		lead = lang.L("It opens the backup without the password and without the vault. Save it, or write it down, and keep it apart from this computer.")
	}
	var p *shell.Page
	grid, tools := s.keyCard(s.key, s.place, func(err error) { p.Fail(err) })
	p = s.w.NewPage(shell.PageParams{
		Name: s.name, Step: s.step, Of: s.of, Back: func() { grid.Clear(); s.back() },
		Title: title, Lead: lead,
		Content: []fyne.CanvasObject{
			widgets.Column(theme.Space3, widgets.Card(grid), tools),
		},
		Foot: []fyne.CanvasObject{next},
	})
	s.w.Flow(p.Root)
}

// check asks two groups back.
func (s *keySteps) check() {
	groups := s.key.Groups()
	asked := twoOf(len(groups))
	var p *shell.Page
	var next *widgets.Button
	right := [2]bool{}
	var checks [2]*widgets.GroupCheck
	submit := func() {
		if right[0] && right[1] && !next.Disabled() {
			next.Tapped(nil)
		}
	}
	done := func() {
		for i, g := range groups {
			clear(g)
			groups[i] = nil
		}
		for _, c := range checks {
			c.Entry.SetText("")
		}
	}
	for i, n := range asked {
		checks[i] = widgets.NewGroupCheck(lang.L("Group {{.Number}}", words.Values{"Number": n + 1}), func(typed string) {
			if groups[n] == nil {
				return
			}
			typed = strings.ToLower(strings.Join(strings.Fields(typed), ""))
			right[i] = bytes.Equal([]byte(typed), groups[n])
			switch {
			case right[i]:
				checks[i].Mark("check", widgets.ToneGood, lang.L("That is right."))
				if i == 0 && !right[1] {
					s.w.Canvas().Focus(checks[1].Entry)
				}
			case len(typed) >= backupkey.GroupSize:
				checks[i].Mark("cross", widgets.ToneBad,
					lang.L("That is not group {{.Number}}. Look at what you saved.", words.Values{"Number": n + 1}))
			default:
				checks[i].Mark("", widgets.ToneNeutral, "")
			}
			if right[0] && right[1] {
				next.Enable()
			} else {
				next.Disable()
			}
		}, submit)
	}
	next = widgets.NewButton(s.last, "", widgets.Main, func() { s.confirmed(p, next) })
	next.Disable()
	p = s.w.NewPage(shell.PageParams{
		Name: s.name, Step: s.step + 1, Of: s.of, Back: func() { done(); s.show() },
		Title: lang.L("Do you have it?"), Lead: lang.L("Type two groups back from what you saved, so that we both know it is complete."),
		Content: []fyne.CanvasObject{widgets.Card(widgets.Column(theme.Space4, checks[0], checks[1]))},
		Foot:    []fyne.CanvasObject{next},
	})
	s.w.Flow(p.Root)
	s.w.Canvas().Focus(checks[0].Entry)
}

// twoOf returns two different numbers below n, in order.
func twoOf(n int) [2]int {
	pick := func(n int) int {
		v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
		if err != nil {
			panic("ui: the system has no random numbers: " + err.Error()) // documented never to happen
		}
		return int(v.Int64())
	}
	a, b := pick(n), pick(n-1)
	if b >= a {
		b++
	}
	return [2]int{min(a, b), max(a, b)}
}

// keyCard shows a key and the ways to keep it. place is where the backup is.
func (f *Feature) keyCard(key *backupkey.Key, place string, failed func(error)) (*widgets.KeyGrid, fyne.CanvasObject) {
	grid := widgets.NewKeyGrid()
	grid.SetGroups(key.Groups())
	note := widgets.NewCaption(" ")
	// keep does something with the kit, away from the toolkit's goroutine.
	keep := func(button *widgets.Button, doing, done string, do func(context.Context, kit.Page) error) {
		page := f.recoveryKit(key, place, f.w.Now())
		f.w.WaitFor(button, func(s string) { note.SetText(cmp.Or(s, " ")) }, doing, func(ctx context.Context) func() {
			err := do(ctx, page)
			return func() {
				failed(err)
				if err == nil {
					note.SetText(done)
				}
			}
		})
	}
	copied := widgets.NewButton(lang.L("Copy"), "copy", widgets.Second, func() {
		text := key.Text()
		defer clear(text)
		f.w.Clip.Copy(text)
		note.SetText(lang.L("Copied. Holdfast empties the clipboard after {{.Time}}. A program that keeps what was copied, as many desktops have one, may keep the key: delete it there.", words.Values{"Time": f.w.Words.Duration(f.w.Clip.Keep)}))
	})
	var save *widgets.Button
	save = widgets.NewButton(lang.L("Save recovery kit…"), "save", widgets.Second, func() {
		f.w.Choose.Save(lang.L("Holdfast recovery kit")+".pdf", func(path string) {
			keep(save, lang.L("Saving the kit…"), lang.L("Saved. Print it, or keep the file apart from this computer."),
				func(_ context.Context, p kit.Page) error { return saveKit(path, p) })
		})
	})
	buttons := []fyne.CanvasObject{copied, save}
	if f.print != nil {
		var paper *widgets.Button
		paper = widgets.NewButton(lang.L("Print…"), "print", widgets.Second, func() {
			f.w.Ask(shell.Question{
				Title: lang.L("Print the recovery kit?"),
				Text:  lang.L("It goes to the printer that this computer usually uses. This computer's print queue may keep the page for a day, and a printer in an office for longer: if others use either, rather save the kit."),
				Yes:   lang.L("Print"), No: lang.L("Not now"),
			}, func() {
				keep(paper, lang.L("Handing the page to the printer…"), lang.L("The page is on its way to the printer."), f.printKit)
			})
		})
		buttons = append(buttons, paper)
	}
	var hide *widgets.Button
	hide = widgets.NewButton(lang.L("Hide"), "eye", widgets.Quiet, func() {
		grid.SetHidden(!grid.Hidden())
		hide.SetText(lang.L("Hide"))
		if grid.Hidden() {
			hide.SetText(lang.L("Show"))
		}
	})
	var split *widgets.Button
	split = widgets.NewButton(lang.L("Split it over three sheets of paper…"), "", widgets.Quiet, func() {
		f.w.Choose.Folder("", func(folder string) {
			pages := f.sheetPages(key, place, f.w.Now())
			f.w.WaitFor(split, func(s string) { note.SetText(cmp.Or(s, " ")) }, lang.L("Saving the sheets…"), func(context.Context) func() {
				err := saveSheets(folder, pages)
				return func() {
					failed(err)
					if err == nil {
						note.SetText(lang.L("Three sheets are saved. Give them to three people, or keep them at three places: any two open the backup, one alone tells nothing."))
					}
				}
			})
		})
	})
	return grid, widgets.Column(theme.Space2, widgets.Row(theme.Space3, nil, append(buttons, hide)...), widgets.Aside(split), note)
}

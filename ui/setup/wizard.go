package setup

import (
	"context"
	"errors"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/ui/place"
	"github.com/holdfast-backup/holdfast/ui/schedule"
	"github.com/holdfast-backup/holdfast/ui/secret"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/sources"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// flow sets a backup up: what → where → protection → (key → check) →
// ready. A place that holds a backup already leads to joining it.
type flow struct {
	*Feature
	editor      *sources.Editor
	destination string
	encrypt     bool
	keep        *secret.KeepSteps // make the key
	free        int64             // at the place; negative: not known
	waits       bool              // it was chosen before the files were counted
	forget      func()            // empties the field with the secret of a backup to join
}

func newFlow(f *Feature) *flow {
	flow := &flow{Feature: f, editor: sources.NewEditor(f.sources, core.UsualFolders(),
		[]string{"preset:caches", "preset:temporary", "preset:trash"}), encrypt: true}
	flow.editor.Counted = flow.counted
	flow.keep = &secret.KeepSteps{Feature: f.secret, Name: flow.name(), Step: 4, More: 1, Back: flow.protection, Asked: true,
		Last: lang.L("Set up the backup")}
	flow.keep.Made = func(p *shell.Page, next *widgets.Button) { flow.create(flow.keep.Key, flow.keep.Request(), p, next) }
	return flow
}

// Begin sets a backup up.
func (f *Feature) Begin() { newFlow(f).what() }

// BeginAt sets a backup up at a place that is known; nil sources are the usual ones.
func (f *Feature) BeginAt(destination string, sources []string) {
	flow := newFlow(f)
	flow.destination = destination
	if sources != nil {
		flow.editor.Paths = slices.Clone(sources)
		flow.editor.Update()
	}
	flow.what()
}

func (f *flow) name() string { return lang.L("Set up a backup") }

// of is how many steps there are to come to the end.
func (f *flow) of() int {
	if f.encrypt {
		return f.keep.Of()
	}
	return 4
}

func (f *flow) leave() {
	f.editor.Counting.Stop()
	f.keep.Forget()
	f.sources.Shown = nil
	f.w.LeaveFlow()
}

func (f *flow) what() {
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() { f.editor.AddTyped(f.where) })
	enable := func() {
		if f.editor.Empty() {
			next.Disable()
		} else {
			next.Enable()
		}
	}
	enable()
	p := f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: f.of(), Back: f.leave,
		Title: lang.L("What do you want to keep?"), Lead: lang.L("Whole folders, with all that is in them. You can change this at any time."),
		Content: []fyne.CanvasObject{f.editor.Folders(), f.editor.Messages(), f.editor.Exclusions()}, Foot: []fyne.CanvasObject{next},
	})
	f.editor.Changed = func() { enable(); p.Relayout() }
	f.w.Flow(p.Root)
}

func (f *flow) where() {
	field := place.NewField(f.place, f.destination, lang.L("Folder for the backup"))
	var p *shell.Page
	var next *widgets.Button
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() { f.look(field, p, next) })
	field.Submitted = func() { f.look(field, p, next) }
	field.Sources = f.editor.Paths
	field.Measure()
	field.OrServer(false)
	p = f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: f.of(), Back: f.what,
		Title: lang.L("Where should it be kept?"),
		Lead:  lang.L("A USB disk, a network drive, or the folder of a cloud you use. Not on the same disk as your files, if you can."),
		Content: []fyne.CanvasObject{
			field.Root,
			widgets.Notice(widgets.ToneNeutral, "place", lang.L("Holdfast makes the folder if it does not exist, and touches nothing else there.")),
		},
		Foot:     []fyne.CanvasObject{next},
		Remedies: field.Remedies(),
	})
	field.OfferNearby("Holdfast", p.Relayout)
	f.w.Flow(p.Root)
	f.w.Canvas().Focus(field.Entry)
}

// look sees whether the place holds a backup already.
func (f *flow) look(field *place.Field, p *shell.Page, next *widgets.Button) {
	p.Fail(nil)
	path, ok := field.Wanted()
	if !ok {
		return
	}
	f.destination, f.keep.Place = path, path
	measure, sources := f.place.Free, f.editor.Paths // read here: the window's state is this goroutine's
	f.free, f.waits = -1, f.editor.Bytes == 0
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		var found core.Found
		err := core.CheckPlace(ctx, path, sources)
		if err == nil {
			found, err = f.core.Elsewhere().Inspect(ctx, path)
		}
		free, known := measure(ctx, path)
		return func() {
			switch {
			case err == nil:
				f.existing(found)
			case errors.Is(err, core.ErrNoBackup), errors.Is(err, core.ErrDestinationGone):
				if known {
					f.free = free
				}
				f.begin() // nothing there: it will be made
			default:
				p.Fail(err)
			}
		}
	})
}

// begin goes on with a place that holds no backup, after what there is to ask about it.
func (f *flow) begin() {
	if f.place.AmongFiles(f.destination, f.editor.Paths, f.roomThere) {
		return
	}
	f.roomThere()
}

// roomThere goes on if there is room, as far as it is known. What is still being counted is judged when it is.
func (f *flow) roomThere() {
	if f.small() {
		f.tooSmall(f.free, f.protection)
		return
	}
	f.protection()
}

func (f *flow) small() bool { return f.free >= 0 && f.free < f.editor.Bytes }

// counted judges the room at a place that was chosen before the files were counted.
func (f *flow) counted() {
	if f.waits && f.small() {
		f.waits = false
		f.tooSmall(f.free, func() {})
	}
}

// tooSmall asks about a place with less room than the files take. Much of that may be stored smaller, or once.
func (f *flow) tooSmall(free int64, goOn func()) {

	f.w.Ask(shell.Question{
		Title: lang.L("There may not be enough room"),
		Text: lang.L("Your files take {{.Needs}}, and {{.Free}} are free there. Text and databases are stored smaller; pictures and films are not.",
			words.Values{"Needs": f.w.Words.Bytes(f.editor.Bytes), "Free": f.w.Words.Bytes(free)}),
		Yes: lang.L("Use it all the same"), No: lang.L("Choose another place"), Otherwise: f.where,
	}, goOn)
}

// protection asks who may open the backup, and with what.
func (f *flow) protection() {
	plain := [2]string{lang.L("Not encrypted"), lang.L("Whoever can read the folder can read the backup. You can turn encryption on later.")}
	pairs := [][2]string{
		{lang.L("End-to-end encrypted (recommended)"), lang.L("Everything is locked on this computer. Only your 64-digit key opens it: nobody who holds the disk or the cloud can read it.")}, plain,
	}
	if f.core.Passwords.Possible() {
		pairs = [][2]string{
			{lang.L("End-to-end encrypted, with a 64-digit key (recommended)"),
				lang.L("Only the key opens it, on every computer. You alone keep it, on paper or in a password manager.")},
			{lang.L("End-to-end encrypted, with a password"), secret.PasswordText()}, plain,
		}
	}
	chosen := 0
	switch last := len(pairs) - 1; {
	case !f.encrypt:
		chosen = last
	case f.keep.WithPassword():
		chosen = 1
	}
	choices := widgets.NewChoices(chosen, pairs...)
	var show func()
	if f.core.Passwords.Possible() {
		choices.Below(1, f.keep.RecoveryCheck(func() { show() }))
	}
	var p *shell.Page
	var next *widgets.Button
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if !f.encrypt {
			f.create(nil, nil, p, next)
			return
		}
		f.keep.Begin(p)
	})
	show = func() {
		p = f.w.NewPage(shell.PageParams{
			Name: f.name(), Step: 3, Of: f.of(), Back: f.where,
			Title: lang.L("Who may open it?"), Content: []fyne.CanvasObject{choices}, Foot: []fyne.CanvasObject{next},
		})
		f.w.Flow(p.Root)
	}
	choices.OnChanged = func(i int) {
		f.encrypt = i < len(pairs)-1
		f.keep.ByPass = f.encrypt && i == 1
		show() // the number of steps changed
	}
	show()
}

// create makes the backup. With a key that was shown, the person has just proved to have it.
func (f *flow) create(key *backupkey.Key, password *core.PasswordRequest, p *shell.Page, next *widgets.Button) {
	f.setup(core.SetupRequest{Key: key, Password: password}, p, next, func(err error) {
		if errors.Is(err, core.ErrExistingBackup) { // it came there meanwhile
			f.where()
			return
		}
		p.Fail(err)
	})
}

// setup runs core's Setup and goes on to the end, or calls failed.
func (f *flow) setup(req core.SetupRequest, p *shell.Page, next *widgets.Button, failed func(error)) {
	req.Destination, req.Sources, req.Excludes = f.destination, f.editor.Paths, f.editor.Excludes()
	p.Fail(nil)
	p.Remedies = p.Remedies.With(shell.WayPlace, f.where).With(shell.WayKeyFile, f.secret.KeyFile(p, next, func() { next.Tapped(nil) }))
	confirmed, first := req.Existing || f.keep.WithDigits(), schedule.First(f.w.Now())
	p.Wait(next, lang.L("Setting the backup up at its place…"), func(ctx context.Context) func() {
		err := f.core.Setup(ctx, req)
		if err == nil && req.Key != nil && confirmed {
			_ = f.core.Encryption.ConfirmKey() // only a date to show; the backup is set up
		}
		if err == nil {
			err = f.core.SetSchedule(first)
		}
		return func() {
			if err != nil {
				failed(err)
				return
			}
			if f.forget != nil {
				f.forget()
			}
			req.Key.Clear()
			f.keep.Forget()
			f.ready(req.Existing)
		}
	})
}

func (f *flow) ready(joined bool) {

	f.editor.Counting.Stop()
	m := widgets.NewMedallion(96)
	m.Set("backup", widgets.ToneNeutral) // nothing is stored yet
	line, text := lang.L("Everything is set"),
		lang.L("Nothing is backed up yet. Start the first backup: it takes longest the first time; later only what changed is stored.")
	if joined {
		line, text = lang.L("You joined the backup"), lang.L("Start a backup now to add this computer's files.")
	}
	st := f.core.Status()
	what := widgets.NewSettingRow("folder", lang.L("What"), nil, nil).SetValue(sources.Names(st.Sources))
	where := widgets.NewSettingRow("place", lang.L("Where"), nil, nil)
	where.SetPath(core.DisplayName(places.Title(st.Destination)))
	when := widgets.NewSettingRow("clock", lang.L("When"), nil, nil).SetValue(f.schedule.Line(st.Schedule))
	protected := widgets.NewSettingRow("shield-off", lang.L("Not encrypted"), nil,
		nil).SetValue(lang.L("Whoever can read the folder can read the backup."))
	if st.Protection == core.ProtectionKey {
		protected = widgets.NewSettingRow("shield", lang.L("End-to-end encrypted"), nil, nil).SetValue(secret.OpensLine(st))
	}
	content := []fyne.CanvasObject{container.NewCenter(m), shell.Headline(line, text)}
	atLogin := f.w.LoginCheck()
	if atLogin != nil {
		content = append(content, atLogin) // a question is above what is only told
	}
	content = append(content, widgets.Rows(what, where, when, protected))
	leave := func() { f.w.StartAtLogin(atLogin); f.w.LeaveFlow() }
	p := f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: f.of(), Of: f.of(), Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Later"), "", widgets.Second, leave),
			widgets.NewButton(lang.L("Back up now"), "backup", widgets.Main, func() { leave(); f.backUp() }),
		},
	})
	f.w.Flow(p.Root)
}

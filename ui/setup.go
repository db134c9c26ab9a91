package ui

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-backup/holdfast/ui/shell"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// setupFlow sets a backup up: what → where → protection → (key → check) →
// ready. A place that holds a backup already leads to joining it.
type setupFlow struct {
	u           *UI
	sources     *sourceEditor
	destination string
	encrypt     bool
	keep        *keepSteps // make the key
	free        int64      // at the place; negative: not known
	waits       bool       // it was chosen before the files were counted
	forget      func()     // empties the field with the secret of a backup to join
}

func newSetupFlow(u *UI) *setupFlow {
	f := &setupFlow{u: u, sources: newSourceEditor(u, core.UsualFolders(), []string{"preset:caches", "preset:temporary", "preset:trash"}), encrypt: true}
	f.sources.counted = f.counted
	f.keep = &keepSteps{u: u, name: f.name(), step: 4, more: 1, back: f.protection, asked: true, last: lang.L("Set up the backup")}
	f.keep.made = func(p *shell.Page, next *widgets.Button) { f.create(f.keep.key, f.keep.request(), p, next) }
	return f
}

// setUp sets a backup up.
func (u *UI) setUp() { newSetupFlow(u).what() }

// setUpAt sets a backup up at a place that is known; nil sources are the usual ones.
func (u *UI) setUpAt(destination string, sources []string) {
	f := newSetupFlow(u)
	f.destination = destination
	if sources != nil {
		f.sources.paths = slices.Clone(sources)
		f.sources.update()
	}
	f.what()
}

func (f *setupFlow) name() string { return lang.L("Set up a backup") }

// of is how many steps there are to come to the end.
func (f *setupFlow) of() int {
	if f.encrypt {
		return f.keep.of()
	}
	return 4
}

func (f *setupFlow) leave() {
	f.sources.counting.Stop()
	f.keep.forget()
	f.u.editor = nil
	f.u.w.LeaveFlow()
}

func (f *setupFlow) what() {
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() { f.sources.addTyped(f.where) })
	enable := func() {
		if f.sources.empty() {
			next.Disable()
		} else {
			next.Enable()
		}
	}
	enable()
	p := f.u.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: f.of(), Back: f.leave,
		Title: lang.L("What do you want to keep?"), Lead: lang.L("Whole folders, with all that is in them. You can change this at any time."),
		Content: []fyne.CanvasObject{f.sources.folders(), f.sources.messages(), f.sources.exclusions()}, Foot: []fyne.CanvasObject{next},
	})
	f.sources.changed = func() { enable(); p.Relayout() }
	f.u.w.Flow(p.Root)
}

func (f *setupFlow) where() {
	field := newPlaceField(f.u, f.destination, lang.L("Folder for the backup"))
	var p *shell.Page
	var next *widgets.Button
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() { f.look(field, p, next) })
	field.submitted = func() { f.look(field, p, next) }
	field.sources = f.sources.paths
	field.measure()
	p = f.u.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 2, Of: f.of(), Back: f.what,
		Title: lang.L("Where should it be kept?"),
		Lead:  lang.L("A USB disk, a network drive, or the folder of a cloud you use. Not on the same disk as your files, if you can."),
		Content: []fyne.CanvasObject{
			field.root,
			widgets.Notice(widgets.ToneNeutral, "place", lang.L("Holdfast makes the folder if it does not exist, and touches nothing else there.")),
		},
		Foot:     []fyne.CanvasObject{next},
		Remedies: field.remedies(),
	})
	f.u.w.Flow(p.Root)
	f.u.w.Canvas().Focus(field.entry)
}

// look sees whether the place holds a backup already.
func (f *setupFlow) look(field *placeField, p *shell.Page, next *widgets.Button) {
	p.Fail(nil)
	path, ok := field.wanted()
	if !ok {
		return
	}
	f.destination, f.keep.place = path, path
	measure, sources := f.u.free, f.sources.paths // read here: the window's state is this goroutine's
	f.free, f.waits = -1, f.sources.bytes == 0
	p.Wait(next, lang.L("Looking at the place…"), func(ctx context.Context) func() {
		var found core.Found
		err := core.CheckPlace(ctx, path, sources)
		if err == nil {
			found, err = f.u.core.Elsewhere().Inspect(ctx, path)
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
func (f *setupFlow) begin() {
	if f.u.amongFiles(f.destination, f.sources.paths, f.roomThere) {
		return
	}
	f.roomThere()
}

// roomThere goes on if there is room, as far as it is known. What is still being counted is judged when it is.
func (f *setupFlow) roomThere() {
	if f.small() {
		f.tooSmall(f.free, f.protection)
		return
	}
	f.protection()
}

func (f *setupFlow) small() bool { return f.free >= 0 && f.free < f.sources.bytes }

// counted judges the room at a place that was chosen before the files were counted.
func (f *setupFlow) counted() {
	if f.waits && f.small() {
		f.waits = false
		f.tooSmall(f.free, func() {})
	}
}

// tooSmall asks about a place with less room than the files take. Much of that may be stored smaller, or once.
func (f *setupFlow) tooSmall(free int64, goOn func()) {
	u := f.u
	u.w.Ask(shell.Question{
		Title: lang.L("There may not be enough room"),
		Text: lang.L("Your files take {{.Needs}}, and {{.Free}} are free there. Text and databases are stored smaller; pictures and films are not.",
			words.Values{"Needs": u.w.Words.Bytes(f.sources.bytes), "Free": u.w.Words.Bytes(free)}),
		Yes: lang.L("Use it all the same"), No: lang.L("Choose another place"), Otherwise: f.where,
	}, goOn)
}

// protection asks who may open the backup, and with what.
func (f *setupFlow) protection() {
	plain := [2]string{lang.L("Not encrypted"), lang.L("Whoever can read the folder can read the backup. You can turn encryption on later.")}
	pairs := [][2]string{
		{lang.L("End-to-end encrypted (recommended)"), lang.L("Everything is locked on this computer. Only your 64-digit key opens it: nobody who holds the disk or the cloud can read it.")}, plain,
	}
	if f.u.core.Passwords.Possible() {
		pairs = [][2]string{
			{lang.L("End-to-end encrypted, with a 64-digit key (recommended)"), lang.L("Only the key opens it, on every computer. You alone keep it, on paper or in a password manager.")},
			{lang.L("End-to-end encrypted, with a password"), passwordText()}, plain,
		}
	}
	chosen := 0
	switch last := len(pairs) - 1; {
	case !f.encrypt:
		chosen = last
	case f.keep.withPassword():
		chosen = 1
	}
	choices := widgets.NewChoices(chosen, pairs...)
	var show func()
	if f.u.core.Passwords.Possible() {
		choices.Below(1, f.keep.recoveryCheck(func() { show() }))
	}
	var p *shell.Page
	var next *widgets.Button
	next = widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() {
		if !f.encrypt {
			f.create(nil, nil, p, next)
			return
		}
		f.keep.begin(p)
	})
	show = func() {
		p = f.u.w.NewPage(shell.PageParams{
			Name: f.name(), Step: 3, Of: f.of(), Back: f.where,
			Title: lang.L("Who may open it?"), Content: []fyne.CanvasObject{choices}, Foot: []fyne.CanvasObject{next},
		})
		f.u.w.Flow(p.Root)
	}
	choices.OnChanged = func(i int) {
		f.encrypt = i < len(pairs)-1
		f.keep.byPass = f.encrypt && i == 1
		show() // the number of steps changed
	}
	show()
}

// create makes the backup. With a key that was shown, the person has just proved to have it.
func (f *setupFlow) create(key *backupkey.Key, password *core.PasswordRequest, p *shell.Page, next *widgets.Button) {
	f.setup(core.SetupRequest{Key: key, Password: password}, p, next, func(err error) {
		if errors.Is(err, core.ErrExistingBackup) { // it came there meanwhile
			f.where()
			return
		}
		p.Fail(err)
	})
}

// setup runs core's Setup and goes on to the end, or calls failed.
func (f *setupFlow) setup(req core.SetupRequest, p *shell.Page, next *widgets.Button, failed func(error)) {
	req.Destination, req.Sources, req.Excludes = f.destination, f.sources.paths, f.sources.excludes()
	p.Fail(nil)
	p.Remedies = p.Remedies.With(shell.WayPlace, f.where).With(shell.WayKeyFile, f.u.keyFile(p, next, func() { next.Tapped(nil) }))
	confirmed, first := req.Existing || f.keep.withDigits(), firstSchedule(f.u.w.Now())
	p.Wait(next, lang.L("Setting the backup up at its place…"), func(ctx context.Context) func() {
		err := f.u.core.Setup(ctx, req)
		if err == nil && req.Key != nil && confirmed {
			_ = f.u.core.Encryption.ConfirmKey() // only a date to show; the backup is set up
		}
		if err == nil {
			err = f.u.core.SetSchedule(first)
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
			f.keep.forget()
			f.ready(req.Existing)
		}
	})
}

func (f *setupFlow) ready(joined bool) {
	u := f.u
	f.sources.counting.Stop()
	m := widgets.NewMedallion(96)
	m.Set("backup", widgets.ToneNeutral) // nothing is stored yet
	line, text := lang.L("Everything is set"), lang.L("Nothing is backed up yet. Start the first backup: it takes longest the first time; later only what changed is stored.")
	if joined {
		line, text = lang.L("You joined the backup"), lang.L("Start a backup now to add this computer's files.")
	}
	st := u.core.Status()
	what := widgets.NewSettingRow("folder", lang.L("What"), nil, nil).SetValue(sourceNames(st.Sources))
	where := widgets.NewSettingRow("place", lang.L("Where"), nil, nil)
	where.SetPath(st.Destination)
	when := widgets.NewSettingRow("clock", lang.L("When"), nil, nil).SetValue(u.scheduleLine(st.Schedule))
	protected := widgets.NewSettingRow("shield-off", lang.L("Not encrypted"), nil, nil).SetValue(lang.L("Whoever can read the folder can read the backup."))
	if st.Protection == core.ProtectionKey {
		protected = widgets.NewSettingRow("shield", lang.L("End-to-end encrypted"), nil, nil).SetValue(opensLine(st))
	}
	content := []fyne.CanvasObject{container.NewCenter(m), shell.Headline(line, text)}
	atLogin := u.w.LoginCheck()
	if atLogin != nil {
		content = append(content, atLogin) // a question is above what is only told
	}
	content = append(content, widgets.Rows(what, where, when, protected))
	leave := func() { u.w.StartAtLogin(atLogin); u.w.LeaveFlow() }
	p := u.w.NewPage(shell.PageParams{
		Name: f.name(), Step: f.of(), Of: f.of(), Content: content,
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Later"), "", widgets.Second, leave),
			widgets.NewButton(lang.L("Back up now"), "backup", widgets.Main, func() { leave(); u.backUp() }),
		},
	})
	u.w.Flow(p.Root)
}

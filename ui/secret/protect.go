package secret

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// protectFlow turns end-to-end encryption on: what it means → the key → the
// check → the work, each step named → the proof. Off: what becomes of the
// older backups → the work → done.
type protectFlow struct {
	*Feature
	keep *KeepSteps
}

func newProtectFlow(f *Feature) *protectFlow {
	flow := &protectFlow{Feature: f}
	flow.keep = &KeepSteps{Feature: f, Name: flow.name(), Step: 2, More: 2, Place: f.core.Status().Destination, Back: flow.means,
		Last: lang.L("Encrypt the backup")}
	flow.keep.Made = func(*shell.Page, *widgets.Button) { flow.work() }
	return flow
}

// TurnOn leads to end-to-end encryption.
func (f *Feature) TurnOn() { newProtectFlow(f).means() }

func (f *protectFlow) name() string { return lang.L("End-to-end encryption") }

func (f *protectFlow) leave() {
	f.keep.Forget()
	f.w.LeaveFlow()
}

func (f *protectFlow) means() {
	var p *shell.Page
	next := widgets.NewButton(lang.L("Continue"), "", widgets.Main, func() { f.keep.Begin(p) })
	opens := widgets.NewSettingRow("key", lang.L("Only your key opens it"), nil,
		nil).SetValue(lang.L("You get a key of 64 digits. Whoever holds the disk or the cloud sees nothing: no names, no contents."))
	if f.core.Passwords.Possible() {
		opens.SetValue(lang.L("You keep it behind a password, as 64 digits, or both. Whoever holds the disk or the cloud sees nothing: no names, no contents."))
	}
	p = f.w.NewPage(shell.PageParams{
		Name: f.name(), Step: 1, Of: f.keep.Of(), Back: f.leave,
		Title: lang.L("Lock your backup"),
		Lead:  lang.L("With end-to-end encryption, everything is locked on this computer before it leaves it."),
		Content: []fyne.CanvasObject{widgets.Rows(
			opens,
			widgets.NewSettingRow("backup", lang.L("Everything is stored afresh"), nil, nil).SetValue(lang.L("A new, encrypted backup is made and read back. Only then the unencrypted one is deleted. It needs space for both meanwhile.")),
			widgets.NewSettingRow("warning", lang.L("Nobody can replace the key"), nil, nil).SetValue(lang.L("If you lose it and this computer, the backup stays locked for ever. So you save it first, and show that you have it.")),
		)},
		Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Not now"), "", widgets.Second, f.leave), next},
	})
	f.w.Flow(p.Root)
}

// work turns encryption on with the key that the person has.
func (f *protectFlow) work() {
	key, password, confirmed := f.keep.Key, f.keep.Request(), f.keep.WithDigits()
	f.change(core.RunTurnOn, f.keep.Of(), func(ctx context.Context, progress func(core.Progress)) (core.BackupReport, error) {
		if confirmed { // before: what is cut off goes on without asking again
			_ = f.core.Encryption.ConfirmKey() // only a date to show
		}
		report, err := f.core.Encryption.TurnOn(ctx, key, password, progress)
		key.Clear() // the profile keeps it now, or there is nothing to keep it for
		if password != nil {
			clear(password.Password)
		}
		return report, err
	})
}

// TurnOff says what becomes of what is there, then asks.
func (f *Feature) TurnOff() {
	p := f.w.NewPage(shell.PageParams{
		Name: lang.L("Turn encryption off"), Step: 1, Of: 3, Back: f.w.LeaveFlow,
		Title: lang.L("Turn encryption off?"),
		Lead:  lang.L("A new backup without encryption is made and read back. Then the encrypted one is deleted, with all its dates."),
		Content: []fyne.CanvasObject{
			widgets.Notice(widgets.ToneAttention, "warning",
				lang.L("From then on, whoever can read the folder can read your files. Older dates cannot be restored any more.")),
			widgets.Notice(widgets.ToneNeutral, "shield", lang.L("If it is cut off, the encrypted backup stays whole, and you can go on later.")),
		},
		Foot: []fyne.CanvasObject{
			widgets.NewButton(lang.L("Keep it encrypted"), "", widgets.Second, f.w.LeaveFlow),
			widgets.NewButton(lang.L("Turn encryption off"), "", widgets.Danger, func() { f.change(core.RunTurnOff, 3, f.core.Encryption.TurnOff) }),
		},
	})
	f.w.Flow(p.Root)
}

// GoOn resumes a change that was cut off, or that was being taken back.
func (f *Feature) GoOn() {
	if GivingUp(f.core.Status()) {
		f.giveUp()
		return
	}
	kind, of := core.RunTurnOn, 5
	if f.core.Status().Change == core.ChangeTurnOff {
		kind, of = core.RunTurnOff, 3
	}
	f.change(kind, of, f.core.Encryption.Resume)
}

// change runs a change of protection and shows its steps to the end. The
// wizard has of pages: the work is the last but one.
func (f *Feature) change(kind core.RunKind, of int, run func(context.Context, func(core.Progress)) (core.BackupReport, error)) {
	j := f.w.Start(kind, func(ctx context.Context, progress func(core.Progress)) func() {
		report, err := run(ctx, progress)
		return func() { f.changed(kind, of, report, err) }
	})
	if j == nil {
		return
	}
	name, lead := lang.L("End-to-end encryption"),
		lang.L("The unencrypted backup stays until the new one is proven. You may stop at any time and go on later.")
	if kind == core.RunTurnOff {
		name, lead = lang.L("Turn encryption off"),
			lang.L("The encrypted backup stays until the new one is proven. You may stop at any time and go on later.")
	}
	panel := j.Panel()
	steps := newStepList(f)
	watch := j.Watch
	j.Watch = func(p core.Progress) { watch(p); steps.set(p.Step) }
	steps.set(core.StepPreparing)
	p := f.w.NewPage(shell.PageParams{
		Name: name, Step: of - 1, Of: of, Title: lang.L("Making the new backup"), Lead: lead,
		Content: []fyne.CanvasObject{panel, steps.root},
	})
	f.w.Flow(p.Root)
}

// changed shows how a change ended.
func (f *Feature) changed(kind core.RunKind, of int, report core.BackupReport, err error) {
	f.w.Outdated(true)
	m := widgets.NewMedallion(96)
	content := []fyne.CanvasObject{container.NewCenter(m)}
	done := widgets.NewButton(lang.L("Done"), "", widgets.Main, f.w.LeaveFlow)
	foot := []fyne.CanvasObject{done}
	var p *shell.Page
	name := lang.L("End-to-end encryption")
	if kind == core.RunTurnOff {
		name = lang.L("Turn encryption off")
	}
	heading := func(line, text string) { content = append(content, shell.Headline(line, text)) }
	switch {
	case err == nil && kind == core.RunTurnOn:
		m.Set("shield", widgets.ToneGood)
		proof := lang.L("Every file from now on is locked with your key.")
		if report.Snapshot != "" {
			proof = lang.L("{{.Files}} ({{.Size}}) were stored anew, read back and checked with your key. The unencrypted backup is deleted.",
				words.Values{"Files": f.w.Words.Files(report.Files), "Size": f.w.Words.Bytes(report.Bytes)})
		}
		heading(lang.L("Your backup is end-to-end encrypted"), proof)
	case err == nil:
		m.Set("check", widgets.ToneGood)
		heading(lang.L("Your backup is not encrypted any more"),
			lang.L("The new backup was read back and checked, and the encrypted one is deleted. The old key is not needed any more."))
	default:
		m.Set("warning", widgets.ToneAttention)
		st := f.core.Status()
		if errors.Is(err, context.Canceled) {
			heading(lang.L("Stopped"), lang.L("The older backup is whole. Go on whenever you like; what is stored already is used again."))
		} else {
			heading(lang.L("It is not finished yet"), lang.L("The older backup is whole."))
			goOn := f.TurnOn
			if st.Change != core.ChangeNone {
				goOn = f.GoOn
			}
			content = append(content, f.w.ErrorPanel(err, shell.Remedies{shell.WayKeyFile: func() { f.KeyFile(p, done, goOn)() }}))
		}
		content = append(content, shell.ProblemList(f.w, report.Problems)...)
		if st.Change != core.ChangeNone {
			done.Kind = widgets.Second
			done.SetText(lang.L("Later"))
			foot = []fyne.CanvasObject{
				done, widgets.NewButton(lang.L("Leave it as it was"), "", widgets.Second, f.AskGiveUp),
				widgets.NewButton(lang.L("Go on"), "", widgets.Main, f.GoOn),
			}
		}
	}
	p = f.w.NewPage(shell.PageParams{Name: name, Step: of, Of: of, Content: content, Foot: foot})
	f.w.Flow(p.Root)
}

// stepList names the steps of a change and marks how far it is.
type stepList struct {
	root  fyne.CanvasObject
	rows  []*widgets.SettingRow
	steps []core.Step
}

func newStepList(f *Feature) *stepList {
	l := &stepList{steps: []core.Step{core.StepPreparing, core.StepBackingUp, core.StepFinishing, core.StepProving, core.StepDeleting}}
	var rows []fyne.CanvasObject
	for _, s := range l.steps {
		r := widgets.NewSettingRow("clock", f.w.Words.Step(s), nil, nil)
		l.rows = append(l.rows, r)
		rows = append(rows, r)
	}
	l.root = widgets.Rows(rows...)
	return l
}

func (l *stepList) set(now core.Step) {
	at := 0
	for i, s := range l.steps {
		if s == now {
			at = i
		}
	}
	for i, r := range l.rows {
		switch {
		case i < at:
			r.SetIcon("check", widgets.ToneGood)
		case i == at:
			r.SetIcon("play", widgets.TonePrimary)
		default:
			r.SetIcon("clock", widgets.ToneNeutral)
		}
	}
}

// ShowKey shows the key of the backup.
func (f *Feature) ShowKey() {
	empty := func() *shell.Page {
		p := f.w.NewPage(shell.PageParams{Name: lang.L("Your 64-digit key"), Back: f.w.LeaveFlow})
		f.w.Flow(p.Root)
		return p
	}
	f.w.Wait(func(sentence string) {
		if sentence != "" {
			empty().Say(sentence)
		}
	}, lang.L("Asking the keyring for the key…"), func(ctx context.Context) func() {
		key, err := f.core.Encryption.Key(ctx)
		return func() {
			if err != nil {
				p := empty()
				p.Again = f.ShowKey
				p.Fail(err)
				return
			}
			var p *shell.Page
			grid, tools := f.keyCard(key, f.core.Status().Destination, func(err error) { p.Fail(err) })
			leave := func() {
				grid.Clear()
				key.Clear()
				f.w.LeaveFlow()
			}
			p = f.w.NewPage(shell.PageParams{
				Name: lang.L("Your 64-digit key"), Back: leave, Title: lang.L("This is your key"),
				Lead:    lang.L("It opens this backup on any computer. Show it to nobody whom you would not show your files."),
				Content: []fyne.CanvasObject{widgets.Column(theme.Space3, widgets.Card(grid), tools)},
				Foot: []fyne.CanvasObject{
					widgets.NewButton(lang.L("Change the key"), "", widgets.Second, func() { leave(); f.changeKey() }),
					widgets.NewButton(lang.L("Done"), "", widgets.Main, leave),
				},
			})
			f.w.Flow(p.Root)
		}
	})
}

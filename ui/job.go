package ui

import (
	"context"
	"sync"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// job is the one piece of long work under way. It outlives the screen that
// started it: screens watch it while they are shown.
type job struct {
	kind     core.RunKind
	cancel   context.CancelFunc
	last     core.Progress
	watch    func(core.Progress)
	hero     func() // says anew how things are, above the panel
	stopping bool
}

// start begins long work, unless other work is under way. fn runs in a
// goroutine; what it returns runs when it has ended.
func (u *UI) start(kind core.RunKind, fn func(ctx context.Context, progress func(core.Progress)) (end func())) *job {
	if u.job != nil {
		u.inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		return nil
	}
	j := &job{kind: kind, last: core.Progress{Step: core.StepPreparing, TimeLeft: -1}}
	u.job = j
	defer u.tray.update()
	j.cancel = u.work.run(func(ctx context.Context) func() {
		end := fn(ctx, u.report(j))
		return func() {
			u.job = nil
			u.tray.update()
			if end != nil {
				end()
			}
			if u.closing {
				u.quit()
			}
		}
	})
	return j
}

// report returns a callback for core that hands on only the newest progress:
// the window may be slower than the work.
func (u *UI) report(j *job) func(core.Progress) {
	var mu sync.Mutex
	var newest core.Progress
	waiting := false
	return func(p core.Progress) {
		mu.Lock()
		newest = p
		before := waiting
		waiting = true
		mu.Unlock()
		if before {
			return
		}
		u.work.do(func() {
			mu.Lock()
			p := newest
			waiting = false
			mu.Unlock()
			if u.job != j {
				return
			}
			j.last = p
			if j.watch != nil && !j.stopping {
				j.watch(p)
			}
		})
	}
}

// panel returns the panel of the job under way, kept up to date while it is
// the newest one.
func (u *UI) panel(j *job) *widgets.ProgressPanel {
	var p *widgets.ProgressPanel
	var pause func()
	if j.kind == core.RunBackup {
		pause = func() {
			if j.last.Paused {
				u.core.Resume()
			} else {
				u.core.Pause()
			}
			j.last.Paused = !j.last.Paused
			p.Set(u.progressState(j.last))
			if j.hero != nil {
				j.hero()
			}
			u.tray.update()
		}
	}
	p = widgets.NewProgressPanel(lang.L("Pause"), lang.L("Resume"), lang.L("Cancel"), pause, func() {
		j.stopping = true
		p.SetStopping(lang.L("Stopping…"))
		u.core.Resume() // a paused backup would not notice
		j.cancel()
	})
	p.Set(u.progressState(j.last))
	if j.stopping {
		p.SetStopping(lang.L("Stopping…"))
	}
	j.watch = func(now core.Progress) { p.Set(u.progressState(now)) }
	return p
}

func (u *UI) progressState(p core.Progress) widgets.ProgressState {
	s := widgets.ProgressState{Step: u.words.Step(p.Step), Share: -1, Path: p.Path, Paused: p.Paused}
	if p.Waiting != "" {
		s.Path = lang.L("{{.Path}} does not answer. Holdfast waits a moment, then goes on without it.", vals{"Path": core.DisplayName(p.Waiting)})
	}
	// The total is the last backup's. When more than that turns up, core raises
	// it along, and a share of it would only ever say 100 %.
	outgrown := p.Step == core.StepBackingUp && p.BytesDone > 0 && p.BytesDone >= p.BytesTotal
	switch {
	case outgrown:
		s.Amount = lang.L("{{.Done}} looked at, {{.New}} new, still counting", vals{"Done": u.words.Bytes(p.BytesDone), "New": u.words.Bytes(p.BytesNew)})
	case p.BytesTotal > 0:
		s.Share = float32(float64(p.BytesDone) / float64(p.BytesTotal))
		s.Percent = words.Percent(p.BytesDone, p.BytesTotal)
		s.Amount = lang.L("{{.Done}} of {{.Total}}", vals{"Done": u.words.Bytes(p.BytesDone), "Total": u.words.Bytes(p.BytesTotal)})
		if p.Step == core.StepBackingUp { // most of it is only looked at
			s.Amount = lang.L("{{.Done}} of {{.Total}} looked at, {{.New}} new",
				vals{"Done": u.words.Bytes(p.BytesDone), "Total": u.words.Bytes(p.BytesTotal), "New": u.words.Bytes(p.BytesNew)})
		}
	case p.FilesTotal > 0:
		s.Share = float32(float64(p.FilesDone) / float64(p.FilesTotal))
		s.Percent = words.Percent(p.FilesDone, p.FilesTotal)
		total := u.words.Files(p.FilesTotal)
		if p.Step == core.StepDeleting {
			total = u.words.Count(p.FilesTotal) // of the backup's objects, which are no files of the person's
		}
		s.Amount = lang.L("{{.Done}} of {{.Total}}", vals{"Done": u.words.Count(p.FilesDone), "Total": total})
	case p.FilesDone > 0:
		s.Amount = u.words.Files(p.FilesDone) + " · " + u.words.Bytes(p.BytesDone)
	}
	if p.Paused {
		s.Step = lang.L("Paused")
		return s
	}
	if p.BytesPerSecond >= 1 {
		s.Speed = lang.L("{{.Size}}/s", vals{"Size": u.words.Bytes(int64(p.BytesPerSecond))})
	}
	if p.TimeLeft >= 0 && !outgrown {
		s.Left = lang.L("{{.Time}} left", vals{"Time": u.words.Duration(p.TimeLeft)})
	}
	return s
}

package shell

import (
	"context"
	"sync"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// Job is the one piece of long work under way. It outlives the screen that
// started it: screens watch it while they are shown.
type Job struct {
	w        *Window
	Kind     core.RunKind
	cancel   context.CancelFunc
	Last     core.Progress
	Watch    func(core.Progress)
	Hero     func() // says anew how things are, above the panel
	stopping bool
}

// Start begins long work, unless other work is under way. fn runs in a
// goroutine; what it returns runs when it has ended.
func (w *Window) Start(kind core.RunKind, fn func(ctx context.Context, progress func(core.Progress)) (end func())) *Job {
	if w.Job != nil {
		w.Inform(lang.L("Other work is under way."), lang.L("Wait for it to end, or cancel it, then try again."))
		return nil
	}
	j := &Job{w: w, Kind: kind, Last: core.Progress{Step: core.StepPreparing, TimeLeft: -1}}
	w.Job = j
	defer w.Tray.Update()
	j.cancel = w.Work.Run(func(ctx context.Context) func() {
		end := fn(ctx, j.report())
		return func() {
			w.Job = nil
			w.Tray.Update()
			if end != nil {
				end()
			}
			if w.closing {
				w.quit()
			}
		}
	})
	return j
}

// Stop stops the work, soon.
func (j *Job) Stop() {
	j.stopping = true
	j.w.core.Resume() // a backup that is held would not notice
	j.cancel()
}

// report returns a callback for core that hands on only the newest progress:
// the window may be slower than the work.
func (j *Job) report() func(core.Progress) {
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
		j.w.Work.Do(func() {
			mu.Lock()
			p := newest
			waiting = false
			mu.Unlock()
			if j.w.Job != j {
				return
			}
			j.Last = p
			if j.Watch != nil && !j.stopping {
				j.Watch(p)
			}
		})
	}
}

// Panel returns the panel of the work, kept up to date while it is
// the newest one.
func (j *Job) Panel() *widgets.ProgressPanel {
	var p *widgets.ProgressPanel
	var pause func()
	if j.Kind == core.RunBackup {
		pause = func() {
			if j.Last.Paused {
				j.w.core.Resume()
			} else {
				j.w.core.Pause()
			}
			j.Last.Paused = !j.Last.Paused
			p.Set(progressState(j.w.Words, j.Last))
			if j.Hero != nil {
				j.Hero()
			}
			j.w.Tray.Update()
		}
	}
	p = widgets.NewProgressPanel(lang.L("Pause"), lang.L("Resume"), lang.L("Cancel"), pause, func() {
		p.SetStopping(lang.L("Stopping…"))
		j.Stop()
	})
	p.Set(progressState(j.w.Words, j.Last))
	if j.stopping {
		p.SetStopping(lang.L("Stopping…"))
	}
	j.Watch = func(now core.Progress) { p.Set(progressState(j.w.Words, now)) }
	return p
}

// progressState says how far work is.
func progressState(w words.Words, p core.Progress) widgets.ProgressState {
	s := widgets.ProgressState{Step: w.Step(p.Step), Share: -1, Path: p.Path, Paused: p.Paused}
	if p.Waiting != "" {
		s.Path = lang.L("{{.Path}} does not answer. Holdfast waits a moment, then goes on without it.",
			words.Values{"Path": core.DisplayName(p.Waiting)})
	}
	// The total is the last backup's. When more than that turns up, core raises
	// it along, and a share of it would only ever say 100 %.
	outgrown := p.Step == core.StepBackingUp && p.BytesDone > 0 && p.BytesDone >= p.BytesTotal
	switch {
	case outgrown:
		s.Amount = lang.L("{{.Done}} looked at, {{.New}} new, still counting",
			words.Values{"Done": w.Bytes(p.BytesDone), "New": w.Bytes(p.BytesNew)})
	case p.BytesTotal > 0:
		s.Share = float32(float64(p.BytesDone) / float64(p.BytesTotal))
		s.Percent = words.Percent(p.BytesDone, p.BytesTotal)
		s.Amount = lang.L("{{.Done}} of {{.Total}}", words.Values{"Done": w.Bytes(p.BytesDone), "Total": w.Bytes(p.BytesTotal)})
		if p.Step == core.StepBackingUp { // most of it is only looked at
			s.Amount = lang.L("{{.Done}} of {{.Total}} looked at, {{.New}} new",
				words.Values{"Done": w.Bytes(p.BytesDone), "Total": w.Bytes(p.BytesTotal), "New": w.Bytes(p.BytesNew)})
		}
	case p.FilesTotal > 0:
		s.Share = float32(float64(p.FilesDone) / float64(p.FilesTotal))
		s.Percent = words.Percent(p.FilesDone, p.FilesTotal)
		total := w.Files(p.FilesTotal)
		if p.Step == core.StepDeleting {
			total = w.Count(p.FilesTotal) // of the backup's objects, which are no files of the person's
		}
		s.Amount = lang.L("{{.Done}} of {{.Total}}", words.Values{"Done": w.Count(p.FilesDone), "Total": total})
	case p.FilesDone > 0:
		s.Amount = w.Files(p.FilesDone) + " · " + w.Bytes(p.BytesDone)
	}
	if p.Paused {
		s.Step = lang.L("Paused")
		return s
	}
	if p.BytesPerSecond >= 1 {
		s.Speed = lang.L("{{.Size}}/s", words.Values{"Size": w.Bytes(int64(p.BytesPerSecond))})
	}
	if p.TimeLeft >= 0 && !outgrown {
		s.Left = lang.L("{{.Time}} left", words.Values{"Time": w.Duration(p.TimeLeft)})
	}
	return s
}

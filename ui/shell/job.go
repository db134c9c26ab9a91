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
	j := &Job{Kind: kind, Last: core.Progress{Step: core.StepPreparing, TimeLeft: -1}}
	w.Job = j
	defer w.Tray.Update()
	j.cancel = w.Work.Run(func(ctx context.Context) func() {
		end := fn(ctx, w.report(j))
		return func() {
			w.Job = nil
			w.Tray.Update()
			if end != nil {
				end()
			}
			if w.Closing {
				w.quit()
			}
		}
	})
	return j
}

// StopJob stops the work under way, soon.
func (w *Window) StopJob() {
	w.Job.stopping = true
	w.core.Resume() // a backup that is held would not notice
	w.Job.cancel()
}

// report returns a callback for core that hands on only the newest progress:
// the window may be slower than the work.
func (w *Window) report(j *Job) func(core.Progress) {
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
		w.Work.Do(func() {
			mu.Lock()
			p := newest
			waiting = false
			mu.Unlock()
			if w.Job != j {
				return
			}
			j.Last = p
			if j.Watch != nil && !j.stopping {
				j.Watch(p)
			}
		})
	}
}

// Panel returns the panel of the job under way, kept up to date while it is
// the newest one.
func (w *Window) Panel(j *Job) *widgets.ProgressPanel {
	var p *widgets.ProgressPanel
	var pause func()
	if j.Kind == core.RunBackup {
		pause = func() {
			if j.Last.Paused {
				w.core.Resume()
			} else {
				w.core.Pause()
			}
			j.Last.Paused = !j.Last.Paused
			p.Set(w.progressState(j.Last))
			if j.Hero != nil {
				j.Hero()
			}
			w.Tray.Update()
		}
	}
	p = widgets.NewProgressPanel(lang.L("Pause"), lang.L("Resume"), lang.L("Cancel"), pause, func() {
		j.stopping = true
		p.SetStopping(lang.L("Stopping…"))
		w.core.Resume() // a paused backup would not notice
		j.cancel()
	})
	p.Set(w.progressState(j.Last))
	if j.stopping {
		p.SetStopping(lang.L("Stopping…"))
	}
	j.Watch = func(now core.Progress) { p.Set(w.progressState(now)) }
	return p
}

func (w *Window) progressState(p core.Progress) widgets.ProgressState {
	s := widgets.ProgressState{Step: w.Words.Step(p.Step), Share: -1, Path: p.Path, Paused: p.Paused}
	if p.Waiting != "" {
		s.Path = lang.L("{{.Path}} does not answer. Holdfast waits a moment, then goes on without it.", words.Values{"Path": core.DisplayName(p.Waiting)})
	}
	// The total is the last backup's. When more than that turns up, core raises
	// it along, and a share of it would only ever say 100 %.
	outgrown := p.Step == core.StepBackingUp && p.BytesDone > 0 && p.BytesDone >= p.BytesTotal
	switch {
	case outgrown:
		s.Amount = lang.L("{{.Done}} looked at, {{.New}} new, still counting", words.Values{"Done": w.Words.Bytes(p.BytesDone), "New": w.Words.Bytes(p.BytesNew)})
	case p.BytesTotal > 0:
		s.Share = float32(float64(p.BytesDone) / float64(p.BytesTotal))
		s.Percent = words.Percent(p.BytesDone, p.BytesTotal)
		s.Amount = lang.L("{{.Done}} of {{.Total}}", words.Values{"Done": w.Words.Bytes(p.BytesDone), "Total": w.Words.Bytes(p.BytesTotal)})
		if p.Step == core.StepBackingUp { // most of it is only looked at
			s.Amount = lang.L("{{.Done}} of {{.Total}} looked at, {{.New}} new",
				words.Values{"Done": w.Words.Bytes(p.BytesDone), "Total": w.Words.Bytes(p.BytesTotal), "New": w.Words.Bytes(p.BytesNew)})
		}
	case p.FilesTotal > 0:
		s.Share = float32(float64(p.FilesDone) / float64(p.FilesTotal))
		s.Percent = words.Percent(p.FilesDone, p.FilesTotal)
		total := w.Words.Files(p.FilesTotal)
		if p.Step == core.StepDeleting {
			total = w.Words.Count(p.FilesTotal) // of the backup's objects, which are no files of the person's
		}
		s.Amount = lang.L("{{.Done}} of {{.Total}}", words.Values{"Done": w.Words.Count(p.FilesDone), "Total": total})
	case p.FilesDone > 0:
		s.Amount = w.Words.Files(p.FilesDone) + " · " + w.Words.Bytes(p.BytesDone)
	}
	if p.Paused {
		s.Step = lang.L("Paused")
		return s
	}
	if p.BytesPerSecond >= 1 {
		s.Speed = lang.L("{{.Size}}/s", words.Values{"Size": w.Words.Bytes(int64(p.BytesPerSecond))})
	}
	if p.TimeLeft >= 0 && !outgrown {
		s.Left = lang.L("{{.Time}} left", words.Values{"Time": w.Words.Duration(p.TimeLeft)})
	}
	return s
}

package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Bar shows how much is done. Below zero it only says that work goes on.
type Bar struct {
	widget.BaseWidget
	done float32
}

// NewBar returns an empty bar.
func NewBar() *Bar {
	b := &Bar{}
	b.ExtendBaseWidget(b)
	return b
}

// Set shows a share from 0 to 1, or below 0 that it is not known.
func (b *Bar) Set(done float32) { b.done = min(1, done); b.Refresh() }

// Done returns the share shown.
func (b *Bar) Done() float32 { return b.done }

// CreateRenderer implements fyne.Widget.
func (b *Bar) CreateRenderer() fyne.WidgetRenderer {
	const h = 8
	track, fill := box(h/2), box(h/2)
	place := func(s fyne.Size) {
		y := (s.Height - h) / 2
		track.Resize(fyne.NewSize(s.Width, h))
		track.Move(fyne.NewPos(0, y))
		w := s.Width * max(0, b.done)
		if b.done < 0 {
			w = s.Width
		}
		if w > 0 {
			w = max(w, h)
		}
		fill.Resize(fyne.NewSize(w, h))
		fill.Move(fyne.NewPos(0, y))
	}
	update := func() {
		paint(track, theme.TintMuted, "", 0)
		if b.done < 0 {
			paint(fill, theme.TintPrimary, theme.Primary, 1)
			return
		}
		paint(fill, theme.Primary, "", 0)
	}
	update()
	return laidOut(b.Size(), &renderer{
		objects: []fyne.CanvasObject{track, fill},
		layout:  place,
		min:     func() fyne.Size { return fyne.NewSize(80, h+4) },
		refresh: func() { update(); place(b.Size()); canvas.Refresh(b) },
	})
}

// ProgressState is what a ProgressPanel shows, in words.
type ProgressState struct {
	Step    string  // what is being done
	Share   float32 // 0 to 1, below 0 not known
	Percent string
	Amount  string // "1.2 GB of 2.1 GB"
	Speed   string
	Left    string // "2 minutes left"
	Path    string // being worked on
	Paused  bool
}

// ProgressPanel shows long work: bar, percent, amount, speed, time left and the
// step, with buttons to pause and to cancel.
type ProgressPanel struct {
	composite
	step, percent, facts, path *Text
	bar                        *Bar
	pause, cancel              *Button
	pauseText, resumeText      string
}

// NewProgressPanel returns a panel. pause nil is work that cannot be paused.
func NewProgressPanel(pauseText, resumeText, cancelText string, pause, cancel func()) *ProgressPanel {
	p := &ProgressPanel{
		step: NewLead(""), percent: NewLead("").OneLine(), facts: NewMuted(""), path: NewCaption("").Shortened(),
		bar: NewBar(), pauseText: pauseText, resumeText: resumeText,
	}
	p.cancel = NewButton(cancelText, "", Quiet, cancel)
	buttons := Aside(p.cancel)
	if pause != nil {
		p.pause = NewButton(pauseText, "pause", Second, pause)
		buttons = Row(theme.Space2, nil, p.pause, p.cancel)
	}
	p.root = container.NewStack(Card(Column(theme.Space3,
		Row(theme.Space3, Wide(p.step), p.step, p.percent), p.bar,
		Column(2, p.facts, p.path), buttons)))
	p.ExtendBaseWidget(p)
	return p
}

// Set shows a state.
func (p *ProgressPanel) Set(s ProgressState) {
	p.step.SetText(s.Step)
	p.percent.SetText(s.Percent)
	p.bar.Set(s.Share)
	facts := ""
	for _, f := range []string{s.Amount, s.Speed, s.Left} {
		if f == "" {
			continue
		}
		if facts != "" {
			facts += " · "
		}
		facts += f
	}
	if facts == "" {
		facts = " " // keeps its line, so that nothing jumps
	}
	p.facts.SetText(facts)
	p.path.SetText(s.Path)
	if p.pause != nil {
		p.pause.Text, p.pause.Icon = p.pauseText, "pause"
		if s.Paused {
			p.pause.Text, p.pause.Icon = p.resumeText, "play"
		}
		p.pause.Refresh()
	}
	p.Refresh()
}

// SetStopping shows that the work is being cancelled.
func (p *ProgressPanel) SetStopping(text string) {
	p.step.SetText(text)
	p.cancel.SetBusy(true)
	if p.pause != nil {
		p.pause.Disable()
	}
	p.Refresh()
}

// Step returns the step shown.
func (p *ProgressPanel) Step() string { return p.step.Text }

// Trouble is what an ErrorPanel says.
type Trouble struct {
	What, Safe, Do string
	Details        string // may be copied
}

// ErrorPanel says what happened, what is safe, and what can be done; the raw
// details stay folded away until they are asked for.
type ErrorPanel struct {
	composite
	trouble Trouble
}

// ErrorLabels are the words on an ErrorPanel.
type ErrorLabels struct{ Show, Hide, Copy string }

// NewErrorPanel returns a panel. copy gets the details; the buttons do something about the trouble.
func NewErrorPanel(t Trouble, l ErrorLabels, copy func(string), ways ...*Button) *ErrorPanel {
	p := &ErrorPanel{trouble: t}
	text := Column(theme.Space2, NewStrong(t.What))
	if t.Safe != "" {
		safe := NewBody(t.Safe)
		text.Add(TopRow(theme.Space2, Wide(safe), NewIcon("shield", theme.Good, 18), safe))
	}
	if t.Do != "" {
		text.Add(NewMuted(t.Do))
	}
	if len(ways) > 0 {
		row := Flow(theme.Space2)
		for _, b := range ways {
			row.Add(b)
		}
		text.Add(row)
	}
	if t.Details != "" {
		details := NewCaption(t.Details)
		details.Style.Monospace = true
		more := Column(theme.Space2, details, Aside(NewButton(l.Copy, "copy", Quiet, func() { copy(t.Details) })))
		more.Hide()
		var show *Button
		show = NewButton(l.Show, "", Quiet, func() {
			if more.Visible() {
				more.Hide()
				show.SetText(l.Show)
			} else {
				more.Show()
				show.SetText(l.Hide)
			}
			p.Refresh()
		})
		text.Add(Aside(show))
		text.Add(more)
	}
	p.root = container.NewStack(NewGround(theme.TintBad, "", theme.RadiusCard),
		Inset(theme.Space4+4, theme.Space4, TopRow(theme.Space4, Wide(text), NewIcon("warning", theme.Bad, theme.IconMedium+4), text)))
	p.ExtendBaseWidget(p)
	return p
}

// What returns what the panel says happened.
func (p *ErrorPanel) What() string { return p.trouble.What }

package widgets

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Text is text without the padding that the toolkit's labels have, so that it
// lines up with what is beside it. It wraps at words, or shortens one line.
type Text struct {
	widget.BaseWidget
	Text     string
	TextSize float32
	Color    fyne.ThemeColorName
	Style    fyne.TextStyle
	Align    fyne.TextAlign
	// Shorten keeps one line and cuts it in the middle: for paths and names.
	Shorten bool
	// Fixed keeps one line at its full width.
	Fixed bool

	drawn bool // there is a renderer to keep up to date
}

func newText(s string, size float32, color fyne.ThemeColorName, bold bool) *Text {
	t := &Text{Text: s, TextSize: size, Color: color, Style: fyne.TextStyle{Bold: bold}}
	t.ExtendBaseWidget(t)
	return t
}

// NewDisplay returns the largest text: the one line of a screen.
func NewDisplay(s string) *Text { return newText(s, theme.TextDisplay, theme.Text, true) }

// NewTitle returns a page's title.
func NewTitle(s string) *Text { return newText(s, theme.TextTitle, theme.Text, true) }

// NewLead returns a heading in a page.
func NewLead(s string) *Text { return newText(s, theme.TextLead, theme.Text, true) }

// NewBody returns running text.
func NewBody(s string) *Text { return newText(s, theme.TextBody, theme.Text, false) }

// NewStrong returns emphasised running text.
func NewStrong(s string) *Text { return newText(s, theme.TextBody, theme.Text, true) }

// NewMuted returns what explains something else.
func NewMuted(s string) *Text { return newText(s, theme.TextBody, theme.Muted, false) }

// NewCaption returns the smallest text.
func NewCaption(s string) *Text { return newText(s, theme.TextCaption, theme.Muted, false) }

// Shortened makes t keep one line, cut in the middle where space is short.
func (t *Text) Shortened() *Text { t.Shorten = true; return t }

// OneLine makes t keep one line at its full width.
func (t *Text) OneLine() *Text { t.Fixed = true; return t }

// Centered centres t.
func (t *Text) Centered() *Text { t.Align = fyne.TextAlignCenter; return t }

// Colored gives t a colour of the theme.
func (t *Text) Colored(name fyne.ThemeColorName) *Text { t.Color = name; return t }

// SetText shows another text.
func (t *Text) SetText(s string) {
	if t.Text == s {
		return
	}
	t.Text = s
	if t.drawn {
		t.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (t *Text) CreateRenderer() fyne.WidgetRenderer {
	t.drawn = true
	r := &textRenderer{t: t}
	r.update(t.Size().Width)
	return r
}

// textRenderer measures when the text changes, and not each time a layout
// asks, which is many times a page: measuring was most of a page's time.
type textRenderer struct {
	t       *Text
	width   float32 // that the lines are broken for
	natural float32 // width without breaking any line
	height  float32 // of a line
	lines   []*canvas.Text
}

func (r *textRenderer) measure(s string) float32 {
	return fyne.MeasureText(s, r.t.TextSize, r.t.Style).Width
}

// update measures anew and breaks the lines.
func (r *textRenderer) update(width float32) {
	r.height = max(r.t.TextSize*1.4, fyne.MeasureText("Mg", r.t.TextSize, r.t.Style).Height)
	r.natural = 0
	for line := range strings.SplitSeq(r.t.Text, "\n") {
		r.natural = max(r.natural, r.measure(line))
	}
	r.place(width)
}

// place breaks the lines for a width.
func (r *textRenderer) place(width float32) {
	r.width = width
	texts := r.breakLines(width)
	for len(r.lines) < len(texts) {
		r.lines = append(r.lines, canvas.NewText("", nil))
	}
	r.lines = r.lines[:len(texts)]
	for i, s := range texts {
		l := r.lines[i]
		l.Text, l.TextSize, l.TextStyle, l.Alignment, l.Color = s, r.t.TextSize, r.t.Style, r.t.Align, colorOf(r.t.Color)
		l.Move(fyne.NewPos(0, float32(i)*r.height))
		l.Resize(fyne.NewSize(max(width, 0), r.height))
		l.Refresh()
	}
}

func (r *textRenderer) breakLines(width float32) []string {
	switch {
	case r.t.Shorten:
		return []string{r.shorten(width)}
	case r.t.Fixed, width <= 0, r.natural <= width:
		return strings.Split(r.t.Text, "\n")
	}
	var out []string
	for paragraph := range strings.SplitSeq(r.t.Text, "\n") {
		line := ""
		for word := range strings.SplitSeq(paragraph, " ") {
			try := word
			if line != "" {
				try = line + " " + word
			}
			if line != "" && r.measure(try) > width {
				out, line = append(out, line), word
			} else {
				line = try
			}
			for r.measure(line) > width && len([]rune(line)) > 1 {
				head := r.fit(line, width)
				out, line = append(out, line[:head]), line[head:]
			}
		}
		out = append(out, line)
	}
	return out
}

// fit returns how many bytes of a word that is too long fit, at least one rune.
func (r *textRenderer) fit(s string, width float32) int {
	end := 0
	for i, c := range s {
		next := i + len(string(c))
		if end > 0 && r.measure(s[:next]) > width {
			break
		}
		end = next
	}
	return end
}

func (r *textRenderer) shorten(width float32) string {
	s := strings.ReplaceAll(r.t.Text, "\n", " ")
	if width <= 0 || r.measure(s) <= width {
		return s
	}
	runes := []rune(s)
	for keep := len(runes) - 1; keep > 2; keep-- {
		head := keep / 2
		cut := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if r.measure(cut) <= width {
			return cut
		}
	}
	return "…"
}

func (r *textRenderer) Layout(s fyne.Size) {
	if s.Width != r.width {
		r.place(s.Width)
	}
}

func (r *textRenderer) MinSize() fyne.Size {
	switch {
	case r.t.Shorten:
		return fyne.NewSize(min(60, r.natural), r.height)
	case r.t.Fixed:
		return fyne.NewSize(r.natural+1, r.height*float32(len(r.lines)))
	}
	return fyne.NewSize(min(60, r.natural+1), r.height*float32(max(1, len(r.lines))))
}

func (r *textRenderer) Refresh() {
	r.update(r.t.Size().Width)
	canvas.Refresh(r.t)
}

func (r *textRenderer) Objects() []fyne.CanvasObject {
	out := make([]fyne.CanvasObject, len(r.lines))
	for i, l := range r.lines {
		out[i] = l
	}
	return out
}

func (r *textRenderer) Destroy() {}

package ui

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"

	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// Widths of a page's column, of one that shows a tree, and of a screen's.
const (
	pageWidth   = 640
	wideWidth   = 760
	screenWidth = pageWidth + 40
)

// page is one step of a wizard: a header, a column that scrolls, and a foot
// with the ways on. Trouble shows at the top of the column.
type page struct {
	u        *UI
	root     *fyne.Container
	trouble  *fyne.Container
	scroll   *fyne.Container
	body     *fyne.Container
	waiting  *widgets.Text // says what is waited for
	foot     *fyne.Container
	bare     bool        // the foot has no buttons: it is seen only when there is something to say
	again    func()      // does again what was done last; nil: there was nothing
	remedies remedies    // what else can be done about trouble here
	failed   func(error) // if set, hears of what fail shows
}

// pageParams describe a page.
type pageParams struct {
	name     string // of the wizard
	step, of int
	back     func()
	title    string
	lead     string
	content  []fyne.CanvasObject
	foot     []fyne.CanvasObject // from left to right, at the right
	fills    fyne.CanvasObject   // takes the height that is left, instead of scrolling
	remedies remedies            // what can be done about trouble here, besides what can be done everywhere
}

func (u *UI) newPage(p pageParams) *page {
	pg := &page{u: u, trouble: widgets.Column(0), waiting: widgets.NewMuted(""), remedies: p.remedies}
	pg.trouble.Hide()
	pg.waiting.Hide()
	header := widgets.NewStepHeader(lang.L("Back"), p.name, p.step, p.of, p.back)
	head := []fyne.CanvasObject{}
	if p.title != "" {
		head = append(head, widgets.NewDisplay(p.title))
	}
	if p.lead != "" {
		lead := widgets.NewMuted(p.lead)
		lead.TextSize = theme.TextLead
		head = append(head, lead)
	}
	parts := []fyne.CanvasObject{widgets.Column(theme.Space2, head...), pg.trouble}
	parts = append(parts, p.content...)
	var middle fyne.CanvasObject
	width := float32(pageWidth)
	if p.fills != nil {
		width = wideWidth
		top := widgets.Page(wideWidth, theme.Space4, parts...)
		middle = container.New(belowLayout{}, widgets.Inset(theme.Space6, theme.Space4, top), widgets.Inset(theme.Space6, 0, container.New(narrow{wideWidth}, p.fills)))
	} else {
		pg.body = widgets.Page(pageWidth, theme.Space6, parts...)
		pg.scroll = widgets.Scroll(widgets.Inset(theme.Space6, theme.Space6, pg.body))
		middle = pg.scroll
	}
	foot := widgets.Column(theme.Space3, pg.waiting)
	if len(p.foot) > 0 {
		gap := widgets.Gap()
		foot.Add(widgets.Row(theme.Space3, widgets.Wide(gap), append([]fyne.CanvasObject{gap}, p.foot...)...))
	}
	around := widgets.Inset(theme.Space6, theme.Space4, container.New(narrow{width}, foot))
	if pg.foot = around; len(p.foot) == 0 {
		pg.bare = true
		around.Hide()
	}
	top := widgets.Inset(theme.Space4, theme.Space3, header)
	// In this order Tab comes by: what is asked, the ways on, the way back.
	pg.root = container.New(layout.NewBorderLayout(top, around, nil, nil), middle, around, top)
	return pg
}

// fail shows an error at the top of the page, with what can be done about it, or clears it with nil. Stopping
// something oneself is no trouble.
func (p *page) fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		p.trouble.Hide()
	} else {
		p.trouble.Objects = []fyne.CanvasObject{p.u.errorPanel(err, p.remedies.with(wayAgain, p.again))}
		p.trouble.Show()
	}
	if p.failed != nil {
		p.failed(err)
	}
	p.relayout()
}

// relayout lays the page out anew after something in it changed its height.
func (p *page) relayout() {
	if p.scroll != nil {
		p.scroll.Refresh()
		if s, ok := p.scroll.Objects[0].(*container.Scroll); ok && p.trouble.Visible() {
			s.ScrollToTop()
		}
	}
	p.root.Refresh()
}

// narrow limits and centres the width.
type narrow struct{ widest float32 }

func (n narrow) Layout(o []fyne.CanvasObject, s fyne.Size) {
	w := min(s.Width, n.widest)
	o[0].Resize(fyne.NewSize(w, s.Height))
	o[0].Move(fyne.NewPos((s.Width-w)/2, 0))
}

func (n narrow) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

// belowLayout puts the second object below the first, with the rest of the height.
type belowLayout struct{}

func (belowLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	o[0].Resize(fyne.NewSize(s.Width, o[0].MinSize().Height))
	h := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(s.Width, h))
	o[1].Move(fyne.NewPos(0, h))
	o[1].Resize(fyne.NewSize(s.Width, max(0, s.Height-h)))
}

func (belowLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(max(a.Width, b.Width), a.Height+b.Height)
}

// headline is what the last page of a flow says: how it ended, and what that means.
func headline(line, text string) fyne.CanvasObject {
	lead := widgets.NewMuted(text).Centered()
	lead.TextSize = theme.TextLead
	return widgets.Column(theme.Space2, widgets.NewDisplay(line).Centered(), lead)
}

// screenPage is a screen beside the sidebar: a title and a column that scrolls.
func screenPage(title string, content ...fyne.CanvasObject) fyne.CanvasObject {
	parts := content
	if title != "" {
		parts = append([]fyne.CanvasObject{widgets.NewDisplay(title)}, content...)
	}
	return widgets.Scroll(widgets.Inset(theme.Space8, theme.Space8, widgets.Page(screenWidth, theme.Space6, parts...)))
}

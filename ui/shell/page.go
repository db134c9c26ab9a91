package shell

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
	ScreenWidth = pageWidth + 40
)

// Page is one step of a wizard: a header, a column that scrolls, and a foot
// with the ways on. Trouble shows at the top of the column.
type Page struct {
	w        *Window
	Root     *fyne.Container
	trouble  *fyne.Container
	scroll   *fyne.Container
	body     *fyne.Container
	waiting  *widgets.Text // says what is waited for
	foot     *fyne.Container
	bare     bool        // the foot has no buttons: it is seen only when there is something to say
	Again    func()      // does again what was done last; nil: there was nothing
	Remedies Remedies    // what else can be done about trouble here
	Failed   func(error) // if set, hears of what Fail shows
}

// PageParams describe a page.
type PageParams struct {
	Name     string // of the wizard
	Step, Of int
	Back     func()
	Title    string
	Lead     string
	Content  []fyne.CanvasObject
	Foot     []fyne.CanvasObject // from left to right, at the right
	Fills    fyne.CanvasObject   // takes the height that is left, instead of scrolling
	Remedies Remedies            // what can be done about trouble here, besides what can be done everywhere
}

// NewPage makes a page; Flow shows it.
func (w *Window) NewPage(p PageParams) *Page {
	pg := &Page{w: w, trouble: widgets.Column(0), waiting: widgets.NewMuted(""), Remedies: p.Remedies}
	pg.trouble.Hide()
	pg.waiting.Hide()
	header := widgets.NewStepHeader(lang.L("Back"), p.Name, p.Step, p.Of, p.Back)
	head := []fyne.CanvasObject{}
	if p.Title != "" {
		head = append(head, widgets.NewDisplay(p.Title))
	}
	if p.Lead != "" {
		lead := widgets.NewMuted(p.Lead)
		lead.TextSize = theme.TextLead
		head = append(head, lead)
	}
	parts := []fyne.CanvasObject{widgets.Column(theme.Space2, head...), pg.trouble}
	parts = append(parts, p.Content...)
	var middle fyne.CanvasObject
	width := float32(pageWidth)
	if p.Fills != nil {
		width = wideWidth
		top := widgets.Page(wideWidth, theme.Space4, parts...)
		middle = container.New(belowLayout{}, widgets.Inset(theme.Space6, theme.Space4, top),
			widgets.Inset(theme.Space6, 0, container.New(narrow{wideWidth}, p.Fills)))
	} else {
		pg.body = widgets.Page(pageWidth, theme.Space6, parts...)
		pg.scroll = widgets.Scroll(widgets.Inset(theme.Space6, theme.Space6, pg.body))
		middle = pg.scroll
	}
	foot := widgets.Column(theme.Space3, pg.waiting)
	if len(p.Foot) > 0 {
		gap := widgets.Gap()
		foot.Add(widgets.Row(theme.Space3, widgets.Wide(gap), append([]fyne.CanvasObject{gap}, p.Foot...)...))
	}
	around := widgets.Inset(theme.Space6, theme.Space4, container.New(narrow{width}, foot))
	if pg.foot = around; len(p.Foot) == 0 {
		pg.bare = true
		around.Hide()
	}
	top := widgets.Inset(theme.Space4, theme.Space3, header)
	// In this order Tab comes by: what is asked, the ways on, the way back.
	pg.Root = container.New(layout.NewBorderLayout(top, around, nil, nil), middle, around, top)
	return pg
}

// Fail shows an error at the top of the page, with what can be done about it, or clears it with nil. Stopping
// something oneself is no trouble.
func (p *Page) Fail(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		p.trouble.Hide()
	} else {
		p.trouble.Objects = []fyne.CanvasObject{p.w.ErrorPanel(err, p.Remedies.With(WayAgain, p.Again))}
		p.trouble.Show()
	}
	if p.Failed != nil {
		p.Failed(err)
	}
	p.Relayout()
}

// Relayout lays the page out anew after something in it changed its height.
func (p *Page) Relayout() {
	if p.scroll != nil {
		p.scroll.Refresh()
		if s, ok := p.scroll.Objects[0].(*container.Scroll); ok && p.trouble.Visible() {
			s.ScrollToTop()
		}
	}
	p.Root.Refresh()
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

// Headline is what the last page of a flow says: how it ended, and what that means.
func Headline(line, text string) fyne.CanvasObject {
	lead := widgets.NewMuted(text).Centered()
	lead.TextSize = theme.TextLead
	return widgets.Column(theme.Space2, widgets.NewDisplay(line).Centered(), lead)
}

// ScreenPage is a screen beside the sidebar: a title and a column that scrolls.
func ScreenPage(title string, content ...fyne.CanvasObject) fyne.CanvasObject {
	parts := content
	if title != "" {
		parts = append([]fyne.CanvasObject{widgets.NewDisplay(title)}, content...)
	}
	return widgets.Scroll(widgets.Inset(theme.Space8, theme.Space8, widgets.Page(ScreenWidth, theme.Space6, parts...)))
}

// PathRow is a row that says where something is.
func PathRow(icon, title, path string) fyne.CanvasObject {
	r := widgets.NewSettingRow(icon, title, nil, nil)
	r.SetPath(path)
	return r
}

// Aside is a quiet way to somewhere else.
func Aside(text string, tap func()) fyne.CanvasObject {
	return widgets.Aside(widgets.NewButton(text, "", widgets.Quiet, tap))
}

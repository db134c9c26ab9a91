package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// Node is one line of a TreePicker.
type Node struct {
	Path  string // raw, slash-separated, unique
	Name  string // as shown
	Bytes int64  // its size, a folder's with all below it; negative: it has none
	Files int64  // how many files it is, or holds
	Icon  string
	Open  bool // has children
}

// TreePicker picks files from a tree that is loaded as it is opened, or from
// the results of a search.
type TreePicker struct {
	composite
	Selection *Selection
	// OnLoad is called when a folder is opened for the first time; answer with SetChildren.
	OnLoad func(path string)
	// OnPicked is called after the selection changed.
	OnPicked func()
	// Files and Bytes are of everything there is.
	Files, Bytes int64
	// OnSize words a size; only lines that are seen are worded.
	OnSize func(bytes int64) string
	// OnVersions, if set, is asked for the other versions of a file, by a button at its line's end.
	OnVersions func(Node)
	// VersionsLabel says what that button does.
	VersionsLabel string
	// OnVersionsNoticed, if set, hears when the pointer or the focus is on such a button.
	OnVersionsNoticed func(on bool)

	tree     *widget.Tree
	results  *widget.List
	nodes    map[string]Node
	children map[string][]string
	asked    map[string]bool
	found    []Node
}

// NewTreePicker returns a tree with nothing checked and nothing loaded.
func NewTreePicker() *TreePicker {
	p := &TreePicker{nodes: make(map[string]Node), children: make(map[string][]string), asked: make(map[string]bool)}
	p.Selection = NewSelection(false, func(path string) []string { return p.children[path] })
	p.tree = widget.NewTree(
		func(id widget.TreeNodeID) []widget.TreeNodeID { return p.children[id] },
		func(id widget.TreeNodeID) bool { return id == "" || p.nodes[id].Open },
		func(bool) fyne.CanvasObject { return newNodeLine() },
		func(id widget.TreeNodeID, _ bool, o fyne.CanvasObject) { p.show(o, p.nodes[id]) },
	)
	p.tree.HideSeparators = true
	p.tree.OnBranchOpened = p.load
	p.tree.OnSelected = func(id widget.TreeNodeID) {
		p.tree.Unselect(id)
		p.toggle(id)
	}
	p.results = widget.NewList(
		func() int { return len(p.found) },
		func() fyne.CanvasObject { return newNodeLine() },
		func(i widget.ListItemID, o fyne.CanvasObject) { p.show(o, p.found[i]) },
	)
	p.results.HideSeparators = true
	p.results.OnSelected = func(i widget.ListItemID) {
		p.results.Unselect(i)
		p.toggle(p.found[i].Path)
	}
	p.results.Hide()
	p.root = container.NewStack(NewGround(theme.Surface, theme.Outline, theme.RadiusCard), Inset(theme.Space2, theme.Space2, container.NewStack(p.tree, p.results)))
	p.ExtendBaseWidget(p)
	return p
}

// Load asks for the top of the tree.
func (p *TreePicker) Load() { p.load("") }

func (p *TreePicker) load(path string) {
	if !p.asked[path] {
		p.asked[path] = true
		p.OnLoad(path)
	}
}

// SetChildren fills a folder.
func (p *TreePicker) SetChildren(path string, nodes []Node) {
	p.setChildren(path, nodes)
	p.tree.Refresh()
}

func (p *TreePicker) setChildren(path string, nodes []Node) {
	ids := make([]string, 0, len(nodes))
	for _, n := range nodes {
		p.nodes[n.Path] = n
		ids = append(ids, n.Path)
	}
	p.children[path] = ids
}

// Open opens a folder of the tree.
func (p *TreePicker) Open(path string) { p.tree.OpenBranch(path) }

// Forget lets a folder be asked for again, after loading it did not work.
func (p *TreePicker) Forget(path string) { delete(p.asked, path) }

// ShowResults shows a search's results in place of the tree; nil the tree again.
// The selection must know the folders on the way: parents lists, for each, all
// that is in it.
func (p *TreePicker) ShowResults(found []Node, parents map[string][]Node) {
	for dir, nodes := range parents {
		if p.children[dir] == nil {
			p.asked[dir] = true
			p.setChildren(dir, nodes)
		}
	}
	p.found = found
	if found == nil {
		p.results.Hide()
		p.tree.Show()
	} else {
		p.tree.Hide()
		p.results.Show()
		p.results.ScrollToTop()
	}
	p.results.Refresh()
	p.tree.Refresh()
}

// Picked is how much is checked.
func (p *TreePicker) Picked() (files, bytes int64) {
	paths := p.Selection.Paths()
	if paths == nil {
		return p.Files, p.Bytes
	}
	for _, path := range paths {
		n := p.nodes[path]
		files += n.Files
		bytes += max(0, n.Bytes)
	}
	return files, bytes
}

// PickShown checks what is shown, or unchecks it: the results of a search, or everything.
func (p *TreePicker) PickShown(on bool) {
	if p.found == nil {
		p.Pick("", on)
		return
	}
	for _, n := range p.found {
		p.Selection.Set(n.Path, on)
	}
	p.picked()
}

// Toggle checks or unchecks a path, as a tap on its line does.
func (p *TreePicker) toggle(path string) { p.Pick(path, p.Selection.State(path) != On) }

// Pick checks or unchecks a path.
func (p *TreePicker) Pick(path string, on bool) {
	p.Selection.Set(path, on)
	p.picked()
}

func (p *TreePicker) picked() {
	p.tree.Refresh()
	p.results.Refresh()
	if p.OnPicked != nil {
		p.OnPicked()
	}
}

func (p *TreePicker) show(o fyne.CanvasObject, n Node) {
	line := o.(*nodeLine)
	line.check.SetState(p.Selection.State(n.Path))
	line.check.OnChanged = func(on bool) { p.Pick(n.Path, on) }
	line.icon.Set(n.Icon, theme.Muted)
	line.name.SetText(n.Name)
	size := ""
	if n.Bytes >= 0 && p.OnSize != nil {
		size = p.OnSize(n.Bytes)
	}
	line.note.SetText(size)
	if p.OnVersions == nil || n.Open {
		line.versions.Hide()
	} else {
		line.versions.tap = func() { p.OnVersions(n) }
		line.versions.Label, line.versions.OnNoticed = p.VersionsLabel, p.OnVersionsNoticed
		line.versions.Show()
	}
	line.Refresh()
}

// nodeLine is a check, an icon, a name, a size and a button for the versions.
type nodeLine struct {
	widget.BaseWidget
	check      *Check
	icon       *Icon
	name, note *Text
	versions   *Button
}

func newNodeLine() *nodeLine {
	l := &nodeLine{check: NewCheck("", nil), icon: NewIcon("file", theme.Muted, 18), name: NewBody("").Shortened(), note: NewMuted("000 bytes").OneLine(), versions: NewButton("", "restore", Quiet, nil)}
	l.note.Align = fyne.TextAlignTrailing
	l.ExtendBaseWidget(l)
	return l
}

func (l *nodeLine) CreateRenderer() fyne.WidgetRenderer {
	const height = 30
	r := &renderer{objects: []fyne.CanvasObject{l.check, l.icon, l.name, l.note, l.versions}}
	r.layout = func(s fyne.Size) {
		put := func(o fyne.CanvasObject, x, w float32) {
			h := o.MinSize().Height
			o.Resize(fyne.NewSize(w, h))
			o.Move(fyne.NewPos(x, (s.Height-h)/2))
		}
		check, note := l.check.MinSize().Width, l.note.MinSize().Width
		put(l.check, 0, check)
		put(l.icon, check+theme.Space2, l.icon.Side)
		x := check + theme.Space2 + l.icon.Side + theme.Space2
		wide := l.versions.MinSize().Width
		end := s.Width - theme.Space4 - wide // clear of the scroll bar
		put(l.name, x, max(0, end-theme.Space2-note-theme.Space3-x))
		put(l.note, end-theme.Space2-note, note)
		l.versions.Resize(fyne.NewSize(wide, height))
		l.versions.Move(fyne.NewPos(end, (s.Height-height)/2))
	}
	r.min = func() fyne.Size { return fyne.NewSize(160, 34) }
	r.refresh = func() { r.layout(l.Size()) }
	return laidOut(l.Size(), r)
}

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
	// OnVersionsNoticed, if set, hears when the pointer is on such a button, or the arrows on its line.
	OnVersionsNoticed func(on bool)

	tree     *pickTree
	results  *pickList
	at       string // the line that the arrows are at
	focused  bool   // they are here
	byKey    bool   // they move now: the toolkit tells of the pointer in the same way
	nodes    map[string]Node
	children map[string][]string
	asked    map[string]bool
	found    []Node
}

// NewTreePicker returns a tree with nothing checked and nothing loaded.
func NewTreePicker() *TreePicker {
	p := &TreePicker{nodes: make(map[string]Node), children: make(map[string][]string), asked: make(map[string]bool)}
	p.Selection = NewSelection(false, func(path string) []string { return p.children[path] })
	p.tree = &pickTree{on: p.focus, key: func(e *fyne.KeyEvent) bool { return p.typed(p.tree, e) }}
	p.tree.ChildUIDs = func(id widget.TreeNodeID) []widget.TreeNodeID { return p.children[id] }
	p.tree.IsBranch = func(id widget.TreeNodeID) bool { return id == "" || p.nodes[id].Open }
	p.tree.CreateNode = func(bool) fyne.CanvasObject { return newNodeLine() }
	p.tree.UpdateNode = func(id widget.TreeNodeID, _ bool, o fyne.CanvasObject) { p.show(o, p.nodes[id]) }
	p.tree.OnHighlighted = func(id widget.TreeNodeID) { p.reached(id) }
	p.tree.ExtendBaseWidget(p.tree)
	p.tree.HideSeparators = true
	p.tree.OnBranchOpened = p.Load
	p.tree.OnSelected = func(id widget.TreeNodeID) {
		p.tree.Unselect(id)
		p.toggle(id)
	}
	p.results = &pickList{on: p.focus, key: func(e *fyne.KeyEvent) bool { return p.typed(p.results, e) }}
	p.results.Length = func() int { return len(p.found) }
	p.results.CreateItem = func() fyne.CanvasObject { return newNodeLine() }
	p.results.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) { p.show(o, p.found[i]) }
	p.results.OnHighlighted = func(i widget.ListItemID) {
		if i < len(p.found) {
			p.reached(p.found[i].Path)
		}
	}
	p.results.ExtendBaseWidget(p.results)
	p.results.HideSeparators = true
	p.results.OnSelected = func(i widget.ListItemID) {
		p.results.Unselect(i)
		p.toggle(p.found[i].Path)
	}
	p.results.Hide()
	p.root = container.NewStack(NewGround(theme.Surface, theme.Outline, theme.RadiusCard),
		Inset(theme.Space2, theme.Space2, container.NewStack(p.tree, p.results)))
	p.ExtendBaseWidget(p)
	return p
}

// focus notes that the focus came, or went.
func (p *TreePicker) focus(on bool) {
	p.focused, p.byKey = on, on
	if !on && p.OnVersionsNoticed != nil {
		p.OnVersionsNoticed(false)
	}
}

// reached notes the line that the arrows came to.
func (p *TreePicker) reached(path string) {
	if !p.byKey {
		return // by the pointer
	}
	p.byKey, p.at = false, path
	p.tree.Refresh()
	p.results.Refresh()
	if p.OnVersionsNoticed != nil {
		p.OnVersionsNoticed(p.OnVersions != nil && !p.nodeAt(path).Open)
	}
}

// nodeAt is the line of a path, in the tree or among what was found.
func (p *TreePicker) nodeAt(path string) Node {
	for _, n := range p.found {
		if n.Path == path {
			return n
		}
	}
	return p.nodes[path]
}

// typed does what keys do here beyond what the toolkit does, and reports whether there was something.
func (p *TreePicker) typed(in fyne.CanvasObject, e *fyne.KeyEvent) bool {
	switch n := p.nodeAt(p.at); e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		switch {
		case n.Path == "":
		case n.Open && p.found == nil:
			p.tree.ToggleBranch(n.Path)
		case !n.Open && p.OnVersions != nil:
			p.OnVersions(n)
		}
		return true
	case fyne.KeySpace, fyne.KeyUp, fyne.KeyDown, fyne.KeyLeft, fyne.KeyRight:
		p.byKey = true
		return false
	}
	handOnKey(in, e)
	return true
}

// Load asks for what is in a folder, "" being the top of the tree, unless that was asked for.
func (p *TreePicker) Load(path string) {
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
	line.focused = p.focused && n.Path == p.at
	line.check.set(p.Selection.State(n.Path))
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
		line.versions.noticed = p.OnVersionsNoticed
		line.versions.Show()
	}
	line.Refresh()
}

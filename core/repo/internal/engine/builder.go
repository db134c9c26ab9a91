package engine

import "github.com/holdfast-backup/holdfast/core/repo/internal/format"

// How writers cut (docs/format.md, chapters 8 and 9); readers need not know.
const (
	ListBlockExtents = 2048
	treeBlockMin     = 16 << 10
)

// ContentBuilder collects the extents of one file. However long the file,
// it holds a few thousand extents: longer lists go into list blocks.
type ContentBuilder struct {
	s      *Saver
	levels [][]format.Extent
	spilt  bool
}

// NewContentBuilder returns a builder that saves list blocks with s.
func (s *Saver) NewContentBuilder() *ContentBuilder {
	return &ContentBuilder{s: s, levels: make([][]format.Extent, 1)}
}

// Add appends an extent, joined with the one before it where it continues it.
func (b *ContentBuilder) Add(e format.Extent) error {
	b.levels[0] = joined(b.levels[0], e)
	if len(b.levels[0]) > ListBlockExtents {
		return b.spill(0, ListBlockExtents)
	}
	return nil
}

// joined returns extents with neighbours joined where one continues the other.
func joined(extents []format.Extent, e format.Extent) []format.Extent {
	if n := len(extents); n > 0 {
		last := &extents[n-1]
		switch {
		case e.Hole && last.Hole:
			last.Length += e.Length
			return extents
		case !e.Hole && !last.Hole && e.Chunk == last.Chunk && int64(e.Offset) == int64(last.Offset)+last.Length:
			last.Length += e.Length
			return extents
		}
	}
	return append(extents, e)
}

// spill saves the first n extents of a level as a list block of the next.
func (b *ContentBuilder) spill(level, n int) error {
	b.spilt = true
	block := format.EncodeList(b.levels[level][:n])
	id, err := b.s.Save(format.KindList, append([]byte{0}, block...))
	if err != nil {
		return err
	}
	b.s.w.eng.KeepList(id, block)
	b.levels[level] = append(b.levels[level][:0], b.levels[level][n:]...)
	if level+1 == len(b.levels) {
		b.levels = append(b.levels, nil)
	}
	b.levels[level+1] = append(b.levels[level+1], format.Extent{Chunk: id, Length: int64(len(block))})
	if len(b.levels[level+1]) > ListBlockExtents {
		return b.spill(level+1, ListBlockExtents)
	}
	return nil
}

// Content ends the file.
func (b *ContentBuilder) Content() (format.Content, error) {
	if !b.spilt {
		return format.Content{Extents: b.levels[0]}, nil
	}
	for level := 0; level < len(b.levels)-1; level++ {
		if n := len(b.levels[level]); n > 0 {
			if err := b.spill(level, n); err != nil {
				return format.Content{}, err
			}
		}
	}
	top := len(b.levels) - 1
	return format.Content{Depth: top, Extents: b.levels[top]}, nil
}

// TreeBuilder collects the entries of one directory, in ascending order of
// names. It holds one block in memory.
type TreeBuilder struct {
	s     *Saver
	block format.NodeEncoder
	out   format.Content
	last  string
}

// NewTreeBuilder returns a builder that saves tree blocks with s.
func (s *Saver) NewTreeBuilder() *TreeBuilder { return &TreeBuilder{s: s} }

// Add appends an entry. Names must ascend and be valid: a panic otherwise.
func (b *TreeBuilder) Add(n *format.Node) error {
	if n.Name <= b.last || !format.ValidName(n.Name) {
		panic("repo: tree entries out of order or badly named")
	}
	b.last = n.Name
	if b.full(n) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.block.Add(n)
	if size := b.block.Size(); size >= format.TreeBlockMax || size >= treeBlockMin && b.cutAfter(n.Name) {
		return b.flush()
	}
	return nil
}

// full reports whether the entry (large only through its attributes) would make
// the block longer than a chunk may be.
func (b *TreeBuilder) full(n *format.Node) bool {
	size := 256 + len(n.Name) + len(n.Target) + 64*len(n.Content.Extents)
	for _, x := range n.Xattrs {
		size += len(x.Name) + len(x.Value) + 16
	}
	return !b.block.Empty() && b.block.Size()+size > 2*format.TreeBlockMax
}

func (b *TreeBuilder) cutAfter(name string) bool {
	m := b.s.w.epoch.Cut([]byte(name))
	return m[0]&3 == 0 && m[1] == 0
}

func (b *TreeBuilder) flush() error {
	block := b.block.Finish()
	id, err := b.s.Save(format.KindTree, append([]byte{0}, block...))
	if err != nil {
		return err
	}
	b.out.Extents = append(b.out.Extents, format.Extent{Chunk: id, Length: int64(len(block))})
	return nil
}

// Content ends the directory.
func (b *TreeBuilder) Content() (format.Content, error) {
	if !b.block.Empty() {
		if err := b.flush(); err != nil {
			return format.Content{}, err
		}
	}
	return b.out, nil
}

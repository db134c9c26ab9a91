package format

import (
	"fmt"
	"slices"
	"strings"
)

// NodeKind is what a name in a tree is.
type NodeKind byte

// The kinds of docs/format.md, chapter 9.
const (
	NodeFile    NodeKind = 1
	NodeDir     NodeKind = 2
	NodeSymlink NodeKind = 3
	NodeFIFO    NodeKind = 4
	NodeSocket  NodeKind = 5
	NodeChar    NodeKind = 6
	NodeBlock   NodeKind = 7
)

// Owner is the user and group of a node, by number and by name.
type Owner struct {
	UID, GID    uint32
	User, Group string
}

// Xattr is one extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Node is one entry of a directory.
type Node struct {
	Kind   NodeKind
	Name   string // raw bytes
	Mode   uint32 // low 12 bits of POSIX
	Owner  Owner
	MTime  int64  // Unix seconds, also before 1970
	MNanos uint32 // below 10^9
	Size   int64  // file: bytes; directory: bytes of all files in the subtree
	Files  int64  // directory: files in the subtree
	Target string // symlink
	Rdev   uint64 // devices
	Xattrs []Xattr
	// Link is not 0 for a file with several names: equal numbers are one file.
	Link    uint64
	Content Content // file: its bytes; directory: its tree blocks
	// Local is what only the change cache keeps: an extra that a reader of
	// trees skips.
	Local []byte
}

// The extras of an entry. extraLocal never leaves this computer.
const (
	extraXattrs = 1
	extraLink   = 2
	extraLocal  = 1 << 20
)

const (
	modeMask     = 0o7777
	TreeBlockMax = 256 << 10
)

// NodeEncoder encodes nodes as one tree block, however many. The zero value is ready.
type NodeEncoder struct {
	table   idTable
	owners  []Owner
	body    []byte
	entries uint64
	scratch []byte
}

func (b *NodeEncoder) owner(o Owner) uint64 {
	if i := slices.Index(b.owners, o); i >= 0 {
		return uint64(i)
	}
	b.owners = append(b.owners, o)
	return uint64(len(b.owners) - 1)
}

// Add appends a node.
func (b *NodeEncoder) Add(n *Node) {
	e := append(b.scratch[:0], byte(n.Kind))
	e = appendBytes(e, n.Name)
	e = appendUvarint(e, uint64(n.Mode&modeMask))
	e = appendUvarint(e, b.owner(n.Owner))
	e = appendSvarint(e, n.MTime)
	e = appendUvarint(e, uint64(n.MNanos))
	switch n.Kind {
	case NodeFile:
		e = appendUvarint(e, uint64(n.Size))
		e = appendContent(e, &b.table, n.Content)
	case NodeDir:
		e = appendUvarint(e, uint64(n.Files))
		e = appendUvarint(e, uint64(n.Size))
		e = appendContent(e, &b.table, n.Content)
	case NodeSymlink:
		e = appendBytes(e, n.Target)
	case NodeChar, NodeBlock:
		e = appendUvarint(e, n.Rdev)
	}
	if len(n.Xattrs) > 0 {
		x := appendUvarint(nil, uint64(len(n.Xattrs)))
		for _, a := range n.Xattrs {
			x = appendBytes(x, a.Name)
			x = appendBytes(x, a.Value)
		}
		e = appendUvarint(e, extraXattrs)
		e = appendBytes(e, x)
	}
	if n.Link != 0 {
		e = appendUvarint(e, extraLink)
		e = append(e, 8)
		e = appendU64(e, n.Link)
	}
	if n.Local != nil {
		e = appendUvarint(e, extraLocal)
		e = appendBytes(e, n.Local)
	}
	b.scratch = e
	b.body = appendBytes(b.body, e)
	b.entries++
}

// Size is how many bytes the entries take so far.
func (b *NodeEncoder) Size() int { return len(b.body) }

// Empty reports whether it has no entries.
func (b *NodeEncoder) Empty() bool { return b.entries == 0 }

// Finish returns the encoded block and empties the encoder.
func (b *NodeEncoder) Finish() []byte {
	out := make([]byte, 0, 16+32*len(b.table.ids)+64*len(b.owners)+len(b.body))
	out = b.table.encode(append(out, 1))
	out = appendUvarint(out, uint64(len(b.owners)))
	for _, o := range b.owners {
		out = appendUvarint(out, uint64(o.UID))
		out = appendUvarint(out, uint64(o.GID))
		out = appendBytes(out, o.User)
		out = appendBytes(out, o.Group)
	}
	out = appendUvarint(out, b.entries)
	out = append(out, b.body...)
	b.table.reset()
	b.owners, b.body, b.entries = b.owners[:0], b.body[:0], 0
	return out
}

// NodeDecoder decodes one tree block, node by node.
type NodeDecoder struct {
	d      decoder
	ids    []ID
	owners []Owner
	left   int
	after  string
}

// NewNodeDecoder reads the head of a tree block. after is the last name of
// the block before it ("" for the first): names ascend over all blocks of a directory.
func NewNodeDecoder(block []byte, after string) (*NodeDecoder, error) {
	r := &NodeDecoder{d: decoder{b: block}, after: after}
	d := &r.d
	if d.u8() != 1 {
		d.fail("unknown tree version")
	}
	r.ids = d.ids()
	r.owners = make([]Owner, d.few(4, "number of owners"))
	for i := range r.owners {
		r.owners[i] = Owner{
			UID: uint32(d.max(1<<32-1, "uid")), GID: uint32(d.max(1<<32-1, "gid")),
			User: string(d.bytes()), Group: string(d.bytes()),
		}
	}
	r.left = d.count(8, "number of entries")
	if d.err != nil {
		return nil, fmt.Errorf("tree: %w", d.err)
	}
	return r, nil
}

// Last is the name that was decoded last.
func (r *NodeDecoder) Last() string { return r.after }

// Next decodes the next node into n, which it overwrites. more is false after
// the last one. Local refers to the block.
func (r *NodeDecoder) Next(n *Node) (more bool, err error) {
	n.Content.Extents = nil
	return r.NextInPlace(n)
}

// NextInPlace is Next for a caller that is done with what n held: it uses the memory of n's extents again.
func (r *NodeDecoder) NextInPlace(n *Node) (more bool, err error) {
	if r.left == 0 {
		if err := r.d.done(); err != nil {
			return false, fmt.Errorf("tree: %w", err)
		}
		return false, nil
	}
	r.left--
	*n = Node{Content: Content{Extents: n.Content.Extents[:0]}}
	e := decoder{b: r.d.bytes(), err: r.d.err}
	e.node(n, r.ids, r.owners)
	if err := e.done(); err != nil {
		return false, fmt.Errorf("tree: %w", err)
	}
	if n.Name <= r.after {
		return false, fmt.Errorf("%w: tree names are out of order", ErrDamaged)
	}
	r.after = n.Name
	return true, nil
}

func (d *decoder) node(n *Node, ids []ID, owners []Owner) {
	n.Kind = NodeKind(d.u8())
	n.Name = string(d.bytes())
	if !ValidName(n.Name) {
		d.fail("bad name in a tree")
	}
	n.Mode = uint32(d.max(modeMask, "mode"))
	if o := d.uvarint(); o < uint64(len(owners)) {
		n.Owner = owners[o]
	} else {
		d.fail("owner out of range")
	}
	n.MTime = d.svarint()
	n.MNanos = uint32(d.max(999_999_999, "nanoseconds"))
	switch n.Kind {
	case NodeFile:
		n.Size = int64(d.max(1<<62, "size"))
		n.Content = d.content(ids, n.Content.Extents)
		if n.Content.Depth == 0 && n.Content.size() != n.Size {
			d.fail("extents do not add up to the file")
		}
	case NodeDir:
		n.Files = int64(d.max(1<<62, "number of files"))
		n.Size = int64(d.max(1<<62, "size"))
		n.Content = d.content(ids, n.Content.Extents)
		d.checkTree(n.Content)
	case NodeSymlink:
		n.Target = string(d.bytes())
		if n.Target == "" || strings.ContainsRune(n.Target, 0) {
			d.fail("bad link target")
		}
	case NodeFIFO, NodeSocket:
	case NodeChar, NodeBlock:
		n.Rdev = d.uvarint()
	default:
		d.fail("unknown kind of entry")
	}
	d.extras(n)
}

// checkTree refuses a directory's content that is not whole chunks.
func (d *decoder) checkTree(c Content) {
	if c.Depth != 0 {
		d.fail("bad directory content")
	}
	for _, e := range c.Extents {
		if e.Hole || e.Offset != 0 {
			d.fail("bad directory content")
		}
	}
}

func (d *decoder) extras(n *Node) {
	var last uint64
	for d.err == nil && len(d.b) > 0 {
		tag := d.uvarint()
		if tag <= last {
			d.fail("extras out of order")
		}
		last = tag
		v := decoder{b: d.bytes(), err: d.err}
		switch tag {
		case extraXattrs:
			n.Xattrs = make([]Xattr, v.few(2, "number of attributes"))
			for i := range n.Xattrs {
				n.Xattrs[i] = Xattr{Name: string(v.bytes()), Value: slices.Clone(v.bytes())}
				if name := n.Xattrs[i].Name; name == "" || strings.ContainsRune(name, 0) || i > 0 && name <= n.Xattrs[i-1].Name {
					v.fail("bad attribute name")
				}
			}
		case extraLink:
			n.Link = v.u64()
			if n.Link == 0 || n.Kind == NodeDir {
				v.fail("bad link number")
			}
		case extraLocal:
			n.Local = v.take(len(v.b))
		default:
			v.b = nil
		}
		if v.done() != nil {
			d.err, d.b = v.err, nil
		}
	}
}

// ValidName reports whether a name may stand in a tree.
func ValidName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName &&
		!strings.ContainsAny(name, "/\x00")
}

// SameAs reports whether two nodes have the same encoding in a tree.
func (n *Node) SameAs(o *Node) bool {
	return n.Kind == o.Kind && n.Name == o.Name && n.Mode == o.Mode && n.Owner == o.Owner &&
		n.MTime == o.MTime && n.MNanos == o.MNanos && n.Size == o.Size && n.Files == o.Files &&
		n.Target == o.Target && n.Rdev == o.Rdev && n.Link == o.Link &&
		n.Content.Depth == o.Content.Depth && slices.Equal(n.Content.Extents, o.Content.Extents) &&
		slices.EqualFunc(n.Xattrs, o.Xattrs, func(a, b Xattr) bool { return a.Name == b.Name && string(a.Value) == string(b.Value) })
}

package repo

import (
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/sealed"
)

// What callers see of the format's bytes (docs/format.md).
type (
	ID           = format.ID
	Name         = format.Name
	RepositoryID = format.RepositoryID
	Kind         = format.Kind
	Node         = format.Node
	NodeKind     = format.NodeKind
	NodeEncoder  = format.NodeEncoder
	NodeDecoder  = format.NodeDecoder
	Owner        = format.Owner
	Xattr        = format.Xattr
	Extent       = format.Extent
	Content      = format.Content
	Snapshot     = format.Snapshot
	Source       = format.Source
	Profile      = format.Profile
	Sighting     = format.Sighting
	Protection   = format.Protection
	Facts        = format.Facts
	Epoch        = format.Epoch
	Hasher       = format.Hasher
	Seen         = sealed.Seen
)

// What callers see of writing.
type (
	Writer         = engine.Writer
	Stats          = engine.Stats
	Saver          = engine.Saver
	TreeBuilder    = engine.TreeBuilder
	ContentBuilder = engine.ContentBuilder
)

// ChunkBuffer returns a buffer for a chunk of up to n bytes. The content
// starts at index 1: the record's encoding byte comes before it.
func ChunkBuffer(n int) []byte { return engine.ChunkBuffer(n) }

// The values of these types, and the limits of the format.
const (
	KindData       = format.KindData
	KindTree       = format.KindTree
	KindList       = format.KindList
	NodeFile       = format.NodeFile
	NodeDir        = format.NodeDir
	NodeSymlink    = format.NodeSymlink
	NodeFIFO       = format.NodeFIFO
	NodeSocket     = format.NodeSocket
	NodeChar       = format.NodeChar
	NodeBlock      = format.NodeBlock
	ProtectionNone = format.ProtectionNone
	ProtectionKey  = format.ProtectionKey
	HeaderPath     = format.HeaderPath
	MaxHeader      = format.MaxHeader // bytes
	MaxChunk       = format.MaxChunk
	MaxTreeDepth   = format.MaxTreeDepth
)

// ParseName reads 64 hexadecimal digits in lower case.
func ParseName(s string) (Name, bool) { return format.ParseName(s) }

// ValidName reports whether a name may stand in a tree.
func ValidName(name string) bool { return format.ValidName(name) }

// NewNodeDecoder reads the head of a tree block. after is the last name of
// the block before it, "" for the first. Errors: ErrDamaged.
func NewNodeDecoder(block []byte, after string) (*NodeDecoder, error) {
	return format.NewNodeDecoder(block, after)
}

// SmallObjects are the prefixes of the names of objects that are read whole. None of these names is ever used for another content.
func SmallObjects() (prefixes []string) {
	for _, k := range format.Kinds {
		if k != format.KindPack {
			prefixes = append(prefixes, k.Prefix())
		}
	}
	return prefixes
}

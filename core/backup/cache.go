package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// The change cache remembers, for each directory of the last run, its entries
// with what lstat said of them, so that a file whose lstat is the same is not
// read again. It only ever makes things faster: without it everything is read
// and nothing is stored twice. A cache that does not check out is ignored.
//
// The file: a magic; for each directory a record; a table of (16-byte path
// hash, u64 offset), sorted; u64 offset of the table; SHA-256 of the table with
// its offset. A record is its BLAKE3 (4 bytes), u32 lengths of its two parts, and
// the parts, tree blocks in the encoding of docs/format.md, chapter 9: one of
// a single entry with the directory's own content, one of the entries, each
// with its signature as an extra.
const cacheMagic = "holdfast changes 2\n"

// recordHead is the length of a record's head, bytes.
const recordHead = 12

type cacheSlot struct {
	key    [16]byte
	offset uint64
}

func cacheKey(path string) (key [16]byte) {
	sum := blake3.Sum256([]byte(path))
	copy(key[:], sum[:])
	return key
}

// changeCache is the cache of the run before.
type changeCache struct {
	f     *os.File
	size  int64
	slots []cacheSlot
}

// cachedDir is one directory of the run before. Its entries are decoded when
// they are asked for: of a folder of a million files only their encoding is in memory.
type cachedDir struct {
	content repo.Content
	record  []byte // as it stands in the file
	entries []byte // the part of it with the entries
}

// cachedNodes are a cached directory's entries, in order. It is for one goroutine.
type cachedNodes struct {
	d    *repo.NodeDecoder
	node repo.Node
	ok   bool // node holds the next entry
}

// nodes returns the entries from the first one; none for a nil directory.
func (c *cachedDir) nodes() *cachedNodes {
	if c == nil {
		return &cachedNodes{}
	}
	d, err := repo.NewNodeDecoder(c.entries, "")
	if err != nil {
		return &cachedNodes{} // the record checked out; still, a cache must not stop a run
	}
	n := &cachedNodes{d: d}
	n.advance()
	return n
}

func (n *cachedNodes) advance() {
	n.ok = false
	if n.d != nil {
		more, err := n.d.Next(&n.node)
		n.ok = more && err == nil
	}
}

// next returns the next entry, nil after the last. It is good until the call after.
func (n *cachedNodes) next(into *repo.Node) bool {
	if !n.ok {
		return false
	}
	*into = n.node
	n.advance()
	return true
}

// find returns the entry of a name, nil if there is none. Names must ascend
// from call to call. The entry is good until the next call.
func (n *cachedNodes) find(name string) *repo.Node {
	for n.ok && n.node.Name < name {
		n.advance()
	}
	if n.ok && n.node.Name == name {
		return &n.node
	}
	return nil
}

// openCache opens a cache file. A missing or damaged one is an empty cache.
func openCache(path string) *changeCache {
	c := &changeCache{}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	info, err := f.Stat()
	if err == nil {
		c.size = info.Size()
		c.slots, err = readSlots(f, c.size)
	}
	if err != nil {
		_ = f.Close()
		return &changeCache{}
	}
	c.f = f
	return c
}

func readSlots(f *os.File, size int64) ([]cacheSlot, error) {
	const tail = 8 + sha256.Size
	if size < int64(len(cacheMagic))+tail {
		return nil, io.ErrUnexpectedEOF
	}
	head := make([]byte, len(cacheMagic))
	end := make([]byte, tail)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if _, err := f.ReadAt(end, size-tail); err != nil {
		return nil, err
	}
	at := int64(binary.BigEndian.Uint64(end))
	n := size - tail - at
	if string(head) != cacheMagic || at < 0 || n < 0 || n%24 != 0 {
		return nil, errors.New("not a change cache")
	}
	table := make([]byte, n)
	if _, err := f.ReadAt(table, at); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(table[:n:n], end[:8]...))
	if !bytes.Equal(sum[:], end[8:]) {
		return nil, errors.New("damaged change cache")
	}
	slots := make([]cacheSlot, n/24)
	for i := range slots {
		copy(slots[i].key[:], table[i*24:])
		slots[i].offset = binary.BigEndian.Uint64(table[i*24+16:])
	}
	return slots, nil
}

func (c *changeCache) close() {
	if c.f != nil {
		_ = c.f.Close() // only ever read
	}
}

// dir returns what the run before saw in a directory, nil for nothing.
func (c *changeCache) dir(path string) *cachedDir {
	key := cacheKey(path)
	i, ok := slices.BinarySearchFunc(c.slots, key, func(s cacheSlot, k [16]byte) int { return bytes.Compare(s.key[:], k[:]) })
	if !ok {
		return nil
	}
	at := int64(c.slots[i].offset)
	var head [recordHead]byte
	if at < 0 || at > c.size {
		return nil
	}
	if _, err := c.f.ReadAt(head[:], at); err != nil {
		return nil
	}
	self, entries := int64(binary.BigEndian.Uint32(head[4:])), int64(binary.BigEndian.Uint32(head[8:]))
	if self+entries > c.size-at-recordHead {
		return nil
	}
	record := make([]byte, recordHead+self+entries)
	if _, err := c.f.ReadAt(record, at); err != nil {
		return nil
	}
	// The record's check guards against a torn write that the file system hid.
	sum := blake3.Sum256(record[4:])
	if !bytes.Equal(sum[:4], record[:4]) {
		return nil
	}
	own := (&cachedDir{entries: record[recordHead : recordHead+self]}).nodes()
	if !own.ok {
		return nil
	}
	return &cachedDir{content: own.node.Content, record: record, entries: record[recordHead+self:]}
}

// cacheWriter writes the cache of this run.
type cacheWriter struct {
	*cacheFile
	slots []cacheSlot
}

// newCacheWriter writes beside path; commit puts the new cache in its place.
func newCacheWriter(path string) (*cacheWriter, error) {
	f, err := newCacheFile(path, 256<<10)
	if err != nil {
		return nil, err
	}
	f.write([]byte(cacheMagic))
	return &cacheWriter{cacheFile: f}, nil
}

// add records a directory by its content and its encoded entries, which carry
// their signatures in Local.
func (c *cacheWriter) add(path string, content repo.Content, entries []byte) {
	var e repo.NodeEncoder
	e.Add(&repo.Node{Kind: repo.NodeDir, Name: "self", Content: content})
	self := e.Finish()
	if len(entries) > 1<<30 {
		return // such a directory is read each time
	}
	record := make([]byte, 4, recordHead+len(self)+len(entries))
	record = binary.BigEndian.AppendUint32(record, uint32(len(self)))
	record = binary.BigEndian.AppendUint32(record, uint32(len(entries)))
	record = append(append(record, self...), entries...)
	sum := blake3.Sum256(record[4:])
	copy(record, sum[:4])
	c.addRecord(path, record)
}

// addRecord records a directory that is as it was in the run before.
func (c *cacheWriter) addRecord(path string, record []byte) {
	c.slots = append(c.slots, cacheSlot{cacheKey(path), c.at})
	c.write(record)
}

func (c *cacheWriter) commit() error {
	slices.SortFunc(c.slots, func(a, b cacheSlot) int { return bytes.Compare(a.key[:], b.key[:]) })
	table := make([]byte, 0, 24*len(c.slots)+8)
	for _, s := range c.slots {
		table = append(table, s.key[:]...)
		table = binary.BigEndian.AppendUint64(table, s.offset)
	}
	at := c.at
	c.write(table)
	end := binary.BigEndian.AppendUint64(nil, at)
	sum := sha256.Sum256(append(table, end...))
	c.write(append(end, sum[:]...))
	return c.cacheFile.commit()
}

// signature is what lstat says that must stay the same for a file to count
// as unchanged, beyond what the node holds anyway.
func signature(e *source.Entry) []byte {
	b := make([]byte, 0, 40)
	b = binary.AppendVarint(b, e.CTime.Sec)
	b = binary.AppendUvarint(b, uint64(e.CTime.Nsec))
	b = binary.AppendUvarint(b, e.Inode)
	b = binary.AppendUvarint(b, e.Device)
	return b
}

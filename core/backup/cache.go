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
	offset  uint64 // of the record in the file
	record  []byte // as it stands there
	entries []byte // the part of it with the entries
}

// cachedNodes are a cached directory's entries, in order. It is for one goroutine.
type cachedNodes struct {
	d    *repo.NodeDecoder
	node repo.Node
	at   int  // which of the directory's entries node is, from 0
	ok   bool // node holds an entry: there is one at at
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
	n := &cachedNodes{d: d, at: -1}
	n.advance()
	return n
}

func (n *cachedNodes) advance() {
	n.ok = false
	if n.d != nil {
		more, err := n.d.NextInPlace(&n.node)
		n.ok = more && err == nil
		n.at++
	}
}

// number returns the entry of a number, nil when there are not so many. Numbers must ascend
// from call to call. The entry is good until the next call.
func (n *cachedNodes) number(at int) *repo.Node {
	for n.ok && n.at < at {
		n.advance()
	}
	if n.ok && n.at == at {
		return &n.node
	}
	return nil
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
	offset := c.slots[i].offset
	record := c.record(offset)
	if record == nil {
		return nil
	}
	entries := recordHead + binary.BigEndian.Uint32(record[4:])
	own := (&cachedDir{entries: record[recordHead:entries]}).nodes()
	if !own.ok {
		return nil
	}
	return &cachedDir{content: own.node.Content, offset: offset, record: record, entries: record[entries:]}
}

// record reads the record at an offset, nil for none that checks out.
func (c *changeCache) record(offset uint64) []byte {
	at := int64(offset)
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
	return record
}

// cacheWriter writes the cache of this run. As long as all is as in the cache of
// the run before it writes nothing; when that holds to the end, the old one stays.
type cacheWriter struct {
	path  string
	old   *changeCache
	file  *cacheFile // nil while nothing differs
	slots []cacheSlot
	err   error // of beginning file
}

// newCacheWriter begins the cache of a run after that of old, which stays open meanwhile.
// commit puts the new cache at path.
func newCacheWriter(path string, old *changeCache) *cacheWriter {
	return &cacheWriter{path: path, old: old}
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
	c.begin()
	c.write(cacheKey(path), record)
}

// keep records a directory that is as it was in the run before.
func (c *cacheWriter) keep(path string, d *cachedDir) {
	if c.file == nil {
		c.slots = append(c.slots, cacheSlot{cacheKey(path), d.offset})
		return
	}
	c.write(cacheKey(path), d.record)
}

func (c *cacheWriter) write(key [16]byte, record []byte) {
	if c.err == nil {
		c.slots = append(c.slots, cacheSlot{key, c.file.at})
		c.file.write(record)
	}
}

// begin begins the file, with what was kept so far.
func (c *cacheWriter) begin() {
	if c.file != nil || c.err != nil {
		return
	}
	if c.file, c.err = newCacheFile(c.path, 256<<10); c.err != nil {
		return
	}
	c.file.write([]byte(cacheMagic))
	kept := c.slots
	c.slots = make([]cacheSlot, 0, len(c.old.slots))
	for _, s := range kept {
		record := c.old.record(s.offset)
		if record == nil {
			c.err = errors.New("the old cache cannot be read any more")
			return
		}
		c.write(s.key, record)
	}
}

// commit puts the cache in its place. Unless it succeeds, what is there is not of this run.
func (c *cacheWriter) commit() error {
	if c.file == nil && len(c.slots) == len(c.old.slots) && c.err == nil {
		return nil
	}
	c.begin()
	if c.err != nil {
		c.discard()
		return c.err
	}
	slices.SortFunc(c.slots, func(a, b cacheSlot) int { return bytes.Compare(a.key[:], b.key[:]) })
	table := make([]byte, 0, 24*len(c.slots)+8)
	for _, s := range c.slots {
		table = append(table, s.key[:]...)
		table = binary.BigEndian.AppendUint64(table, s.offset)
	}
	at := c.file.at
	c.file.write(table)
	end := binary.BigEndian.AppendUint64(nil, at)
	sum := sha256.Sum256(append(table, end...))
	c.file.write(append(end, sum[:]...))
	return c.file.commit()
}

// discard leaves the cache of the run before in its place.
func (c *cacheWriter) discard() {
	if c.file != nil {
		c.file.discard()
	}
}

// appendSignature appends what lstat says that must stay the same for a file
// to count as unchanged, beyond what the node holds anyway.
func appendSignature(b []byte, e *source.Entry) []byte {
	b = binary.AppendVarint(b, e.CTime.Sec)
	b = binary.AppendUvarint(b, uint64(e.CTime.Nsec))
	b = binary.AppendUvarint(b, e.Inode)
	b = binary.AppendUvarint(b, e.Device)
	return b
}

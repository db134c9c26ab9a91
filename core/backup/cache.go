package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
// The file: a magic; for each directory a record (uvarint length, tree block
// in the encoding of docs/format.md chapter 9 with one extra per entry, and
// the directory's own content); a table of (16-byte path hash, u64 offset),
// sorted; u64 offset of the table; SHA-256 of the table with its offset.
const cacheMagic = "holdfast changes 1\n"

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

// cachedDir is one directory of the run before.
type cachedDir struct {
	content repo.Content
	nodes   []repo.Node
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
	var head [8]byte
	if _, err := c.f.ReadAt(head[:], int64(c.slots[i].offset)); err != nil {
		return nil
	}
	n, at := int64(binary.BigEndian.Uint32(head[4:])), int64(c.slots[i].offset)+8
	if n > c.size-at {
		return nil
	}
	record := make([]byte, n)
	if _, err := c.f.ReadAt(record, at); err != nil {
		return nil
	}
	// The record's check guards against a torn write that the file system hid.
	sum := blake3.Sum256(record)
	if !bytes.Equal(sum[:4], head[:4]) {
		return nil
	}
	nodes, err := repo.DecodeNodes(record, "")
	if err != nil || len(nodes) == 0 || nodes[0].Name != selfName {
		return nil
	}
	return &cachedDir{content: nodes[0].Content, nodes: nodes[1:]}
}

// selfName is the entry that stands for the directory itself: before any
// name that can be a real one.
const selfName = "\x01"

// cacheWriter writes the cache of this run.
type cacheWriter struct {
	path  string
	f     *os.File
	w     *bufio.Writer
	at    uint64
	slots []cacheSlot
	err   error
}

// newCacheWriter writes beside path; commit puts the new cache in its place.
func newCacheWriter(path string) (*cacheWriter, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "changes-*.tmp")
	if err != nil {
		return nil, err
	}
	c := &cacheWriter{path: path, f: f, w: bufio.NewWriterSize(f, 256<<10)}
	c.write([]byte(cacheMagic))
	return c, nil
}

func (c *cacheWriter) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
		c.at += uint64(len(b))
	}
}

// add records a directory. nodes carry their signature in Local.
func (c *cacheWriter) add(path string, content repo.Content, nodes []repo.Node) {
	if len(nodes) > 0 && nodes[0].Name <= selfName {
		return // a name that would stand before our own; such a directory is read each time
	}
	all := make([]repo.Node, 0, 1+len(nodes))
	all = append(all, repo.Node{Kind: repo.NodeDir, Name: selfName, Content: content})
	record := repo.EncodeNodes(append(all, nodes...))
	if len(record) > 1<<30 {
		return
	}
	c.slots = append(c.slots, cacheSlot{cacheKey(path), c.at})
	var head [8]byte
	sum := blake3.Sum256(record)
	copy(head[:4], sum[:4])
	binary.BigEndian.PutUint32(head[4:], uint32(len(record)))
	c.write(head[:])
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
	if c.err == nil {
		c.err = c.w.Flush()
	}
	if err := c.f.Close(); c.err == nil {
		c.err = err
	}
	if c.err == nil {
		c.err = os.Rename(c.f.Name(), c.path)
	}
	if c.err != nil {
		_ = os.Remove(c.f.Name()) // the cause is reported
		return fmt.Errorf("change cache: %w", c.err)
	}
	return nil
}

func (c *cacheWriter) discard() {
	_ = c.f.Close()
	_ = os.Remove(c.f.Name())
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

package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// A page cache remembers the pages of one database: a file beside the change
// cache. A magic; 32 bytes of hash key; u32 page size; for each region a record of
// 24 bytes a page (hash, u32 number of its chunk, u32 offset in it) and
// the first 16 bytes of BLAKE3 over u64 number of the region, key and pages; the chunks,
// each 32 bytes of id and u32 bytes in use; u64 pages, u32 chunks, the length and the bytes of the
// database's path (u32), and SHA-256 of all that is not in a region. A cache that does not
// check out counts for nothing: what it would say of a page ends up in a backup.
const (
	pageMagic   = "holdfast pages 1\n"
	pageEntry   = 16 + 4 + 4
	chunkEntry  = 32 + 4
	pageTrailer = 8 + 4 + 4 + sha256.Size
)

type knownPage struct {
	hash   pageHash
	chunk  uint32 // its number
	offset uint32
}

// pageCache is what the run before knew of a database.
type pageCache struct {
	f      *os.File
	key    []byte
	page   int
	pages  int64
	chunks []repo.ID
	use    []bool // by chunk: it is there, and enough of it is in use
}

// PagesDir is where the caches of databases are, beside the change cache.
func PagesDir(cachePath string) string { return cachePath + ".pages" }

// pagesPath is where the cache of a database is.
func pagesPath(cachePath, path string) string {
	key := cacheKey(path)
	return filepath.Join(PagesDir(cachePath), hex.EncodeToString(key[:]))
}

// openPageCache opens the cache of a database; nil if there is none that counts.
func openPageCache(path string, r *repo.Repository) *pageCache {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	c := &pageCache{f: f}
	if err := c.read(r); err != nil {
		c.close()
		return nil
	}
	return c
}

var errNoPages = errors.New("not a page cache")

func (c *pageCache) read(r *repo.Repository) error {
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, len(pageMagic)+32+4)
	if _, err := c.f.ReadAt(head, 0); err != nil {
		return err
	}
	tail := make([]byte, pageTrailer)
	if _, err := c.f.ReadAt(tail, info.Size()-pageTrailer); err != nil {
		return err
	}
	c.key = head[len(pageMagic) : len(pageMagic)+32]
	c.page = int(binary.BigEndian.Uint32(head[len(pageMagic)+32:]))
	c.pages = int64(binary.BigEndian.Uint64(tail))
	chunks, name := int64(binary.BigEndian.Uint32(tail[8:])), int64(binary.BigEndian.Uint32(tail[12:]))
	if string(head[:len(pageMagic)]) != pageMagic || c.page < pageMin || c.page > 64<<10 || c.pages <= 0 || c.pages > info.Size()/pageEntry {
		return errNoPages
	}
	at := c.regionAt(c.regions()-1) + c.regionSize(c.regions()-1)
	if chunks*chunkEntry+name != info.Size()-pageTrailer-at {
		return errNoPages
	}
	table := make([]byte, chunks*chunkEntry+name)
	if _, err := c.f.ReadAt(table, at); err != nil {
		return err
	}
	if sum := pageSum(head, table, tail); !bytes.Equal(sum, tail[16:]) {
		return errNoPages
	}
	c.chunks, c.use = make([]repo.ID, chunks), make([]bool, chunks)
	for i := range c.chunks {
		e := table[i*chunkEntry:]
		c.chunks[i] = repo.ID(e[:32])
		length, there := r.Length(c.chunks[i])
		c.use[i] = there && pageLive*int64(binary.BigEndian.Uint32(e[32:])) >= length
	}
	return nil
}

// pageSum is the check of what is not in a region.
func pageSum(head, table, tail []byte) []byte {
	h := sha256.New()
	h.Write(head)
	h.Write(table)
	h.Write(tail[:16])
	return h.Sum(nil)
}

func (c *pageCache) perRegion() int64 { return pageRegion / int64(c.page) }

func (c *pageCache) regions() int64 { return (c.pages + c.perRegion() - 1) / c.perRegion() }

func (c *pageCache) regionAt(n int64) int64 {
	return int64(len(pageMagic)+32+4) + n*(c.perRegion()*pageEntry+16)
}

func (c *pageCache) regionSize(n int64) int64 {
	return min(c.perRegion(), c.pages-n*c.perRegion())*pageEntry + 16
}

// region returns what is known of a region's pages, in order. It may be called by several goroutines.
func (c *pageCache) region(n int64) []knownPage {
	if c == nil || n >= c.regions() {
		return nil
	}
	b := make([]byte, c.regionSize(n))
	if _, err := c.f.ReadAt(b, c.regionAt(n)); err != nil {
		return nil
	}
	body := b[:len(b)-16]
	if sum := regionSum(c.key, n, body); !bytes.Equal(sum, b[len(body):]) {
		return nil
	}
	known := make([]knownPage, len(body)/pageEntry)
	for i := range known {
		e := body[i*pageEntry:]
		known[i] = knownPage{pageHash(e[:16]), binary.BigEndian.Uint32(e[16:]), binary.BigEndian.Uint32(e[20:])}
	}
	return known
}

func regionSum(key []byte, n int64, body []byte) []byte {
	h := blake3.New()
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	_, _ = h.Write(key)
	_, _ = h.Write(body)
	return h.Sum(nil)[:16]
}

// usable returns the chunk of a number, if pages may be taken from it.
func (c *pageCache) usable(n uint32) (repo.ID, bool) {
	if int64(n) >= int64(len(c.chunks)) || !c.use[n] {
		return repo.ID{}, false
	}
	return c.chunks[n], true
}

func (c *pageCache) close() {
	if c != nil {
		_ = c.f.Close() // only ever read
	}
}

// pageWriter writes the page cache of this run.
type pageWriter struct {
	*cacheFile
	of      string // the database's path
	head    []byte
	page    int
	pages   int64
	regions int64
	numbers map[repo.ID]uint32
	chunks  []repo.ID
	live    []uint32
	body    []byte
}

// newPageWriter writes beside path; commit puts the new cache in its place.
func newPageWriter(path, of string, key []byte, page int) (*pageWriter, error) {
	f, err := newCacheFile(path, 64<<10)
	if err != nil {
		return nil, err
	}
	c := &pageWriter{cacheFile: f, of: of, page: page, numbers: make(map[repo.ID]uint32)}
	c.head = binary.BigEndian.AppendUint32(append([]byte(pageMagic), key...), uint32(page))
	c.write(c.head)
	return c, nil
}

// add records the next region by its extents and the hashes of its pages.
func (c *pageWriter) add(extents []repo.Extent, hashes []pageHash) {
	c.body = c.body[:0]
	for _, e := range extents {
		number, ok := c.numbers[e.Chunk]
		if !ok {
			number = uint32(len(c.chunks))
			c.numbers[e.Chunk] = number
			c.chunks, c.live = append(c.chunks, e.Chunk), append(c.live, 0)
		}
		c.live[number] = uint32(min(int64(c.live[number])+e.Length, 1<<31))
		for at := int64(0); at < e.Length; at += int64(c.page) {
			c.body = append(c.body, hashes[0][:]...)
			c.body = binary.BigEndian.AppendUint32(c.body, number)
			c.body = binary.BigEndian.AppendUint32(c.body, e.Offset+uint32(at))
			hashes = hashes[1:]
			c.pages++
		}
	}
	c.write(append(c.body, regionSum(c.head[len(pageMagic):len(pageMagic)+32], c.regions, c.body)...))
	c.regions++
}

func (c *pageWriter) commit() error {
	var table []byte
	for i, id := range c.chunks {
		table = binary.BigEndian.AppendUint32(append(table, id[:]...), c.live[i])
	}
	table = append(table, c.of...)
	tail := binary.BigEndian.AppendUint64(nil, uint64(c.pages))
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(c.chunks)))
	tail = binary.BigEndian.AppendUint32(tail, uint32(len(c.of)))
	c.write(table)
	c.write(append(tail, pageSum(c.head, table, tail)...))
	return c.cacheFile.commit()
}

// forgetPages deletes page caches of databases that are gone.
func forgetPages(ctx context.Context, cachePath string) {
	dir := PagesDir(cachePath)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if of, err := pagesOf(path); err == nil {
			_, err := source.Answer(ctx, of, func() (fs.FileInfo, error) { return os.Lstat(of) })
			switch {
			case err == nil:
				continue
			case errors.Is(err, source.ErrNoAnswer) || ctx.Err() != nil:
				return // nobody knows, and nobody need know now
			}
		}
		_ = os.Remove(path) // a cache too many is no harm
	}
}

// pagesOf returns the path of the database that a cache is of.
func pagesOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	tail := make([]byte, pageTrailer)
	if _, err := f.ReadAt(tail, info.Size()-pageTrailer); err != nil {
		return "", err
	}
	n := int64(binary.BigEndian.Uint32(tail[12:]))
	if n <= 0 || n > 64<<10 {
		return "", errNoPages
	}
	name := make([]byte, n)
	_, err = f.ReadAt(name, info.Size()-pageTrailer-n)
	return string(name), err
}

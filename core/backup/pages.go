package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// Databases change in place, all over the file. They are compared page by
// page with the run before, and only pages that changed are stored, gathered
// into new chunks (docs/format.md, chapter 5; docs/adr/0015).
const (
	pagedMin   = 1 << 20 // smaller databases are stored like other files
	pageMin    = 4 << 10 // what is compared is at least this long
	pageRegion = 8 << 20 // gathered chunks hold pages of one region
	pieceMin   = 128 << 10
	// A chunk less than 1/pageLive of which is in use is given up.
	pageLive = 4
)

// pageHash is the GMAC of a page under a key of the cache.
type pageHash [16]byte

// pageHasher hashes pages, for one goroutine.
type pageHasher struct{ cipher.AEAD }

func newPageHasher(key []byte) pageHasher {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of another length
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return pageHasher{gcm}
}

// fixedNonce may be used again and again: no tag is ever shown to anybody, and nothing is encrypted.
var fixedNonce [12]byte

func (h pageHasher) sum(page []byte) (out pageHash) {
	h.Seal(out[:0], fixedNonce[:], nil, page)
	return out
}

// sqlitePage returns the size by which a database is compared, 0 if the file
// is none (SQLite's file format, section 1.3).
func sqlitePage(f *source.Handle) int {
	var head [18]byte
	if n, err := f.ReadAt(head[:], 0); n < len(head) || err != nil || !bytes.HasPrefix(head[:], []byte("SQLite format 3\x00")) {
		return 0
	}
	page := int(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 64 << 10
	}
	if page < 512 || page&(page-1) != 0 {
		return 0
	}
	return max(page, pageMin)
}

// paged is a database under way.
type paged struct {
	page   int
	key    []byte      // of the hashes
	before *pageCache  // nil: nothing is known
	after  *pageWriter // nil without a cache
}

// pageBlock is a job: one region of a database.
type pageBlock struct {
	block  *block
	file   *source.Handle
	paged  *paged
	region int64
	length int
}

// do compares the pages of the region and stores those that changed.
func (j *pageBlock) do(_ context.Context, w *worker) error {
	defer close(j.block.done)
	known := j.paged.before.region(j.region)
	hasher := newPageHasher(j.paged.key)
	g := gathering{w: w}
	for at := 0; at < j.length; {
		// Read behind what is gathered, so that what changed moves up and nothing else does.
		room := (blockMax - g.used) / j.paged.page * j.paged.page
		if room < pieceMin {
			if err := g.flush(); err != nil {
				return err
			}
			room = blockMax
		}
		piece := w.buf[1+g.used:][:min(room, j.length-at)]
		n, err := j.file.ReadAt(piece, j.region*pageRegion+int64(at))
		if n < len(piece) {
			if err == nil || errors.Is(err, io.EOF) {
				err = errChanged // it shrank
			}
			j.block.err = err
			return nil
		}
		at += n
		for len(piece) > 0 {
			page := piece[:min(j.paged.page, len(piece))]
			piece = piece[len(page):]
			hash := hasher.sum(page)
			if index := len(g.hashes); index < len(known) && known[index].hash == hash && len(page) == j.paged.page {
				if id, ok := j.paged.before.usable(known[index].chunk); ok {
					g.extend(hash, repo.Extent{Chunk: id, Offset: known[index].offset, Length: int64(len(page))}, false)
					continue
				}
			}
			g.add(hash, page)
		}
	}
	if err := g.flush(); err != nil {
		return err
	}
	j.block.extents, j.block.hashes = g.extents, g.hashes
	w.r.o.Counters.BytesRead.Add(int64(j.length))
	w.r.o.Counters.Bytes.Add(int64(j.length))
	return nil
}

// gathering collects a region: extents into chunks that are there, and pages
// for a new one at the beginning of the worker's buffer.
type gathering struct {
	w       *worker
	hashes  []pageHash
	extents []repo.Extent
	used    int   // bytes in the chunk being gathered
	open    []int // the extents that are in it
}

// extend adds the extent of a page, joined with the last where it continues it.
func (g *gathering) extend(hash pageHash, e repo.Extent, open bool) {
	g.hashes = append(g.hashes, hash)
	if n := len(g.extents); n > 0 {
		last := &g.extents[n-1]
		lastOpen := len(g.open) > 0 && g.open[len(g.open)-1] == n-1
		if lastOpen == open && last.Chunk == e.Chunk && int64(last.Offset)+last.Length == int64(e.Offset) {
			last.Length += e.Length
			return
		}
	}
	if open {
		g.open = append(g.open, len(g.extents))
	}
	g.extents = append(g.extents, e)
}

// add gathers a page, which lies at or behind the end of what is gathered.
func (g *gathering) add(hash pageHash, page []byte) {
	copy(g.w.buf[1+g.used:], page)
	g.extend(hash, repo.Extent{Offset: uint32(g.used), Length: int64(len(page))}, true)
	g.used += len(page)
}

// flush stores what was gathered.
func (g *gathering) flush() error {
	if g.used == 0 {
		return nil
	}
	id, err := g.w.saver.Save(repo.KindData, g.w.buf[:1+g.used])
	if err != nil {
		return err
	}
	for _, i := range g.open {
		g.extents[i].Chunk = id
	}
	g.used, g.open = 0, g.open[:0]
	return nil
}

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

// pagesPath is where the cache of a database is.
func pagesPath(cachePath, path string) string {
	key := cacheKey(path)
	return filepath.Join(cachePath+".pages", hex.EncodeToString(key[:]))
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
		c.use[i] = there && r.Has(c.chunks[i]) && pageLive*int64(binary.BigEndian.Uint32(e[32:])) >= length
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
	path, of string // the cache's path, and the database's
	f        *os.File
	w        *bufio.Writer
	head     []byte
	page     int
	pages    int64
	regions  int64
	numbers  map[repo.ID]uint32
	chunks   []repo.ID
	live     []uint32
	body     []byte
	err      error
}

// newPageWriter writes beside path; commit puts the new cache in its place.
func newPageWriter(path, of string, key []byte, page int) (*pageWriter, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "pages-*.tmp")
	if err != nil {
		return nil, err
	}
	c := &pageWriter{path: path, of: of, f: f, w: bufio.NewWriterSize(f, 64<<10), page: page, numbers: make(map[repo.ID]uint32)}
	c.head = binary.BigEndian.AppendUint32(append([]byte(pageMagic), key...), uint32(page))
	_, c.err = c.w.Write(c.head)
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

func (c *pageWriter) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
	}
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
		return fmt.Errorf("page cache: %w", c.err)
	}
	return nil
}

func (c *pageWriter) discard() {
	_ = c.f.Close()
	_ = os.Remove(c.f.Name())
}

// openPaged prepares for a database of this page size.
func (r *run) openPaged(path string, page int) *paged {
	p := &paged{page: page}
	if r.o.CachePath != "" {
		file := pagesPath(r.o.CachePath, path)
		if c := openPageCache(file, r.o.Repository); c != nil && c.page == page {
			p.before, p.key = c, c.key
		} else {
			c.close()
		}
		if p.key == nil {
			p.key = make([]byte, 32)
			_, _ = rand.Read(p.key) // documented never to fail
		}
		// Without a new cache the old one stays, and what it says is still true.
		p.after, _ = newPageWriter(file, path, p.key, page)
		return p
	}
	p.key = make([]byte, 32)
	return p
}

// close ends the use of the caches; whole: all of the database was stored.
func (p *paged) close(whole bool) {
	switch {
	case p.after == nil:
	case whole:
		_ = p.after.commit() // the old one stays then
	default:
		p.after.discard()
	}
	p.before.close()
}

// forgetPages deletes page caches of databases that are gone.
func forgetPages(cachePath string) {
	dir := cachePath + ".pages"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if of, err := pagesOf(path); err == nil {
			if _, err := os.Lstat(of); err == nil {
				continue
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

// byPages hands the regions of a database to the workers.
func (r *run) byPages(ctx context.Context, p *pending, size int64) error {
	for region := int64(0); region*pageRegion < size; region++ {
		b := &block{done: make(chan struct{})}
		if err := r.sendBlock(ctx, p, b); err != nil {
			return err
		}
		j := &pageBlock{block: b, file: p.file.Handle, paged: p.paged, region: region, length: int(min(pageRegion, size-region*pageRegion))}
		if err := r.submit(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

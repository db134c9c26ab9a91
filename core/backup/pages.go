package backup

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

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
	id, err := g.w.saver.SaveData(g.w.buf[:1+g.used])
	if err != nil {
		return err
	}
	for _, i := range g.open {
		g.extents[i].Chunk = id
	}
	g.used, g.open = 0, g.open[:0]
	return nil
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

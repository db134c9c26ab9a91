package backup

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Databases change in place, all over the file. They are compared page by
// page with the run before, and only pages that changed are stored, gathered
// into new chunks (docs/format.md, chapter 5; docs/adr/0015), like beside like (docs/adr/0018).
const (
	pagedMin   = 1 << 20 // smaller databases are stored like other files
	pageMin    = 4 << 10 // what is compared is at least this long
	pageRegion = 8 << 20 // gathered chunks hold pages of one region
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
	file   io.ReaderAt
	paged  *paged
	region int64
	length int
}

// do compares the pages of the region and stores those that changed.
func (j *pageBlock) do(_ context.Context, w *worker) error {
	defer close(j.block.done)
	n := (j.length + j.paged.page - 1) / j.paged.page
	g := gathering{j: j, w: w, hasher: newPageHasher(j.paged.key), hashes: make([]pageHash, n), places: make([]repo.Extent, n)}
	changed, err := g.compare(j.paged.before.region(j.region))
	if err == nil {
		err = g.store(changed)
	}
	switch {
	case errors.Is(err, errUnread):
		j.block.err = err
		w.spoilt(err)
		return nil
	case err != nil:
		return err
	}
	j.block.extents, j.block.hashes = g.places, g.hashes
	w.r.o.Counters.BytesRead.Add(int64(j.length))
	w.r.o.Counters.Bytes.Add(int64(j.length))
	return nil
}

// errUnread wraps what keeps a database from being read; the backup goes on without it.
var errUnread = errors.New("the database cannot be read")

// gathering is a region on its way.
type gathering struct {
	j      *pageBlock
	w      *worker
	hasher pageHasher
	hashes []pageHash    // of the pages, as they were stored
	places []repo.Extent // of the pages
	used   int           // bytes at the start of the worker's buffer that are to be a chunk
	open   []int         // the pages in them
}

// read reads what begins with a page of the region.
func (g *gathering) read(into []byte, page int) error {
	n, err := g.j.file.ReadAt(into, g.j.region*pageRegion+int64(page)*int64(g.j.paged.page))
	if n == len(into) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errChanged // it shrank
	}
	return fmt.Errorf("%w: %w", errUnread, err)
}

// compare finds the pages that are as they were known, and returns the others.
func (g *gathering) compare(known []knownPage) ([]changedPage, error) {
	size, before := g.j.paged.page, g.j.paged.before
	var changed []changedPage
	for page := 0; page < len(g.places); {
		piece := g.w.buf[1:][:min(blockMax/size*size, g.j.length-page*size)]
		if err := g.read(piece, page); err != nil {
			return nil, err
		}
		for ; len(piece) > 0; page++ {
			content := piece[:min(size, len(piece))]
			piece = piece[len(content):]
			if page < len(known) && len(content) == size {
				if id, ok := before.usable(known[page].chunk); ok && g.hasher.sum(content) == known[page].hash {
					g.hashes[page] = known[page].hash
					g.places[page] = repo.Extent{Chunk: id, Offset: known[page].offset, Length: int64(size)}
					continue
				}
			}
			changed = append(changed, changedPage{page, likenessOf(content)})
		}
	}
	return changed, nil
}

// store gathers pages into chunks, like beside like. What they are hashed
// by is read anew: the database may be written to all the while, and a hash
// must be of what was stored.
func (g *gathering) store(pages []changedPage) error {
	slices.SortFunc(pages, changedPage.compare)
	size := g.j.paged.page
	for len(pages) > 0 {
		room := (blockMax - g.used) / size
		if room == 0 {
			if err := g.flush(); err != nil {
				return err
			}
			continue
		}
		run := 1
		for run < min(room, len(pages)) && pages[run].number == pages[run-1].number+1 {
			run++
		}
		first := pages[0].number
		content := g.w.buf[1+g.used:][:min(run*size, g.j.length-first*size)]
		if err := g.read(content, first); err != nil {
			return err
		}
		for page := first; len(content) > 0; page++ {
			one := content[:min(size, len(content))]
			content = content[len(one):]
			g.hashes[page] = g.hasher.sum(one)
			g.places[page] = repo.Extent{Offset: uint32(g.used), Length: int64(len(one))}
			g.open = append(g.open, page)
			g.used += len(one)
		}
		pages = pages[run:]
	}
	return g.flush()
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
	for _, page := range g.open {
		g.places[page].Chunk = id
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
func (w *walker) byPages(ctx context.Context, p *pending, size int64) error {
	for region := int64(0); region*pageRegion < size; region++ {
		b := &block{done: make(chan struct{})}
		if err := w.sendBlock(ctx, p, b); err != nil {
			return err
		}
		j := &pageBlock{block: b, file: p.file.Handle, paged: p.paged, region: region, length: int(min(pageRegion, size-region*pageRegion))}
		if err := w.submit(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

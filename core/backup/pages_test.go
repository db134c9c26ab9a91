package backup

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// fakeDatabase returns what begins like a SQLite file, with pages that differ.
func fakeDatabase(rng *rand.Rand, pages, page int) []byte {
	b := make([]byte, pages*page)
	for at := 0; at < len(b); at += 8 {
		binary.LittleEndian.PutUint64(b[at:], rng.Uint64())
	}
	copy(b, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(b[16:], uint16(page))
	return b
}

// mixed gives the pages kinds as SQLite's have, which are stored apart.
func mixed(rng *rand.Rand, db []byte, page int) []byte {
	for at := page; at < len(db); at += page {
		db[at] = []byte{0, indexInner, tableInner, indexLeaf, tableLeaf}[rng.IntN(5)]
	}
	return db
}

func scribble(rng *rand.Rand, page []byte) {
	for i := range page {
		page[i] = byte(rng.Uint32())
	}
}

func (b *bench) pagesFile() string {
	return pagesPath(b.o.CachePath, filepath.Join(b.src, "chat.db"))
}

// Of a database that changed here and there only what changed is stored.
func TestDatabaseGrowsByItsChangedPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := newBench(t)
	db := fakeDatabase(rng, 6000, 4096) // three regions
	b.write("chat.db", db)
	first := b.run()
	if n := first.Stats.Added; n < int64(len(db)) || n > int64(len(db))+4096 {
		t.Errorf("%d bytes were stored of %d", n, len(db))
	}
	snapshots, versions := []*repo.Snapshot{first.Snapshot}, [][]byte{bytes.Clone(db)}
	for range 3 {
		for range 100 {
			at := (1 + rng.IntN(len(db)/4096-1)) * 4096
			scribble(rng, db[at:at+4096])
		}
		db = append(db, fakeDatabase(rng, 10, 4096)...)
		b.write("chat.db", db)
		res := b.run()
		if n := res.Stats.Added; n > 150*4096 {
			t.Errorf("110 pages changed, and %d bytes were stored", n)
		}
		snapshots, versions = append(snapshots, res.Snapshot), append(versions, bytes.Clone(db))
	}
	for i, s := range snapshots {
		b.wantFiles(s, map[string][]byte{"chat.db": versions[i]})
	}
}

// Chunks of which little is in use are given up, so that a database that
// changes all over for a long time stays quick to restore.
func TestDatabaseIsNotReadFromCrumbs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := newBench(t)
	db := mixed(rng, fakeDatabase(rng, 2048, 4096), 4096)
	b.write("chat.db", db)
	b.run()
	var last *repo.Snapshot
	for range 40 {
		for range 200 {
			at := (1 + rng.IntN(2047)) * 4096
			scribble(rng, db[at:at+4096])
		}
		b.write("chat.db", db)
		last = b.run().Snapshot
	}
	c := openPageCache(b.pagesFile(), b.o.Repository)
	if c == nil {
		t.Fatal("no page cache")
	}
	defer c.close()
	var all int64
	for i, id := range c.chunks {
		n, _ := b.o.Repository.Length(id)
		all += n
		if !c.use[i] {
			all -= n // given up: the next run moves its pages
		}
	}
	if all > 3*int64(len(db)) {
		t.Errorf("%d bytes of chunks for a database of %d", all, len(db))
	}
	b.wantFiles(last, map[string][]byte{"chat.db": db})
}

// Whatever becomes of the database and of the cache, each snapshot has what was there.
func TestDatabaseRandomChanges(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 5))
		b := newBench(t)
		page := []int{512, 4096, 8192, 32768}[rng.IntN(4)]
		db := mixed(rng, fakeDatabase(rng, (2<<20)/page+rng.IntN((16<<20)/page), page), page)
		var snapshots []*repo.Snapshot
		var versions [][]byte
		for range 8 {
			switch rng.IntN(8) {
			case 0:
				db = append(db, fakeDatabase(rng, 1+rng.IntN(500), page)...)
			case 1:
				db = db[:max(pagedMin, len(db)-rng.IntN(4<<20))] // perhaps within a page
			case 2: // what a page was moves to another
				copy(db[(1+rng.IntN(100))*page:], db[(1+rng.IntN(100))*page:][:page])
			case 3:
				must(t, os.RemoveAll(b.o.CachePath+".pages"))
			case 4: // the disk was bad to the cache
				if c, err := os.ReadFile(b.pagesFile()); err == nil {
					c[rng.IntN(len(c))] ^= 1 << rng.IntN(8)
					must(t, os.WriteFile(b.pagesFile(), c[:len(c)-rng.IntN(2)*rng.IntN(len(c))], 0o600))
				}
			case 5:
				must(t, os.RemoveAll(b.o.CachePath))
			}
			for range rng.IntN(50) {
				at := 100 + rng.IntN(len(db)-page-100)
				scribble(rng, db[at:at+1+rng.IntN(page)])
			}
			b.write("chat.db", db)
			snapshots, versions = append(snapshots, b.run().Snapshot), append(versions, bytes.Clone(db))
		}
		for i, s := range snapshots {
			b.wantFiles(s, map[string][]byte{"chat.db": versions[i]})
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A chunk that is gone from the repository is not referred to again.
func TestDatabasePagesWhoseChunkIsGone(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	b := newBench(t)
	db := fakeDatabase(rng, 3000, 4096)
	b.write("chat.db", db)
	b.run()
	var packs []string
	must(t, b.s.List(t.Context(), "packs/", func(o store.Object) error {
		packs = append(packs, o.Name)
		return nil
	}))
	for _, path := range packs {
		must(t, b.s.Delete(t.Context(), path))
	}
	var err error
	b.o.Repository, err = repo.Open(t.Context(), b.s, repo.Unencrypted())
	must(t, err)
	scribble(rng, db[8192:8292])
	b.write("chat.db", db)
	b.wantFiles(b.run().Snapshot, map[string][]byte{"chat.db": db})
}

// The cache of a database that is gone goes as well.
func TestPageCacheOfADeletedDatabase(t *testing.T) {
	b := newBench(t)
	b.write("chat.db", fakeDatabase(rand.New(rand.NewPCG(8, 9)), 300, 4096))
	b.write("other", []byte("x"))
	b.run()
	if _, err := os.Stat(b.pagesFile()); err != nil {
		t.Fatal(err)
	}
	must(t, os.Remove(filepath.Join(b.src, "chat.db")))
	b.run()
	if _, err := os.Stat(b.pagesFile()); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// twoFaced reads otherwise each time, as a database does that is being written to.
type twoFaced struct{ first, then []byte }

func (f *twoFaced) ReadAt(p []byte, at int64) (int, error) {
	n := copy(p, f.first[at:])
	if int(at)+n == len(f.first) {
		f.first = f.then
	}
	return n, nil
}

// A page that is written to while the region is compared is remembered by what was stored of it.
func TestPagesAreHashedAsStored(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	b := newBench(t)
	before := mixed(rng, fakeDatabase(rng, 1000, 4096), 4096)
	after := bytes.Clone(before)
	for page := 1; page < 1000; page += 2 {
		scribble(rng, after[page*4096+8:(page+1)*4096])
	}
	w, err := b.o.Repository.NewWriter(t.Context(), 0)
	must(t, err)
	saver, err := w.NewSaver()
	must(t, err)
	b.o.Counters = new(Counters)
	p := &paged{page: 4096, key: make([]byte, 32)}
	j := &pageBlock{block: &block{done: make(chan struct{})}, file: &twoFaced{before, after}, paged: p, length: len(before)}
	must(t, j.do(t.Context(), &worker{r: &run{o: b.o}, saver: saver, buf: repo.ChunkBuffer(blockMax)}))
	must(t, w.Flush())
	var stored []byte
	for _, e := range j.block.extents {
		content, err := b.o.Repository.Chunk(t.Context(), e.Chunk)
		must(t, err)
		stored = append(stored, content[e.Offset:][:e.Length]...)
	}
	if !bytes.Equal(stored, after) {
		t.Error("what was stored is not what was read last")
	}
	for i, hash := range j.block.hashes {
		if newPageHasher(p.key).sum(stored[i*4096:][:4096]) != hash {
			t.Fatalf("the hash of page %d is of something else", i)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/database"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// A database that is written to, or that has something in its log, is not read where it lies: package database takes it into a scratch
// folder, whole and of one moment, and it is stored from there. What lies beside it is in it then, and is left out. Only where SQLite
// cannot put the parts together (it cannot read the database: SQLCipher) are they stored as the files they are.

// ErrUnsettled: a database is in the snapshot, but perhaps with parts of different moments.
var ErrUnsettled = errors.New("this database may not open")

// errNeverStill is why most often.
var errNeverStill = fmt.Errorf("%w: it was written to all the time", ErrUnsettled)

// logbook is what the walk knows of a database in the folder it is in, for what lies beside that.
type logbook struct {
	kept  bool                      // all is as in the run before
	open  bool                      // it could not be taken: its parts are read as other files are
	files map[string]*database.File // parts that are stored as files, by their names
	taken *sharedTaken
}

// sharedTaken is a database that was taken, until its last part is stored.
type sharedTaken struct {
	*database.Taken
	left atomic.Int32
}

func (t *sharedTaken) release() {
	if t.left.Add(-1) == 0 {
		_ = t.Close() // what is left goes with the next run
	}
}

// signature is what lstat said of all parts of a database.
func databaseSignature(s database.State) (b []byte) {
	s.Parts(func(e *source.Entry) { b = appendSignature(b, e) })
	return b
}

// database handles a database beside which a log stands, and what stands beside one. It reports whether that was all; a file that
// is none, or whose logs are empty, is handled as others are.
func (w *walker) database(ctx context.Context, d *walkedDir, e *source.Entry, old *repo.Node) (bool, error) {
	if name, ok := database.Of(e.Name); ok {
		if book := d.databases[name]; book != nil && !book.open {
			return true, w.beside(ctx, d, book, e, old)
		}
	}
	if !e.Logged {
		return false, nil
	}
	s, err := database.Look(d.ref.Dir, e.Name)
	if err != nil || s.Kind == database.None {
		return false, nil //nolint:nilerr // the worker that reads the file reports it
	}
	if d.databases == nil {
		d.databases = make(map[string]*logbook)
	}
	book := &logbook{}
	d.databases[e.Name] = book
	if !s.Logged() {
		return false, nil
	}
	if w.sameDatabase(ctx, s, old) && w.links.mayKeep(&s.File) {
		book.kept = true
		return true, w.keep(ctx, d, old)
	}
	if err := w.sendSame(ctx, d); err != nil {
		return true, err
	}
	path := join(d.path, e.Name)
	w.o.Counters.path.Store(&path)
	w.o.Counters.count(old != nil)
	return true, w.visitDatabase(ctx, d.ref, book, path, s, item{node: w.names.node(&s.File)})
}

// sameDatabase reports whether a database is as in the run before, with its logs.
func (w *walker) sameDatabase(ctx context.Context, s database.State, old *repo.Node) bool {
	return old != nil && old.Kind == repo.NodeFile && old.Mode == s.File.Mode && old.Owner == w.names.of(&s.File) &&
		string(old.Local) == string(databaseSignature(s)) && w.chunks.hold(ctx, old)
}

// beside handles what stands beside a database: it is in that, or one of the parts.
func (w *walker) beside(ctx context.Context, d *walkedDir, book *logbook, e *source.Entry, old *repo.Node) error {
	if book.kept && old != nil {
		if !w.chunks.hold(ctx, old) {
			return w.problem(ctx, join(d.path, e.Name), errNeverStill)
		}
		return w.keep(ctx, d, old)
	}
	f := book.files[e.Name]
	if f == nil {
		return nil
	}
	delete(book.files, e.Name)
	if err := w.sendSame(ctx, d); err != nil {
		return err
	}
	w.o.Counters.count(old != nil)
	p := &pending{path: join(d.path, e.Name), entry: *e, taken: book.taken}
	return w.storeTaken(ctx, d.ref, p, f, item{node: w.names.node(e), file: p})
}

// closeDatabases ends what the walk has of a folder's databases. A part that nobody asked for was not in the folder when that was listed.
func (w *walker) closeDatabases(ctx context.Context, d *walkedDir) error {
	for _, book := range d.databases {
		for name := range book.files {
			delete(book.files, name)
			book.taken.release()
			if err := w.problem(ctx, join(d.path, name), errNeverStill); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitDatabase takes a database beside which a log stands.
func (w *walker) visitDatabase(ctx context.Context, ref *dirRef, book *logbook, path string, s database.State, it item) error {
	p := &pending{path: path, entry: s.File, top: w.top}
	it.file = p
	if p.first = w.links.first(p); p.first != nil {
		return w.send(ctx, it)
	}
	return w.storeDatabase(ctx, ref, book, p, it)
}

// storeDatabase takes a database and hands it to the workers. Parts that must be stored as files are left in the book; without one the
// database is not whole.
func (w *walker) storeDatabase(ctx context.Context, ref *dirRef, book *logbook, p *pending, it item) error {
	// What workers have in hand goes on meanwhile.
	if err := w.submitBundle(ctx); err != nil {
		return err
	}
	taken, err := w.take(ctx, ref.Dir, p.path, p.entry.Name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // or another file has taken its place
		if p.untaken = untaken(err); p.untaken != nil && book != nil {
			book.open = true
		}
		p.dir, p.alone = ref.hold(), true
		return w.send(ctx, it)
	}
	p.taken = &sharedTaken{Taken: taken}
	p.taken.left.Store(1)
	for i := range taken.Files[1:] {
		if book == nil {
			taken.Settled = false
			break
		}
		f := &taken.Files[1+i]
		if book.files == nil {
			book.taken, book.files = p.taken, make(map[string]*database.File)
		}
		book.files[p.entry.Name+f.Suffix] = f
		p.taken.left.Add(1)
	}
	list, err := ref.Xattrs(p.entry.Name)
	p.xattrs, p.xattrFault = toXattrs(list), err
	return w.storeTaken(ctx, ref, p, &taken.Files[0], it)
}

// storeTaken hands the copy of a part to the workers.
func (w *walker) storeTaken(ctx context.Context, ref *dirRef, p *pending, f *database.File, it item) error {
	entry := p.entry
	if f.Suffix == "" {
		entry = p.taken.State.File
	}
	entry.Size = f.Size
	if f.Suffix == "" {
		entry.MTime = p.taken.State.Newest()
	}
	p.dir = ref.hold()
	p.file = &openFile{Handle: f.Handle, entry: entry}
	return w.blocksOf(ctx, p, it)
}

// untaken returns what is to be said of a database that could not be taken, and is read where it lies; nil where there is none any more.
func untaken(err error) error {
	if errors.Is(err, database.ErrNone) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnsettled, err)
}

// busy reports whether an open file is a database that must be taken: one that was written to just now may be written to at this moment,
// and its times would not tell.
func busy(head []byte, e *source.Entry) bool {
	return database.Recognise(head) && !database.Settled(e, time.Now())
}

// takeAlone takes and stores a database on the assembler's own goroutine. done is false if it must be read where it lies.
func (a *assembler) takeAlone(ctx context.Context, p *pending) (c repo.Content, e source.Entry, done bool, err error) {
	taken, err := a.take(ctx, p.dir.Dir, p.path, p.entry.Name)
	if err != nil {
		p.untaken = untaken(err)
		return c, e, false, ctx.Err()
	}
	p.taken = &sharedTaken{Taken: taken}
	p.taken.left.Store(1)
	defer p.taken.release()
	list, err := p.dir.Xattrs(p.entry.Name)
	p.xattrs, p.xattrFault = toXattrs(list), err
	f := &taken.Files[0]
	e = taken.State.File
	e.Name, e.Size, e.MTime = p.entry.Name, f.Size, taken.State.Newest()
	if c, err = a.storePages(ctx, p.path, f); err != nil {
		return c, e, true, err
	}
	if len(taken.Files) > 1 {
		return c, e, true, errNeverStill // its logs have no place in the tree any more
	}
	return c, e, true, p.taken.fault()
}

// fault is what is to be said of a database that was stored.
func (t *sharedTaken) fault() error {
	if t == nil || t.Settled {
		return nil
	}
	return errNeverStill
}

// local is the signature of a database that was taken; nil if the next run must take it again.
func (t *sharedTaken) local() []byte {
	if !t.Same {
		return nil
	}
	return databaseSignature(t.State)
}

// storePages stores the copy of a database on the assembler's own goroutine, by pages if it is large enough.
func (a *assembler) storePages(ctx context.Context, path string, f *database.File) (c repo.Content, err error) {
	size, page := f.Size, pageOf(f)
	if size < pagedMin || page == 0 {
		c, _, err = a.storeCut(ctx, f.Handle, size)
		return c, err
	}
	w := &worker{r: a.run, saver: a.saver, buf: a.buffer()}
	paged := a.openPaged(path, page)
	whole := false
	defer func() { paged.close(whole) }()
	builder := a.saver.NewContentBuilder()
	for region := int64(0); region*pageRegion < size; region++ {
		if err := a.o.Gate.wait(ctx); err != nil {
			return c, err
		}
		b := &block{done: make(chan struct{})}
		j := &pageBlock{block: b, file: f, paged: paged, region: region, length: int(min(pageRegion, size-region*pageRegion))}
		if err := errors.Join(j.do(ctx, w), b.err); err != nil {
			return c, errors.Join(errStop, err)
		}
		for _, e := range b.extents {
			if err := builder.Add(e); err != nil {
				return c, errors.Join(errStop, err)
			}
		}
		if paged.after != nil {
			paged.after.add(b.extents, b.hashes)
		}
	}
	if c, err = builder.Content(); err != nil {
		return c, errors.Join(errStop, err)
	}
	whole = true
	return c, nil
}

// pageOf returns the size by which a database is compared, 0 for a file that is none.
func pageOf(f io.ReaderAt) int {
	var head [database.HeadBytes]byte
	if n, err := f.ReadAt(head[:], 0); n < len(head) || err != nil {
		return 0
	}
	page := database.PageBytes(head[:])
	if page == 0 {
		return 0
	}
	return max(page, pageMin)
}

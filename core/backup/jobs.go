package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// errChanged: the file was written to while it was read.
var errChanged = errors.New("the file changed while it was read")

// readTries is how often a file that changes is read before what came last is
// taken, with a report.
const readTries = 3

// bundle is a run of small files that share a chunk.
type bundle struct {
	files   []*pending
	size    int64
	folders int // that are open for it
	results []bundled
	done    chan struct{}
}

// bundled is what became of one file of a bundle.
type bundled struct {
	entry  source.Entry // as it was read
	offset int
	length int
	err    error
	alone  bool // it grew too large to be gathered, or is a database that is written to
	chunk  repo.ID
}

// do reads the files one behind the other and stores them as one chunk.
func (b *bundle) do(ctx context.Context, w *worker) error {
	defer close(b.done)
	used, err := b.read(ctx, w)
	if err != nil {
		return err
	}
	if used == 1 {
		return nil
	}
	id, err := w.saver.SaveData(w.buf[:used])
	if err != nil {
		return err
	}
	for i := range b.results {
		b.results[i].chunk = id
	}
	return nil
}

// read reads all files into the worker's buffer, as one piece of work unless one of them does not answer. It returns how much
// of the buffer is used; its first byte is the record's.
func (b *bundle) read(ctx context.Context, w *worker) (used int, err error) {
	b.results = make([]bundled, len(b.files))
	used = 1
	for next := 0; next < len(b.files); {
		buf, results, from, begin := w.buf, b.results, next, used
		at := func(step int) (string, *source.Dir) { return b.files[from+step].path, b.files[from+step].dir.Dir }
		err := w.r.watch.Do(at, func(c *source.Call) error {
			end := begin
			for i := from; i < len(b.files) && c.Rest(); i++ {
				if err := w.r.o.Gate.wait(ctx); err != nil {
					return err
				}
				if !c.Step(i - from) {
					break
				}
				res := b.files[i].read(c, buf[end:])
				res.offset = end - 1
				if !c.Rest() {
					break
				}
				results[i] = res
				end += res.length
				if !res.alone { // such a file is read again, with its folder still open
					b.files[i].dir.release()
				}
				w.r.o.Counters.BytesRead.Add(int64(res.length))
			}
			return nil
		})
		var silent *source.NoAnswerError
		next = len(b.files)
		if errors.As(err, &silent) {
			lost := from + silent.Step // the first one also where the runner had not even begun
			next = lost + 1
			b.results = make([]bundled, len(b.files)) // a runner that waits for an answer may still write to the old ones
			copy(b.results, results[:lost])
			b.results[lost].err = err
			b.files[lost].dir.release()
		} else if err != nil {
			return 0, err
		}
		for _, res := range b.results[from:next] {
			used += res.length
		}
		if silent != nil {
			w.buf = repo.ChunkBuffer(blockMax)
			copy(w.buf, buf[:used])
		}
	}
	return used, nil
}

// read reads one file of a bundle as a part of a call.
func (p *pending) read(c *source.Call, buf []byte) (res bundled) {
	res.length, res.entry, res.err = readSmall(p, p.dir.In(c), buf)
	switch {
	case errors.Is(res.err, errAlone):
		res.err, res.alone, res.length = nil, true, 0
	case res.err != nil && !errors.Is(res.err, errChanged):
		res.length = 0
	}
	return res
}

// spoilt gives the worker's buffer up when a read into it has no answer: it may still be written to.
func (w *worker) spoilt(err error) {
	if errors.Is(err, source.ErrNoAnswer) {
		w.buf = nil
	}
}

var errAlone = errors.New("it cannot be gathered")

// errShort: less could be read than the file claims to hold, though nothing says that it changed. Those of /sys are so.
var errShort = errors.New("the file is shorter than it claims")

// readSmall reads a file whole into buf, again if it changes meanwhile. What ends early twice at the same place is as long as that.
func readSmall(p *pending, dir *source.Dir, buf []byte) (int, source.Entry, error) {
	short := -1 // how much there was of a file that is shorter than it claims
	for try := 1; ; try++ {
		n, entry, err := readOnce(p, dir, buf)
		if errors.Is(err, errShort) {
			if n == short {
				return n, entry, nil
			}
			short, err = n, errChanged
		}
		if !errors.Is(err, errChanged) || try == readTries {
			return n, entry, err
		}
	}
}

func readOnce(p *pending, dir *source.Dir, buf []byte) (int, source.Entry, error) {
	f, before, err := openStable(dir, p.entry)
	if err != nil {
		return 0, before, err
	}
	defer f.Close() //nolint:errcheck // only read from
	if before.Size > int64(len(buf)) || before.Size > 2*smallMax {
		return 0, before, errAlone
	}
	p.readXattrs(f)
	n, err := io.ReadFull(f, buf[:before.Size])
	if busy(buf[:n], &before) {
		return 0, before, errAlone
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, before, cmp.Or(stillSame(f, before), errShort)
	}
	if err != nil {
		return 0, before, err
	}
	return n, before, stillSame(f, before)
}

// openStable opens a file and returns what it is now. A file that was
// replaced since it was listed is taken as it is.
func openStable(dir *source.Dir, e source.Entry) (*source.Handle, source.Entry, error) {
	f, now, err := dir.OpenFile(e)
	if errors.Is(err, source.ErrChanged) {
		if e, err = dir.Lstat(e.Name); err == nil {
			if e.Kind != source.File {
				return nil, e, fs.ErrNotExist
			}
			f, now, err = dir.OpenFile(e)
		}
	}
	if err != nil {
		return nil, e, err
	}
	if afterOpening != nil {
		afterOpening(e.Name)
	}
	return f, now, nil
}

// afterOpening, if not nil, is called when a file is open: tests change it then.
var afterOpening func(name string)

// readXattrs reads what fstat does not tell. A change of it changes the ctime too.
func (p *pending) readXattrs(f *source.Handle) {
	list, err := f.Xattrs()
	p.xattrs, p.xattrFault = toXattrs(list), err
}

// stillSame reports whether the file is as it was when it was opened.
func stillSame(f *source.Handle, before source.Entry) error {
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if after.Size != before.Size || after.MTime != before.MTime || after.CTime != before.CTime {
		return errChanged
	}
	return nil
}

// readBlock reads and stores a block of a large file.
type readBlock struct {
	block  *block
	file   *source.Handle
	offset int64
	length int
}

func (j *readBlock) do(_ context.Context, w *worker) error {
	defer close(j.block.done)
	n, err := j.file.ReadAt(w.buf[1:1+j.length], j.offset)
	if n < j.length {
		if err == nil || errors.Is(err, io.EOF) {
			err = errChanged // it shrank
		}
		j.block.err = err
		w.spoilt(err)
		return nil
	}
	return w.save(j.block, w.buf[:1+n], w.saver.SaveMedia)
}

// saveBlock stores a chunk that the walk has cut.
type saveBlock struct {
	block  *block
	buf    []byte
	length int
}

func (j *saveBlock) do(ctx context.Context, w *worker) error {
	defer close(j.block.done)
	err := w.save(j.block, j.buf[:1+j.length], w.saver.SaveData)
	select {
	case w.r.buffers <- j.buf:
	case <-ctx.Done():
	}
	return err
}

func (w *worker) save(b *block, buf []byte, store func([]byte) (repo.ID, error)) error {
	id, err := store(buf)
	if err != nil {
		return err
	}
	b.extent = repo.Extent{Chunk: id, Length: int64(len(buf) - 1)}
	w.r.o.Counters.BytesRead.Add(int64(len(buf) - 1))
	w.r.o.Counters.Bytes.Add(int64(len(buf) - 1))
	return nil
}

// storeAlone reads and stores a file on the assembler's own goroutine: the
// slow way for the rare file that changed while it was read. It returns the
// content with the entry it belongs to, and errChanged beside them when the
// file did not hold still in the last try either.
func (a *assembler) storeAlone(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
	for try := 2; ; try++ {
		c, e, err := a.storeOnce(ctx, p)
		if !errors.Is(err, errChanged) || try >= readTries {
			return c, e, err
		}
	}
}

func (a *assembler) storeOnce(ctx context.Context, p *pending) (repo.Content, source.Entry, error) {
	f, before, err := openStable(p.dir.Dir, p.entry)
	if err != nil {
		return repo.Content{}, before, err
	}
	defer f.Close() //nolint:errcheck // only read from
	if p.untaken == nil && pageOf(f) > 0 {
		if c, e, done, err := a.takeAlone(ctx, p); done || err != nil {
			return c, e, err
		}
	}
	p.readXattrs(f)
	content, length, err := a.storeCut(ctx, f, before.Size)
	if err != nil {
		return repo.Content{}, before, err
	}
	same := stillSame(f, before)
	before.Size = length
	return content, before, cmp.Or(p.untaken, same)
}

// storeCut stores a file cut by content, on the assembler's own goroutine, and returns how long it was. Errors of the
// repository are errStop.
func (a *assembler) storeCut(ctx context.Context, f *source.Handle, size int64) (c repo.Content, length int64, err error) {
	buf := a.buffer()
	builder := a.saver.NewContentBuilder()
	err = eachData(f, size, func(start, end int64) error {
		c, err := chunkers.NewChunkerBuffer(cdcName, io.NewSectionReader(f, start, end-start), cdcOptions(a.writer.ChunkerKey()),
			make([]byte, blockMax))
		if err != nil {
			return err
		}
		for {
			if err := a.o.Gate.wait(ctx); err != nil {
				return err
			}
			piece, err := c.Next()
			if len(piece) > 0 {
				n := copy(buf[1:], piece)
				id, saveErr := a.saver.SaveData(buf[:1+n])
				if saveErr != nil {
					return fmt.Errorf("%w: %w", errStop, saveErr)
				}
				if addErr := builder.Add(repo.Extent{Chunk: id, Length: int64(n)}); addErr != nil {
					return fmt.Errorf("%w: %w", errStop, addErr)
				}
				length += int64(n)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}, func(hole int64) error {
		length += hole
		return builder.Add(repo.Extent{Hole: true, Length: hole})
	})
	if err != nil {
		return repo.Content{}, length, err
	}
	if c, err = builder.Content(); err != nil {
		return repo.Content{}, length, fmt.Errorf("%w: %w", errStop, err)
	}
	return c, length, nil
}

// buffer is the assembler's own.
func (a *assembler) buffer() []byte {
	if a.buf == nil {
		a.buf = repo.ChunkBuffer(blockMax)
	}
	return a.buf
}

// errStop marks errors of the repository, which end the run, apart from those
// of a source file, which do not.
var errStop = errors.New("cannot store")

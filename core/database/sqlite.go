package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// lockWait is how long a lock is waited for. Who writes without a pause still lets go between two commits.
const lockWait = 2 * time.Second

// lock begins a read transaction in the database. Until unlock is called, nobody writes to its file, or all that is
// moved into it from the WAL stays in that.
func (t *taking) lock(ctx context.Context) (unlock func() error, err error) {
	if t.before.part(WAL) != nil {
		// Where nobody has the index open, nobody writes. SQLite would make one, and leave it there.
		if _, err := t.dir.Lstat(t.name + Shared); err != nil {
			return nil, err
		}
	}
	path := t.dir.Path(t.name)
	c, done, err := connect(ctx, path, sqlite3.OPEN_READONLY, confined{dir: filepath.Dir(path), name: filepath.Base(path)})
	if err != nil {
		return nil, err
	}
	end := func() error {
		defer done()
		return c.Close()
	}
	// The version is a number on the first page. To read it, SQLite locks the file, and keeps the lock until the transaction ends.
	// It reads no schema: the database may have been made to attack its readers.
	err = errors.Join(c.BusyTimeout(lockWait), c.Exec("BEGIN; PRAGMA main.schema_version"))
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return func() error { return errors.Join(c.Exec("COMMIT"), end()) }, nil
}

// errNotMerged: SQLite cannot read what stood still. It is damaged.
var errNotMerged = errors.New("the database is damaged, or not SQLite's alone")

// merge puts the logs into the copy of the database.
func (t *taking) merge() error {
	path := t.path("")
	c, done, err := connect(context.Background(), path, sqlite3.OPEN_READWRITE, confined{dir: t.at, name: copyName, write: true})
	if err != nil {
		return fmt.Errorf("%w: %w", errNotMerged, err)
	}
	defer done()
	// Nobody else has the copy: no index is needed, and nothing need be on the disk.
	err = c.Exec("PRAGMA locking_mode=exclusive; PRAGMA synchronous=off; PRAGMA main.schema_version; PRAGMA wal_checkpoint(truncate)")
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("%w: %w", errNotMerged, err)
	}
	for _, suffix := range t.copied[1:] {
		info, err := os.Lstat(t.path(suffix))
		switch {
		case err == nil && info.Size() > 0:
			return errNotMerged
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	t.copied = t.copied[:1]
	return nil
}

// connected numbers the connections.
var connected atomic.Int64

// connect opens a database. SQLite gets at no other files than those of that database. done ends what it needs, after the connection's end.
func connect(ctx context.Context, path string, flags sqlite3.OpenFlag, files confined) (c *sqlite3.Conn, done func(), err error) {
	name := "holdfast-" + strconv.FormatInt(connected.Add(1), 10)
	vfs.Register(name, files)
	done = func() { vfs.Unregister(name) }
	// Not as a path: where that begins with a drive's letter, it would be taken for a host.
	where := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: "vfs=" + name}
	if c, err = sqlite3.OpenFlags(where.String(), flags|sqlite3.OPEN_URI); err != nil {
		done()
		return nil, nil, err
	}
	c.SetInterrupt(ctx)
	return c, done, nil
}

// confined lets SQLite open one database and what lies beside it: a journal, which anybody may have written, can name other files, which
// SQLite would look for and delete.
type confined struct {
	dir, name string
	write     bool // otherwise nothing is made or deleted but the index of the WAL
}

var errConfined = fmt.Errorf("%w: not a file of this database", sqlite3.CANTOPEN)

func (c confined) may(path string) bool {
	dir, name := filepath.Split(path)
	if filepath.Clean(dir) != c.dir {
		return false
	}
	base, of := Of(name)
	return name == c.name || of && base == c.name
}

func (c confined) Open(string, vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return nil, 0, errConfined // a file without a name
}

func (c confined) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == nil || !c.may(name.String()) {
		return nil, 0, errConfined
	}
	if !c.write {
		flags &^= vfs.OPEN_CREATE
	}
	return vfs.Find("").(vfs.VFSFilename).OpenFilename(name, flags)
}

func (c confined) Delete(path string, sync bool) error {
	if !c.write || !c.may(path) {
		return errConfined
	}
	return vfs.Find("").Delete(path, sync)
}

func (c confined) Access(path string, flags vfs.AccessFlag) (bool, error) {
	if !c.may(path) {
		return false, nil
	}
	return vfs.Find("").Access(path, flags)
}

func (c confined) FullPathname(path string) (string, error) { return path, nil }

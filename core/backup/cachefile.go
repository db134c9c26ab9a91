package backup

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
)

// cacheFile is a cache being written beside its place; commit puts it there whole.
type cacheFile struct {
	path string
	f    *os.File
	w    *bufio.Writer
	at   uint64 // bytes so far
	err  error  // the first fault; what comes after it is nothing
}

// newCacheFile begins a file for path. buffer is in bytes.
func newCacheFile(path string, buffer int) (*cacheFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "cache-*.tmp")
	if err != nil {
		return nil, err
	}
	return &cacheFile{path: path, f: f, w: bufio.NewWriterSize(f, buffer)}, nil
}

func (c *cacheFile) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
		c.at += uint64(len(b))
	}
}

// commit ends the file and puts it in its place; after a fault it leaves what was there.
func (c *cacheFile) commit() error {
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
		return fmt.Errorf("cache %s: %w", filepath.Base(c.path), c.err)
	}
	return nil
}

func (c *cacheFile) discard() {
	_ = c.f.Close()
	_ = os.Remove(c.f.Name())
}

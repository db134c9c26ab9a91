package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// ErrDamaged: the store's file is not what bbolt wrote.
var ErrDamaged = errors.New("the store's file is damaged")

// boltFile reads the pages of a bbolt file (go.etcd.io/bbolt, version 2 of its format) without trusting any of
// them: bbolt itself maps the file and panics, or dies of SIGBUS, where one is not what it should be.
type boltFile struct {
	f        io.ReaderAt
	pageSize int64
	pages    uint64 // below this all are
	seen     map[uint64]bool
}

const (
	boltMagic      = 0xED0CDAED
	boltPageHeader = 16 // id(8), flags(2), count(2), overflow(4)
	boltElement    = 16
	boltBranch     = 1
	boltLeaf       = 2
	boltMeta       = 64
	boltIsBucket   = 1
	// maxBoltPages is more than a store of 8 GiB has in one run of pages.
	maxBoltOverflow = 1 << 21
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// checkBolt walks all pages that are in use. ErrDamaged, or that it cannot be read.
func checkBolt(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	return checkBoltFile(f)
}

func checkBoltFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return damaged("it is empty")
	}
	b := &boltFile{f: f, seen: map[uint64]bool{}}
	root, err := b.meta(info.Size())
	if err != nil {
		return err
	}
	if size := int64(b.pages) * b.pageSize; size > info.Size() || size < 0 {
		return damaged("it was cut: it has %d bytes of at least %d", info.Size(), size)
	}
	return b.walk(root)
}

// meta returns the root page of the newer of the two meta pages that is whole.
func (b *boltFile) meta(size int64) (root uint64, err error) {
	var newest uint64
	found := false
	for _, at := range b.metaPlaces(size) {
		m := make([]byte, boltPageHeader+boltMeta)
		if _, err := b.f.ReadAt(m, at); err != nil {
			continue
		}
		m = m[boltPageHeader:]
		sum := fnv.New64a()
		sum.Write(m[:56])
		le := binary.LittleEndian
		if le.Uint32(m) != boltMagic || le.Uint32(m[4:]) != 2 || le.Uint64(m[56:]) != sum.Sum64() {
			continue
		}
		if tx := le.Uint64(m[48:]); !found || tx > newest {
			found, newest = true, tx
			root, b.pages, b.pageSize = le.Uint64(m[16:]), le.Uint64(m[40:]), int64(le.Uint32(m[8:]))
		}
	}
	if !found || b.pageSize < 512 || b.pageSize > 1<<16 || b.pages > uint64(size) {
		return 0, damaged("it has no head that is whole")
	}
	return root, nil
}

// metaPlaces are where the second meta page may be: the page size is only known from a meta page.
func (b *boltFile) metaPlaces(size int64) []int64 {
	places := []int64{0}
	for page := int64(512); page <= 1<<16 && page < size; page *= 2 {
		places = append(places, page)
	}
	return places
}

// page reads a page with what overflows from it.
func (b *boltFile) page(id uint64) ([]byte, error) {
	if id < 2 || id >= b.pages {
		return nil, damaged("page %d is out of bounds", id)
	}
	head := make([]byte, boltPageHeader)
	if _, err := b.f.ReadAt(head, int64(id)*b.pageSize); err != nil {
		return nil, damaged("page %d cannot be read: %w", id, err)
	}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if more > maxBoltOverflow || id+more >= b.pages || binary.LittleEndian.Uint64(head) != id {
		return nil, damaged("page %d is another", id)
	}
	for p := id; p <= id+more; p++ {
		if b.seen[p] {
			return nil, damaged("page %d is used twice", p)
		}
		b.seen[p] = true
	}
	text := make([]byte, int64(more+1)*b.pageSize)
	if _, err := b.f.ReadAt(text, int64(id)*b.pageSize); err != nil {
		return nil, damaged("page %d cannot be read: %w", id, err)
	}
	return text, nil
}

// boltRange is a page to check, with the range that its keys must be in; nil: no bound.
type boltRange struct {
	page        uint64
	first, last []byte // first <= key < last
}

// walk checks a page and all below it. Pages are used once, so it ends.
func (b *boltFile) walk(root uint64) error {
	for todo := []boltRange{{page: root}}; len(todo) > 0; {
		one := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		text, err := b.page(one.page)
		if err != nil {
			return err
		}
		below, err := one.children(text)
		if err != nil {
			return err
		}
		todo = append(todo, below...)
	}
	return nil
}

// children checks the elements of a page and returns the pages that it names.
func (r boltRange) children(text []byte) (below []boltRange, err error) {
	le := binary.LittleEndian
	flags, count := le.Uint16(text[8:]), int(le.Uint16(text[10:]))
	if flags != boltLeaf && flags != boltBranch || boltPageHeader+count*boltElement > len(text) || flags == boltBranch && count == 0 {
		return nil, damaged("page %d is of no kind", r.page)
	}
	before := r.first
	for i := range count {
		e, err := boltElementAt(text, i, flags == boltBranch)
		if err != nil {
			return nil, damaged("page %d: %w", r.page, err)
		}
		order := bytes.Compare(e.key, before)
		if before != nil && (order < 0 || order == 0 && i > 0) || r.last != nil && bytes.Compare(e.key, r.last) >= 0 {
			return nil, damaged("page %d has its keys in no order", r.page)
		}
		before = e.key
		if flags == boltBranch {
			if n := len(below); n > 0 {
				below[n-1].last = e.key
			}
			below = append(below, boltRange{e.page, e.key, r.last})
			continue
		}
		if e.bucket == nil {
			continue
		}
		if root := le.Uint64(e.bucket); root != 0 {
			below = append(below, boltRange{page: root})
		} else if len(e.bucket) < 16+boltPageHeader {
			return nil, damaged("page %d has half a bucket", r.page)
		} else if more, err := (boltRange{page: r.page}).children(e.bucket[16:]); err != nil || len(more) > 0 {
			return nil, damaged("page %d has a bucket that is not whole", r.page)
		}
	}
	return below, nil
}

// boltEntry is an element of a page.
type boltEntry struct {
	key    []byte
	page   uint64 // of a branch
	bucket []byte // the value of a leaf's element that is a bucket
}

func boltElementAt(text []byte, i int, branch bool) (e boltEntry, err error) {
	le, at := binary.LittleEndian, boltPageHeader+i*boltElement
	raw := text[at:]
	position, keyLength, valueLength := uint64(le.Uint32(raw)), uint64(le.Uint32(raw[4:])), uint64(0)
	if branch {
		e.page = le.Uint64(raw[8:])
	} else {
		position, keyLength, valueLength = keyLength, uint64(le.Uint32(raw[8:])), uint64(le.Uint32(raw[12:]))
	}
	key := uint64(at) + position
	value := key + keyLength
	if value+valueLength > uint64(len(text)) {
		return e, errors.New("a key or value goes beyond its end")
	}
	e.key = text[key:value]
	if branch {
		return e, nil
	}
	switch flags := le.Uint32(raw); {
	case flags > boltIsBucket:
		return e, errors.New("an element is of no kind")
	case flags == boltIsBucket && valueLength < 16:
		return e, errors.New("half a bucket")
	case flags == boltIsBucket:
		e.bucket = text[value : value+valueLength]
	}
	return e, nil
}

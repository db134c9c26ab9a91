package restore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// placed is what a run has put into one folder, or left there on purpose. A target may take two names of a snapshot for
// one: it folds case, or Unicode forms, or drops dots at the end. Nothing that is in here is ever replaced or counted
// again.
type placed struct {
	mu    sync.Mutex
	names map[uint64]struct{} // what was put, by the hash of its folded name
	files map[fileID]struct{} // the same, as the file system knows it
}

var nameSeed = maphash.MakeSeed()

// fold hashes the form in which names are compared that some file system may take for one.
func fold(name string) uint64 {
	plain := true
	for i := range len(name) {
		plain = plain && name[i] < utf8.RuneSelf
	}
	if plain {
		name = strings.ToLower(name)
	} else {
		name = cases.Fold().String(norm.NFKC.String(name))
	}
	return maphash.String(nameSeed, strings.TrimRight(name, " ."))
}

// take notes what stands under a name now. The caller must hold mu.
func (p *placed) take(name string, info os.FileInfo) {
	if p.names == nil {
		p.names, p.files = make(map[uint64]struct{}), make(map[fileID]struct{})
	}
	p.names[fold(name)] = struct{}{}
	if id, ok := idOf(info); ok {
		p.files[id] = struct{}{}
	}
}

// taken reports whether what stands under a name is of this run, under this or another name. The caller must hold mu.
func (p *placed) taken(name string, info os.FileInfo) bool {
	if _, ok := p.names[fold(name)]; ok {
		return true
	}
	id, ok := idOf(info)
	_, there := p.files[id]
	return ok && there
}

func (p *placed) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names, p.files = nil, nil
}

// What stands in the way of a name, when it is the entry's turn.
type outcome int

const (
	free    outcome = iota // nothing
	kept                   // something that is kept
	replace                // something that is to be replaced
	beside                 // something that stays: the entry takes another name
)

var errFolderInTheWay = errors.New("a folder is in the way")

// judge decides what becomes of an entry when info stands under its name.
func (r *run) judge(f *folder, name string, info os.FileInfo) (outcome, error) {
	switch {
	case f.names.taken(name, info):
		return beside, nil
	case r.o.Conflict == Rename:
		return beside, nil
	case info.IsDir():
		return free, fmt.Errorf("%w of %q", errFolderInTheWay, name)
	case r.o.Conflict == Keep:
		f.names.take(name, info)
		return kept, nil
	}
	return replace, nil
}

// look decides about an entry before anything is read for it. What comes after is decided again when the entry takes its name.
func (r *run) look(f *folder, root *os.Root, name string) (outcome, os.FileInfo, error) {
	f.names.mu.Lock()
	defer f.names.mu.Unlock()
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return free, nil, nil
	}
	if err != nil {
		return free, nil, err
	}
	what, err := r.judge(f, name, info)
	return what, info, err
}

// errKept is when somebody has put something under a name that is to be kept, since it was looked at.
var errKept = errors.New("something was put there meanwhile")

// takeName gives a finished entry its name. It replaces only what Overwrite is for, and never what this run, or somebody
// since, has put there. It returns the name that it found.
func (r *run) takeName(f *folder, root *os.Root, dir *os.File, temp, name string) (as string, err error) {
	f.names.mu.Lock()
	defer f.names.mu.Unlock()
	for as = name; ; {
		err := renameNew(root, dir, temp, as)
		if err == nil {
			info, err := root.Lstat(as)
			f.names.take(as, info)
			return as, err
		}
		if !errors.Is(err, fs.ErrExist) {
			return as, err
		}
		info, err := root.Lstat(as)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return as, err
		}
		what, err := r.judge(f, as, info)
		switch {
		case err != nil:
			return as, err
		case what == kept:
			return as, errKept
		case what == replace:
			if err := replaceable(root, as, info); err != nil {
				return as, err
			}
			if err := root.Rename(temp, as); err != nil {
				return as, err
			}
			info, err := root.Lstat(as)
			f.names.take(as, info)
			return as, err
		}
		if as, err = freeName(root, name); err != nil {
			return as, err
		}
	}
}

// renameByPlaceholder renames where the system cannot refuse to replace: an empty file takes the name first.
func renameByPlaceholder(root *os.Root, temp, as string) error {
	p, err := root.OpenFile(as, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return errors.Join(err, root.Remove(as))
	}
	if err := root.Rename(temp, as); err != nil {
		return errors.Join(err, root.Remove(as))
	}
	return nil
}

const (
	maxName = 255 // bytes, on nearly every file system
	longExt = 32  // what is longer is no extension that anybody needs to see
)

// freeName returns "name (restored).ext", with a number if that exists too.
func freeName(root *os.Root, name string) (string, error) { return freeNameOf(root, name, "restored") }

// freeNameOf is freeName with another word.
func freeNameOf(root *os.Root, name, word string) (string, error) {
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= longExt {
		stem, ext = name[:i], name[i:]
	}
	for i := 1; i <= 1000; i++ {
		suffix := " (" + word + ")"
		switch {
		case i == 1000:
			suffix = " (" + word + " " + random() + ")"
		case i > 1:
			suffix = fmt.Sprintf(" (%s %d)", word, i)
		}
		try := cut(stem, maxName-len(suffix)-len(ext)) + suffix + ext
		if _, err := root.Lstat(try); errors.Is(err, fs.ErrNotExist) {
			return try, nil
		}
	}
	return "", fmt.Errorf("no free name beside %q", name)
}

// cut returns at most n bytes of a name, not in the middle of a character.
func cut(name string, n int) string {
	if len(name) <= n {
		return name
	}
	for n > 1 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return hex.EncodeToString(b[:])
}

// tempName is a name that nobody has.
func tempName() string { return ".holdfast-" + random() + ".part" }

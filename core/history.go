package core

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Version is a file, folder or link as one computer's backups in a row hold it.
type Version struct {
	Entry Entry
	Host  string
	// It is in Backups backups, from First to Last, the newest.
	First, Last BackupRef
	Backups     int
}

// BackupRef names a backup.
type BackupRef struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Find looks for names in all backups. pattern is a part of a name, or, with *,
// ? or [, a pattern of a whole one; case does not count. The result is in the order of paths,
// the versions of each newest first. Folders that several backups share are looked at once.
// Errors: ErrInvalid (a pattern that is none), ErrDamaged, ….
func (r *Reader) Find(ctx context.Context, pattern string) ([]Version, error) {
	fits, err := matcher(pattern)
	if err != nil {
		return nil, err
	}
	h := &history{r: r, fits: fits, folders: make(map[string][]match)}
	err = h.each(ctx, func(s *repo.Snapshot) error {
		h.most = 2*min(s.Files+s.Dirs, 1<<40) + matchSlack
		found, err := h.folder(ctx, repo.NewDescent(s), s.Root)
		if err != nil {
			return err
		}
		for _, m := range found {
			if err := h.saw(ctx, s, m.path, m.node); err != nil {
				return err
			}
		}
		return nil
	})
	return h.result(), raise(err)
}

// matcher returns what tells whether a name fits.
func matcher(pattern string) (func(name string) bool, error) {
	lower := strings.ToLower(pattern)
	if pattern == "" || strings.Contains(pattern, "/") {
		return nil, fmt.Errorf("%w: %q is no part of a name", ErrInvalid, pattern)
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		return func(name string) bool { return strings.Contains(strings.ToLower(name), lower) }, nil
	}
	if _, err := path.Match(lower, ""); err != nil {
		return nil, fmt.Errorf("%w: %q is no pattern of a name", ErrInvalid, pattern)
	}
	return func(name string) bool {
		ok, _ := path.Match(lower, strings.ToLower(name)) // the pattern was tried
		return ok
	}, nil
}

// Versions returns the versions of one path over all backups, newest first. at is a path
// as List takes it, or an absolute path on the computer that was backed up.
// Errors: ErrNoEntry, ErrDamaged, ….
func (r *Reader) Versions(ctx context.Context, at string) ([]Version, error) {
	h := &history{r: r, nodes: make(map[string]*repo.Node)}
	err := h.each(ctx, func(s *repo.Snapshot) error {
		for _, p := range inSnapshot(s, at) {
			n, err := h.lookup(ctx, s.Root, p)
			if err != nil {
				return err
			}
			if n != nil {
				return h.saw(ctx, s, p, n)
			}
		}
		return nil
	})
	out := h.result()
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: %s is in no backup", ErrNoEntry, DisplayName(at))
	}
	return out, raise(err)
}

// inSnapshot returns what a path may mean in a snapshot.
func inSnapshot(s *repo.Snapshot, at string) []string {
	var out []string
	if filepath.IsAbs(at) {
		for _, src := range s.Sources {
			if rel, err := filepath.Rel(src.Path, filepath.Clean(at)); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				out = append(out, path.Join(src.Name, filepath.ToSlash(rel)))
			}
		}
	}
	return append(out, strings.Trim(at, "/"))
}

// history goes through all snapshots, the oldest first.
type history struct {
	r       *Reader
	fits    func(name string) bool
	most    int64                 // names that may fit in the snapshot
	folders map[string][]match    // by their blocks: what fits below
	nodes   map[string]*repo.Node // by a folder's blocks and a name in it; nil: it is not there

	order    []string // of versions, by host and path
	versions map[string][]*seenVersion
}

// matchSlack is how many names beyond those of its files and folders may fit in a backup: of links, say. Folders
// that are forged to hold each other many times have more than fit into any memory.
const matchSlack = 1 << 18

// match is a name that fits, with its path below a folder.
type match struct {
	path string
	node *repo.Node
}

type seenVersion struct {
	Version
	node *repo.Node
}

func (h *history) each(ctx context.Context, fn func(*repo.Snapshot) error) error {
	all, bad, err := h.r.r.Snapshots(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && len(bad) > 0 {
		return bad[0]
	}
	if err := h.r.load(ctx, all...); err != nil {
		return err
	}
	h.versions = make(map[string][]*seenVersion)
	for _, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(s); err != nil {
			return fmt.Errorf("backup %s: %w", s.ID()[:12], err)
		}
	}
	return nil
}

// folder returns what fits below a folder.
func (h *history) folder(ctx context.Context, at *repo.Descent, c repo.Content) ([]match, error) {
	key := c.Key()
	if found, ok := h.folders[key]; ok {
		return found, nil
	}
	if err := at.Enter(c); err != nil {
		return nil, err
	}
	defer at.Leave()
	var found []match
	err := h.r.r.Tree(ctx, c, func(n *repo.Node) error {
		if h.fits(n.Name) {
			found = append(found, match{n.Name, n})
		}
		if n.Kind != repo.NodeDir {
			return nil
		}
		below, err := h.folder(ctx, at, n.Content)
		if int64(len(found)+len(below)) > h.most {
			return fmt.Errorf("%w: more names fit than there are", repo.ErrDamaged)
		}
		for _, m := range below {
			found = append(found, match{n.Name + "/" + m.path, m.node})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	h.folders[key] = found
	return found, nil
}

// lookup returns the node of a path, nil if there is none.
func (h *history) lookup(ctx context.Context, c repo.Content, at string) (*repo.Node, error) {
	name, rest, deeper := strings.Cut(at, "/")
	key := c.Key() + name
	n, ok := h.nodes[key]
	if !ok {
		var err error
		if n, err = h.r.lookup(ctx, c, name); err != nil {
			return nil, err
		}
		h.nodes[key] = n
	}
	if !deeper || n == nil {
		return n, nil
	}
	if n.Kind != repo.NodeDir {
		return nil, nil
	}
	return h.lookup(ctx, n.Content, rest)
}

// saw notes what a snapshot holds at a path.
func (h *history) saw(ctx context.Context, s *repo.Snapshot, at string, n *repo.Node) error {
	key := s.Host + "\x00" + at
	list, ref := h.versions[key], BackupRef{s.ID(), shownTime(s.Begin)}
	if list == nil {
		h.order = append(h.order, key)
	}
	if len(list) > 0 {
		last := list[len(list)-1]
		same, err := h.sameVersion(ctx, last.node, n)
		if err != nil {
			return err
		}
		if same {
			last.node = n
			last.Last = ref
			last.Backups++
			return nil
		}
	}
	prefix, _ := path.Split(at)
	h.versions[key] = append(list, &seenVersion{Version{toEntry(s, n, prefix), s.Host, ref, ref, 1}, n})
	return nil
}

// sameVersion tells whether a file has the same content and time; of a folder,
// whether all below it is the same.
func (h *history) sameVersion(ctx context.Context, a, b *repo.Node) (bool, error) {
	if a == b {
		return true, nil
	}
	if a.Kind == repo.NodeDir || a.MTime != b.MTime || a.MNanos != b.MNanos {
		return a.Kind == repo.NodeDir && b.Kind == repo.NodeDir && sameContent(a.Content, b.Content), nil
	}
	return h.r.sameFile(ctx, a, b)
}

// comparedBytes is how long a file may be to be read for a comparison. Larger ones are cut the same way
// when they are the same; small ones share chunks with their neighbours of the day.
const comparedBytes = 8 << 20

// sameFile tells whether two nodes that are no folders have the same content.
func (r *Reader) sameFile(ctx context.Context, a, b *repo.Node) (bool, error) {
	switch {
	case a.Kind != b.Kind || a.Size != b.Size || a.Target != b.Target || a.Rdev != b.Rdev:
		return false, nil
	case sameContent(a.Content, b.Content):
		return true, nil
	case a.Size > comparedBytes:
		return false, nil
	}
	x, err := r.content(ctx, a)
	if err != nil {
		return false, err
	}
	y, err := r.content(ctx, b)
	return bytes.Equal(x, y), err
}

// content reads a file that is not long.
func (r *Reader) content(ctx context.Context, n *repo.Node) ([]byte, error) {
	out := make([]byte, 0, n.Size)
	err := r.r.Extents(ctx, n.Content, func(e repo.Extent) error {
		if int64(len(out))+e.Length > n.Size {
			return fmt.Errorf("%w: the extents do not add up to the file", repo.ErrDamaged)
		}
		if e.Hole {
			out = append(out, make([]byte, e.Length)...)
			return nil
		}
		b, err := r.r.Chunk(ctx, e.Chunk)
		if err == nil && int64(len(b)) < int64(e.Offset)+e.Length {
			err = fmt.Errorf("%w: chunk %s is shorter than the file says", repo.ErrDamaged, e.Chunk)
		}
		if err != nil {
			return err
		}
		out = append(out, b[e.Offset:int64(e.Offset)+e.Length]...)
		return nil
	})
	return out, err
}

func sameContent(a, b repo.Content) bool {
	return a.Depth == b.Depth && slices.Equal(a.Extents, b.Extents)
}

func (h *history) result() []Version {
	slices.SortFunc(h.order, func(a, b string) int {
		_, pa, _ := strings.Cut(a, "\x00")
		_, pb, _ := strings.Cut(b, "\x00")
		if c := strings.Compare(pa, pb); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	var out []Version
	for _, key := range h.order {
		for _, v := range slices.Backward(h.versions[key]) {
			out = append(out, v.Version)
		}
	}
	return out
}

// DifferenceKind is how an entry differs between two backups.
type DifferenceKind string

// The kinds of differences.
const (
	DiffAdded   DifferenceKind = "added"
	DiffRemoved DifferenceKind = "removed"
	DiffChanged DifferenceKind = "changed"  // the content, or what it is
	DiffMeta    DifferenceKind = "metadata" // mode, owner, time or attributes alone
)

// Difference is one entry that two backups do not hold alike.
type Difference struct {
	Kind     DifferenceKind
	Path     string // raw
	Old, New *Entry // nil where there is none
}

// Diff calls fn with each difference from one backup to another, in the order
// of paths. Folders that are the same are passed over unread. Errors of fn end it.
// Errors: ErrNoSnapshot, ErrDamaged, ….
func (r *Reader) Diff(ctx context.Context, from, to string, fn func(Difference) error) error {
	a, err := r.find(ctx, from)
	if err != nil {
		return raise(err)
	}
	b, err := r.find(ctx, to)
	if err != nil {
		return raise(err)
	}
	d := &differ{r: r, a: a, b: b, fn: fn, inA: repo.NewDescent(a), inB: repo.NewDescent(b)}
	return raise(d.folders(ctx, &a.Root, &b.Root, ""))
}

type differ struct {
	r    *Reader
	a, b *repo.Snapshot
	fn   func(Difference) error

	inA, inB *repo.Descent
}

// folders compares two folders; one that is nil is empty.
func (d *differ) folders(ctx context.Context, a, b *repo.Content, prefix string) error {
	if a != nil && b != nil && sameContent(*a, *b) {
		return nil
	}
	if a != nil {
		if err := d.inA.Enter(*a); err != nil {
			return err
		}
		defer d.inA.Leave()
	}
	if b != nil {
		if err := d.inB.Enter(*b); err != nil {
			return err
		}
		defer d.inB.Leave()
	}
	before, err := d.entries(ctx, a)
	if err != nil {
		return err
	}
	after, err := d.entries(ctx, b)
	if err != nil {
		return err
	}
	for len(before) > 0 || len(after) > 0 {
		var x, y *repo.Node
		if len(before) > 0 && (len(after) == 0 || before[0].Name <= after[0].Name) {
			x = before[0]
		}
		if len(after) > 0 && (len(before) == 0 || after[0].Name <= before[0].Name) {
			y = after[0]
		}
		if x != nil {
			before = before[1:]
		}
		if y != nil {
			after = after[1:]
		}
		if err := d.pair(ctx, x, y, prefix); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) entries(ctx context.Context, c *repo.Content) (out []*repo.Node, err error) {
	if c == nil {
		return nil, nil
	}
	err = d.r.r.Tree(ctx, *c, func(n *repo.Node) error {
		out = append(out, n)
		return nil
	})
	return out, err
}

// pair compares two entries of one name; one of them may be nil.
func (d *differ) pair(ctx context.Context, x, y *repo.Node, prefix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	diff := Difference{}
	if x != nil {
		e := toEntry(d.a, x, prefix)
		diff.Old, diff.Path = &e, e.Path
	}
	if y != nil {
		e := toEntry(d.b, y, prefix)
		diff.New, diff.Path = &e, e.Path
	}
	switch {
	case x == nil:
		diff.Kind = DiffAdded
	case y == nil:
		diff.Kind = DiffRemoved
	case x.SameAs(y):
		return nil
	case x.Kind != y.Kind:
		diff.Kind = DiffChanged
	case x.Kind == repo.NodeDir:
		if !sameMeta(x, y) {
			diff.Kind = DiffMeta
		}
	default:
		same, err := d.r.sameFile(ctx, x, y)
		switch {
		case err != nil:
			return err
		case !same:
			diff.Kind = DiffChanged
		case !sameMeta(x, y) || x.MTime != y.MTime || x.MNanos != y.MNanos:
			diff.Kind = DiffMeta
		}
	}
	if diff.Kind != "" {
		if err := d.fn(diff); err != nil {
			return err
		}
	}
	var below [2]*repo.Content
	for i, n := range []*repo.Node{x, y} {
		if n != nil && n.Kind == repo.NodeDir {
			below[i] = &n.Content
		}
	}
	if below[0] == nil && below[1] == nil {
		return nil
	}
	return d.folders(ctx, below[0], below[1], diff.Path+"/")
}

// sameMeta tells whether two nodes differ at most in where their content is and when it changed.
func sameMeta(x, y *repo.Node) bool {
	a, b := *x, *y
	a.Content, a.Files, a.Size, a.MTime, a.MNanos = b.Content, b.Files, b.Size, b.MTime, b.MNanos
	return a.SameAs(&b)
}

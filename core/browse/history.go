package browse

import (
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
// Errors: ErrPattern (a pattern that is none), ErrDamaged, ….
func (b *Browser) Find(ctx context.Context, pattern string) ([]Version, error) {
	fits, err := matcher(pattern)
	if err != nil {
		return nil, err
	}
	h := &history{b: b, fits: fits, folders: make(map[string][]match)}
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
	return h.result(), err
}

// matcher returns what reports whether a name fits.
func matcher(pattern string) (func(name string) bool, error) {
	lower := strings.ToLower(pattern)
	if pattern == "" || strings.Contains(pattern, "/") {
		return nil, fmt.Errorf("%w: %q is no part of a name", ErrPattern, pattern)
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		return func(name string) bool { return strings.Contains(strings.ToLower(name), lower) }, nil
	}
	if _, err := path.Match(lower, ""); err != nil {
		return nil, fmt.Errorf("%w: %q is no pattern of a name", ErrPattern, pattern)
	}
	return func(name string) bool {
		ok, _ := path.Match(lower, strings.ToLower(name)) // the pattern was tried
		return ok
	}, nil
}

// Versions returns the versions of one path over all backups, newest first. at is a path
// as List takes it, or an absolute path on the computer that was backed up.
// Errors: ErrNoEntry, ErrDamaged, ….
func (b *Browser) Versions(ctx context.Context, at string) ([]Version, error) {
	h := &history{b: b, nodes: make(map[string]*repo.Node)}
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
		err = fmt.Errorf("%w: %s is in no backup", repo.ErrNoEntry, DisplayName(at))
	}
	return out, err
}

// inSnapshot returns what a path may mean in a snapshot.
func inSnapshot(s *repo.Snapshot, at string) []string {
	var out []string
	if filepath.IsAbs(at) {
		for _, src := range s.Sources {
			if rel, err := filepath.Rel(src.Path, filepath.Clean(at)); err == nil && rel != ".." &&
				!strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				out = append(out, path.Join(src.Name, filepath.ToSlash(rel)))
			}
		}
	}
	return append(out, strings.Trim(at, "/"))
}

// history goes through all snapshots, the oldest first.
type history struct {
	b       *Browser
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
	all, bad, err := h.b.repo.Snapshots(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && len(bad) > 0 {
		return bad[0]
	}
	if err := h.b.load(ctx, all...); err != nil {
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
	err := h.b.repo.Tree(ctx, c, func(n *repo.Node) error {
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
		if n, err = h.b.lookup(ctx, c, name); err != nil {
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
	list, ref := h.versions[key], BackupRef{s.ID(), ShownTime(s.Begin)}
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

// sameVersion reports whether a file has the same content and time; of a folder,
// whether all below it is the same.
func (h *history) sameVersion(ctx context.Context, a, b *repo.Node) (bool, error) {
	if a == b {
		return true, nil
	}
	if a.Kind == repo.NodeDir || a.MTime != b.MTime || a.MNanos != b.MNanos {
		return a.Kind == repo.NodeDir && b.Kind == repo.NodeDir && sameContent(a.Content, b.Content), nil
	}
	return h.b.sameFile(ctx, a, b)
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

// Package browse finds things in a repository's snapshots: what a folder holds, names over all of them, the versions of
// one path, and how two of them differ. It reads trees, and of files only what a comparison needs.
package browse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// ErrPattern: what was to be looked for is no part of a name and no pattern of one.
var ErrPattern = errors.New("not a name to look for")

// Browser looks into one repository. It is safe for concurrent use.
type Browser struct {
	repo *repo.Repository

	mu     sync.Mutex
	loaded map[repo.Name]bool // snapshots of which the index is in memory
}

// New returns a Browser.
func New(r *repo.Repository) *Browser { return &Browser{repo: r, loaded: make(map[repo.Name]bool)} }

// Snapshot returns a snapshot by its id, a prefix of it, or "latest", with the index ready.
// Errors: repo.ErrNoSnapshot, repo.ErrAmbiguous, ….
func (b *Browser) Snapshot(ctx context.Context, id string) (*repo.Snapshot, error) {
	s, err := b.repo.FindSnapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	return s, b.load(ctx, s)
}

// load reads the indexes again if a snapshot may be newer than those in memory.
func (b *Browser) load(ctx context.Context, snapshots ...*repo.Snapshot) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(snapshots, func(s *repo.Snapshot) bool { return !b.loaded[s.Name] }) {
		return nil
	}
	// A damaged index costs only what it held; reading says so.
	if _, err := b.repo.LoadIndex(ctx); err != nil {
		return err
	}
	for _, s := range snapshots {
		b.loaded[s.Name] = true
	}
	return nil
}

// List returns one folder of a snapshot, by name. "" is the root, whose
// entries are the sources; a file's path gives the file alone.
// Errors: repo.ErrNoSnapshot, repo.ErrNoEntry, repo.ErrDamaged.
func (b *Browser) List(ctx context.Context, snapshot, at string) ([]Entry, error) {
	s, err := b.Snapshot(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	content, prefix := s.Root, ""
	for rest := strings.Trim(at, "/"); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n, err := b.lookup(ctx, content, name)
		if err != nil {
			return nil, err
		}
		if n == nil || rest != "" && n.Kind != repo.NodeDir {
			return nil, fmt.Errorf("%w: %s", repo.ErrNoEntry, DisplayName(at))
		}
		if n.Kind != repo.NodeDir {
			return []Entry{toEntry(s, n, prefix)}, nil
		}
		content, prefix = n.Content, prefix+name+"/"
	}
	var out []Entry
	err = b.repo.Tree(ctx, content, func(n *repo.Node) error {
		out = append(out, toEntry(s, n, prefix))
		return nil
	})
	return out, err
}

// lookup returns the entry of a folder with a name, nil if there is none.
func (b *Browser) lookup(ctx context.Context, c repo.Content, name string) (*repo.Node, error) {
	var found *repo.Node
	stop := errors.New("found")
	err := b.repo.Tree(ctx, c, func(n *repo.Node) error {
		if n.Name == name {
			found = n
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return found, err
}

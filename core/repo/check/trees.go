package check

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// trees walks every snapshot once and finds the files that damage touches.
func (v *verifier) trees(ctx context.Context, snapshots []*repo.Snapshot) error {
	v.lists = make(map[listBlock]listed)
	clean := make(map[repo.ID]bool) // tree blocks whose whole subtree is sound
	for _, s := range snapshots {
		if v.opts.Only != nil && s.Name != *v.opts.Only {
			continue
		}
		if _, err := v.tree(ctx, s, s.Root, "", clean, repo.NewDescent(s)); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) lost(s *repo.Snapshot, path, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Lost++
	if len(v.out.LostFiles) < maxLostFiles {
		v.out.LostFiles = append(v.out.LostFiles, s.ID()[:8]+": "+path)
	}
	if v.out.Lost <= maxLostFiles {
		v.out.Damage = append(v.out.Damage, fmt.Sprintf("snapshot %s: %q: %s", s.ID()[:8], path, why))
	}
}

// tree checks a directory; sound tells that nothing below it is damaged.
func (v *verifier) tree(ctx context.Context, s *repo.Snapshot, c repo.Content, path string, clean map[repo.ID]bool,
	at *repo.Descent) (sound bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !slices.ContainsFunc(c.Extents, func(e repo.Extent) bool { return !clean[e.Chunk] }) {
		return true, nil
	}
	if err := at.Enter(c); err != nil {
		v.lost(s, path, err.Error())
		return false, nil
	}
	defer at.Leave()
	sound = true
	err = v.r.Tree(ctx, c, func(n *repo.Node) error {
		below := path + "/" + n.Name
		switch n.Kind {
		case repo.NodeDir:
			ok, err := v.tree(ctx, s, n.Content, below, clean, at)
			sound = sound && ok
			return err
		case repo.NodeFile:
			if err := v.file(ctx, n); err != nil {
				if !errors.Is(err, repo.ErrDamaged) {
					return err
				}
				v.lost(s, below, err.Error())
				sound = false
			}
		}
		return nil
	})
	if errors.Is(err, repo.ErrDamaged) {
		v.lost(s, path+"/", err.Error())
		return false, nil
	}
	if err == nil && sound {
		for _, e := range c.Extents {
			clean[e.Chunk] = true
		}
	}
	return sound, err
}

// file checks that every byte of a file is in a chunk that is there.
func (v *verifier) file(ctx context.Context, n *repo.Node) error {
	found, err := v.content(ctx, n.Content)
	if err == nil && found.Bytes != n.Size {
		err = fmt.Errorf("%w: the extents do not add up to the file", repo.ErrDamaged)
	}
	return err
}

// content checks extents, and through lists what these lead to, and returns what they amount to.
func (v *verifier) content(ctx context.Context, c repo.Content) (sum format.Tally, err error) {
	for _, e := range c.Extents {
		one := format.Tally{Bytes: e.Length, Extents: 1}
		if c.Depth > 0 {
			one, err = v.list(ctx, listBlock{e.Chunk, c.Depth - 1}, e.Length)
		} else if !e.Hole {
			err = v.data(e)
		}
		if err != nil {
			return sum, err
		}
		sum.Add(one)
		if err := sum.Check(); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// listBlock is an extent list, by its chunk and the depth of the extents in it.
type listBlock struct {
	id    repo.ID
	depth int
}

// listed is what an extent list was found to be.
type listed struct {
	sum format.Tally
	err error
}

// list checks an extent list, once for all the files and lists that name it.
func (v *verifier) list(ctx context.Context, b listBlock, length int64) (format.Tally, error) {
	if found, ok := v.lists[b]; ok {
		return found.sum, found.err
	}
	var found listed
	encoded, err := v.e.Chunk(ctx, b.id)
	if err == nil && int64(len(encoded)) != length {
		err = fmt.Errorf("%w: extent list %s has another length", repo.ErrDamaged, b.id)
	}
	var extents []repo.Extent
	if err == nil {
		extents, err = format.DecodeList(encoded, b.depth)
	}
	if err == nil {
		found.sum, err = v.content(ctx, repo.Content{Depth: b.depth, Extents: extents})
	}
	if err != nil && !errors.Is(err, repo.ErrDamaged) {
		return format.Tally{}, err
	}
	found.sum.Lists++
	found.err = err
	v.lists[b] = found
	return found.sum, err
}

// data checks that a run of bytes is in a chunk that is there.
func (v *verifier) data(e repo.Extent) error {
	at, ok := v.e.Index.Find(e.Chunk)
	switch {
	case !ok:
		return fmt.Errorf("%w: chunk %s is in no index", repo.ErrDamaged, e.Chunk)
	case int64(e.Offset)+e.Length > int64(at.Content):
		return fmt.Errorf("%w: chunk %s is shorter than the file says", repo.ErrDamaged, e.Chunk)
	}
	if !v.readsBack(e.Chunk, at) {
		return fmt.Errorf("%w: chunk %s does not read back", repo.ErrDamaged, e.Chunk)
	}
	return nil
}

package erase

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// union sorts and joins spans.
func union(list []span) (out []span) {
	slices.SortFunc(list, func(a, b span) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	for _, s := range list {
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// regather stores what stays of chunks that hold erased bytes.
func (e *eraser) regather(ctx context.Context) error {
	e.moved = make(map[repo.ID][]movedSpan)
	for id := range e.gone {
		spans := union(e.kept[id])
		length, _ := e.r.Length(id)
		if len(spans) == 0 || len(spans) == 1 && spans[0].start == 0 && spans[0].end == length {
			continue // nobody needs it any more, or all of it
		}
		content, err := e.r.Chunk(ctx, id)
		if err != nil {
			return err
		}
		buf := make([]byte, 1, 1+len(content))
		var places []movedSpan
		for _, s := range spans {
			if s.end > int64(len(content)) {
				return fmt.Errorf("%w: chunk %s is shorter than a file says", repo.ErrDamaged, id)
			}
			places = append(places, movedSpan{span: s, offset: int64(len(buf) - 1)})
			buf = append(buf, content[s.start:s.end]...)
		}
		fresh, err := e.saver.SaveData(buf)
		if err != nil {
			return err
		}
		for i := range places {
			places[i].chunk = fresh
		}
		e.moved[id] = places
		e.out.Chunks++
	}
	return nil
}

// extent is where an extent's bytes are now.
func (e *eraser) extent(x repo.Extent) repo.Extent {
	for _, m := range e.moved[x.Chunk] {
		if at := int64(x.Offset); !x.Hole && at >= m.start && at+x.Length <= m.end {
			return repo.Extent{Chunk: m.chunk, Offset: uint32(m.offset + at - m.start), Length: x.Length}
		}
	}
	return x
}

// file is a file's content with chunks that are stored anew.
func (e *eraser) file(ctx context.Context, c repo.Content) (repo.Content, bool, error) {
	changed := false
	err := e.r.Extents(ctx, c, func(x repo.Extent) error {
		changed = changed || !x.Hole && e.moved[x.Chunk] != nil
		return nil
	})
	if err != nil || !changed {
		return c, false, err
	}
	b := e.saver.NewContentBuilder()
	if err := e.r.Extents(ctx, c, func(x repo.Extent) error { return b.Add(e.extent(x)) }); err != nil {
		return c, false, err
	}
	out, err := b.Content()
	return out, true, err
}

// entry is an entry as it will be; nil: it is erased.
func (e *eraser) entry(ctx context.Context, n *repo.Node, paths []string) (out *repo.Node, changed bool, gone tally, err error) {
	hit, rest := below(paths, n.Name)
	switch {
	case hit:
		gone = tally{files: n.Files, bytes: n.Size}
		switch n.Kind {
		case repo.NodeFile:
			gone.files = 1
		case repo.NodeDir:
			gone.dirs, err = e.dirs(ctx, n)
		}
		return nil, true, gone, err
	case n.Kind == repo.NodeFile:
		c, changed, err := e.file(ctx, n.Content)
		now := *n
		now.Content = c
		return &now, changed, tally{}, err
	case n.Kind == repo.NodeDir:
		d, err := e.folder(ctx, n.Content, rest)
		now := *n
		now.Content, now.Files, now.Size = d.content, n.Files-d.gone.files, n.Size-d.gone.bytes
		return &now, d.changed, d.gone, err
	}
	return n, false, tally{}, nil
}

// dirs counts the folders in a folder, itself included.
func (e *eraser) dirs(ctx context.Context, n *repo.Node) (count int64, err error) {
	err = e.r.Tree(ctx, n.Content, func(sub *repo.Node) error {
		if sub.Kind != repo.NodeDir {
			return nil
		}
		more, err := e.dirs(ctx, sub)
		count += more
		return err
	})
	return count + 1, err
}

// folder rewrites a folder if anything in it changes.
func (e *eraser) folder(ctx context.Context, c repo.Content, paths []string) (rewritten, error) {
	key := contentKey(c, paths)
	if d, ok := e.done[key]; ok {
		return d, nil
	}
	d := rewritten{content: c, empty: true}
	err := e.r.Tree(ctx, c, func(n *repo.Node) error {
		now, changed, gone, err := e.entry(ctx, n, paths)
		d.gone.add(gone)
		d.changed, d.empty = d.changed || changed, d.empty && now == nil
		return err
	})
	if err == nil && d.changed {
		b := e.saver.NewTreeBuilder()
		err = e.r.Tree(ctx, c, func(n *repo.Node) error {
			now, _, _, err := e.entry(ctx, n, paths)
			if err != nil || now == nil {
				return err
			}
			return b.Add(now)
		})
		if err == nil {
			d.content, err = b.Content()
		}
	}
	if err == nil {
		e.done[key] = d
	}
	return d, err
}

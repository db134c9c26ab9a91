package restore

import (
	"context"
	"fmt"
	"strings"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

func nodesOf(entries []core.Entry) []widgets.Node {
	out := make([]widgets.Node, 0, len(entries))
	for _, e := range entries {
		out = append(out, nodeOf(e, core.DisplayName(e.Name)))
	}
	return out
}

func hitNodes(entries []core.Entry) []widgets.Node {
	out := make([]widgets.Node, 0, len(entries))
	for _, e := range entries {
		out = append(out, nodeOf(e, core.DisplayName(e.Path)))
	}
	return out
}

func nodeOf(e core.Entry, name string) widgets.Node {
	n := widgets.Node{Path: e.Path, Name: name, Icon: "file", Bytes: e.Size, Files: 1}
	switch e.Kind {
	case core.EntryFolder:
		n.Icon, n.Open, n.Files = "folder", true, e.Files
	case core.EntrySymlink:
		n.Icon, n.Bytes = "link", -1
	case core.EntryOther:
		n.Icon, n.Bytes = "other", -1
	}
	return n
}

const mostHits = 500

// searchNames walks a snapshot for names that hold text, in any case. parents
// are the folders with hits and those above them, each with all that is in it.
func searchNames(ctx context.Context, r *core.Reader, snapshot, text string) (hits []core.Entry, parents map[string][]core.Entry, more bool,
	err error) {
	text = strings.ToLower(text)
	parents = make(map[string][]core.Entry)
	listed := make(map[string][]core.Entry)
	keep := func(dir string) {
		for {
			parents[dir] = listed[dir]
			if dir == "" {
				return
			}
			dir = parentPath(dir)
		}
	}
	todo := []string{""}
	for len(todo) > 0 {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := ctx.Err(); err != nil {
			return nil, nil, false, err
		}
		entries, err := r.List(ctx, snapshot, dir)
		if err != nil {
			return nil, nil, false, fmt.Errorf("search in %s: %w", core.DisplayName(dir), err)
		}
		listed[dir] = entries
		for _, e := range entries {
			if strings.Contains(strings.ToLower(e.Name), text) {
				if len(hits) == mostHits {
					return hits, parents, true, nil
				}
				hits = append(hits, e)
				keep(dir)
			}
			if e.Kind == core.EntryFolder {
				todo = append(todo, e.Path)
			}
		}
	}
	return hits, parents, false, nil
}

func parentPath(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

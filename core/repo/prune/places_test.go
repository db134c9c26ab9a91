package prune

import (
	"errors"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/internal/engine"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
)

// Of the packs that hold a chunk, one that another computer may delete is the
// last choice, and one that this computer may delete the last but one.
func TestWhereAChunkIsCounted(t *testing.T) {
	own, other := [16]byte{1}, [16]byte{2}
	a, b := repo.Name{0xa}, repo.Name{0xb}
	for _, c := range []struct {
		marks map[repo.Name]format.Mark
		want  repo.Name
	}{
		{map[repo.Name]format.Mark{{1}: {Pruner: own, Packs: []repo.Name{a}}}, b},
		{map[repo.Name]format.Mark{{1}: {Pruner: own, Packs: []repo.Name{b}}}, a},
		{map[repo.Name]format.Mark{{1}: {Pruner: other, Packs: []repo.Name{a}}}, b},
		{map[repo.Name]format.Mark{{1}: {Pruner: other, Packs: []repo.Name{b}}}, a},
		{map[repo.Name]format.Mark{{1}: {Pruner: other, Packs: []repo.Name{a}}, {2}: {Pruner: own, Packs: []repo.Name{b}}}, b},
		{map[repo.Name]format.Mark{{1}: {Pruner: other, Packs: []repo.Name{b}}, {2}: {Pruner: own, Packs: []repo.Name{a}}}, a},
	} {
		e := &engine.Engine{Index: index.New()}
		chunk := format.PackEntry{ID: repo.ID{7}, Record: 100, Content: 99}
		e.Index.Add(format.PackList{Name: a, Size: 1000, Entries: []format.PackEntry{chunk}})
		e.Index.Add(format.PackList{Name: b, Size: 1000, Entries: []format.PackEntry{chunk}})
		p := &pruner{e: e, present: map[repo.Name]int64{a: 1000, b: 1000}, snapshots: &reach{}, pending: &reach{}}
		p.o.Seen, p.o.Now = &State{}, time.Now
		p.marks = marks{e: e, o: &p.o, id: own, all: c.marks}
		p.snapshots.needed.add(0)
		all, err := p.count()
		if err != nil || all[c.want].live == 0 || all[a].live+all[b].live != 100+format.GCMTag {
			t.Errorf("%v: %d in a, %d in b, %v", c.marks, all[a].live, all[b].live, err)
		}
		delete(p.present, c.want)
		if all, err = p.count(); err != nil || len(all) != 1 {
			t.Errorf("with one pack: %v", err)
		}
		clear(p.present)
		if _, err = p.count(); !errors.Is(err, repo.ErrDamaged) {
			t.Errorf("with none: %v", err)
		}
	}
}

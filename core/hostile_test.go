package core_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Somebody who has the key, or had it, may write anything to the destination that authenticates. The
// tests of this file do, and then use the backup in every way: nothing may panic, hang, fill the
// memory, or write outside of the folder that is restored to, and every error has a name.

const (
	// forgedBlock is the length of every forged tree block, bytes.
	forgedBlock = 3000
	// forgedReads is how often one action may read from the destination. The largest forgery has some
	// 30 chunks, and says that it has at most 100 folders: what reads more does not end.
	forgedReads = 60_000
	// forgedHeap is how much memory an action may add to what is in use, what is to be collected included, bytes.
	forgedHeap = 400 << 20
)

// forgedNames are names of entries, among them some that must never reach a file system.
var forgedNames = []string{
	"a", "b", "c", "src", "..", ".", "", "a/b", "/etc", "../x", "nul\x00", "new\nline", "\x1b[2J", "a.part", "\xfe\xfe", "é",
}

var forgedNumbers = []int64{0, 1, 5, 99, forgedBlock, 1 << 20, repo.MaxChunk, 1<<31 - 1, 1 << 40, 1 << 62, 1<<63 - 1}

// draws makes choices of a fuzzer's bytes.
type draws struct{ b []byte }

func (d *draws) n(n int) int {
	if len(d.b) == 0 {
		return 0
	}
	v := int(d.b[0]) % n
	d.b = d.b[1:]
	return v
}

func (d *draws) one(in []int64) int64 { return in[d.n(len(in))] }

// forgery is what is drawn: chunks that refer to each other by ids that mean nothing.
type forgery struct {
	*draws
	f    *forger
	lens map[repo.ID]int64 // of the chunks that are there
}

func forgedID(kind byte, n int) repo.ID { return repo.ID{0xf0, kind, byte(n)} }

const forgedData, forgedTrees, forgedLists = 7, 5, 4

// extents draws the content of a file or a list.
func (g *forgery) extents(kind byte, most int) (out []repo.Extent) {
	for range g.n(most + 1) {
		e := repo.Extent{Length: g.one(forgedNumbers[1:])}
		switch k := g.n(8); {
		case k == 0:
			e.Hole = true
		case k == 1:
			e.Chunk = repo.ID{0xee}
		case k == 2:
			e.Chunk = forgedID(byte(g.n(3)), g.n(4))
		default:
			e.Chunk = forgedID(kind, g.n(8))
		}
		if l, ok := g.lens[e.Chunk]; ok && !e.Hole && g.n(4) > 0 {
			e.Length = l
		}
		if g.n(8) == 0 {
			e.Offset = uint32(g.one([]int64{1, 4, repo.MaxChunk}))
		}
		out = append(out, e)
	}
	return out
}

func (g *forgery) content(dir bool) repo.Content {
	if dir {
		return repo.Content{Extents: g.extents(1, 2)}
	}
	if g.n(3) > 0 {
		return repo.Content{Extents: g.extents(0, 3)}
	}
	return repo.Content{Depth: 1 + g.n(5), Extents: g.extents(2, 3)}
}

func (g *forgery) node() repo.Node {
	n := repo.Node{
		Kind: repo.NodeKind(g.n(9)), Name: forgedNames[g.n(len(forgedNames))], Mode: 0o644, MTime: g.one(forgedNumbers), Size: 1,
	}
	switch g.n(4) {
	case 0:
		n.MTime = -n.MTime
	case 1:
		n.Link = uint64(1 + g.n(2))
	case 2:
		n.Xattrs = []repo.Xattr{{Name: "user.a", Value: []byte("x")}, {Name: []string{"user.b", "trusted.x", "user.a", ""}[g.n(4)]}}
	}
	n.Content = g.content(n.Kind == repo.NodeDir)
	switch {
	case n.Kind == repo.NodeSymlink:
		n.Target = []string{"a", "/", "..", "/etc/passwd", "../../outside", "", "x\x00"}[g.n(7)]
	case g.n(3) > 0:
		n.Size = 0
		for _, e := range n.Content.Extents {
			n.Size += e.Length
		}
		n.Files = 1
	default:
		n.Size, n.Files = g.one(forgedNumbers), g.one(forgedNumbers)
	}
	return n
}

// longZeros is one byte more than a chunk may have.
var longZeros = make([]byte, repo.MaxChunk+1)

// longRecords are the records of all of longZeros but the last, and of all: compressing them is most of a try.
var longRecords = sync.OnceValues(func() (most, all []byte) {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return e.EncodeAll(longZeros[:repo.MaxChunk], []byte{1}), e.EncodeAll(longZeros, []byte{1})
})

func (g *forgery) chunks() (out []forgedChunk) {
	add := func(kind byte, n int, content []byte, packed bool) {
		c := forgedChunk{id: forgedID(kind, n), kind: kind, content: content, packed: packed}
		switch most, all := longRecords(); len(content) {
		case len(longZeros) - 1:
			c.record = most
		case len(longZeros):
			c.record = all
		}
		if g.n(16) == 15 {
			c.kind = byte(g.n(4))
		}
		if g.n(16) == 15 {
			c.length = uint32(g.one([]int64{1, 100, repo.MaxChunk}))
		}
		g.lens[c.id] = int64(len(content))
		out = append(out, c)
	}
	add(0, 0, []byte("hello"), false)
	add(0, 1, longZeros[:repo.MaxChunk], true)
	add(0, 2, longZeros, true)
	add(0, 3, []byte("world"), true)
	for i := 4; i < forgedData; i++ {
		add(0, i, longZeros[:repo.MaxChunk], true)
	}
	for i := range forgedTrees {
		g.lens[forgedID(1, i)] = forgedBlock
	}
	for i := range forgedLists {
		g.lens[forgedID(2, i)] = 1 + 1 + 6*32 + 1 + 2*4 // if it has two extents of short lengths
	}
	for i := range forgedLists {
		add(2, i, forgedList(g.extents([]byte{0, 2}[g.n(2)], 6)), g.n(2) == 1)
	}
	for i := range forgedTrees {
		var nodes []repo.Node
		for range g.n(5) {
			nodes = append(nodes, g.node())
		}
		if g.n(8) > 0 {
			slices.SortFunc(nodes, func(a, b repo.Node) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		}
		add(1, i, forgedTree(nodes, forgedBlock), g.n(2) == 1)
	}
	return out
}

func (g *forgery) moment() []byte {
	sec := g.one(forgedNumbers)
	if g.n(2) == 1 {
		sec = -sec
	}
	if g.n(3) > 0 {
		sec = 1_700_000_000
	}
	return binary.AppendUvarint(binary.AppendVarint(nil, sec), 7)
}

// snapshot draws a snapshot.
func (g *forgery) snapshot() []byte {
	var root []byte
	for range 1 + g.n(2) {
		id := forgedID(1, g.n(forgedTrees))
		root = binary.AppendUvarint(append(root, id[:]...), forgedBlock)
	}
	return g.snapshotOf(root)
}

// snapshotOf draws a snapshot of a root. It says that it has at most 100 folders.
func (g *forgery) snapshotOf(root []byte) []byte {
	b := forgedField(nil, 1, g.moment())
	b = forgedField(b, 2, g.moment())
	host, err := os.Hostname()
	if err != nil || g.n(2) == 1 {
		host = "\x1b[2Jhost\n"
	}
	b = forgedField(b, 3, []byte(host))
	b = forgedField(b, 4, []byte("user"))
	b = forgedField(b, 5, []byte("forged"))
	b = forgedField(b, 6, root)
	b = forgedField(b, 7, append([]byte("\x03src"), "\x04/src"...))
	totals := binary.AppendUvarint(nil, uint64(g.one(forgedNumbers[:10])))
	totals = binary.AppendUvarint(totals, uint64(g.n(101)))
	b = forgedField(b, 9, binary.AppendUvarint(totals, uint64(g.one(forgedNumbers[:10]))))
	return forgedField(b, 11, []byte("linux"))
}

// names are those of the honest objects of a kind.
func (g *forgery) names(prefix string) (out [][]byte) {
	err := g.f.s.List(context.Background(), prefix, func(o store.Object) error {
		n, err := hex.DecodeString(filepath.Base(o.Name))
		if err == nil && len(n) == 32 {
			out = append(out, n)
		}
		return nil
	})
	if err != nil {
		g.f.t.Fatal(err)
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// write draws everything and puts it at the destination.
func (g *forgery) write() {
	packs, indexes, snapshots := g.names("packs/"), g.names("indexes/"), g.names("snapshots/")
	chunks := g.chunks()
	half := g.n(len(chunks) + 1)
	told := [][]byte{g.f.pack(chunks[:half]), g.f.pack(chunks[half:])}
	if g.n(8) == 7 { // the same chunks again, in another pack
		told = append(told, g.f.pack(chunks))
	}
	for i := range told {
		switch g.n(12) {
		case 9: // lies about one byte
			told[i] = bytes.Clone(told[i])
			told[i][32+g.n(min(60, len(told[i])-32))] ^= byte(1 << g.n(8))
		case 10:
			told[i] = append(bytes.Clone(packs[0]), told[i][32:]...)
		case 11: // in no index
			told = slices.Delete(told, i, i+1)
		default:
			continue
		}
		break
	}
	var superseded [][]byte
	if g.n(6) == 5 {
		superseded = indexes
	}
	mine := [][]byte{g.f.object("index", forgedIndex(superseded, told...))}
	if g.n(6) == 5 { // two that supersede each other as far as that goes
		mine = append(mine, g.f.object("index", forgedIndex(mine, told...)))
	}
	for range 1 + g.n(2) {
		snapshots = append(snapshots, g.f.object("snapshot", g.snapshot()))
	}
	some := func(tag uint64, names [][]byte) (b []byte) {
		for _, n := range names {
			if g.n(2) == 1 {
				b = forgedField(b, tag, n)
			}
		}
		return b
	}
	if g.n(4) == 3 {
		b := forgedField(nil, 1, bytes.Repeat([]byte{byte(g.n(2))}, 16))
		g.f.object("mark", append(b, some(2, packs)...))
	}
	if g.n(4) == 3 {
		b := some(1, append(mine, indexes...))
		if g.n(2) == 1 {
			b = forgedField(b, 2, g.snapshot())
		}
		g.f.object("pending", b)
	}
	if g.n(6) == 5 {
		g.f.object("removal", some(1, snapshots))
	}
	if g.n(6) == 5 {
		g.f.object("pin", some(1, snapshots))
	}
}

var errTooMuch = errors.New("it reads without end")

// counting ends what reads without end, and looks at how much memory it takes.
type counting struct {
	store.Store
	reads, heap *atomic.Int64
}

func heapNow() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

func (s counting) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	if s.reads.Add(1) > forgedReads {
		return errTooMuch
	}
	if now := heapNow(); now > s.heap.Load() {
		s.heap.Store(now)
	}
	return s.Store.ReadAt(ctx, name, p, at)
}

// victim is an honest computer with one backup, the same for each try.
type victim struct {
	c       *computer
	objects map[string][]byte
	profile map[string][]byte
}

func newVictim(t testing.TB) *victim {
	t.Helper()
	v := &victim{c: newComputer(t), objects: make(map[string][]byte)}
	filetest.Write(t, filepath.Join(v.c.src, "a/one.txt"), []byte("one"))
	filetest.Write(t, filepath.Join(v.c.src, "two.bin"), filetest.Noise(2, 300_000))
	v.c.setup(nil)
	v.c.backup()
	eachObject(t, v.c.dest, func(name string, b []byte) { v.objects[name] = bytes.Clone(b) })
	v.profile = filesOf(t, v.c.params.Profile)
	return v
}

func filesOf(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path) // both are absolute
		out[rel] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try lets somebody forge and does everything a person can.
func (v *victim) try(t *testing.T, forge func(s store.Store)) {
	ctx := context.Background()
	memory := store.NewMemory()
	for name, b := range v.objects {
		if err := memory.Put(ctx, name, b); err != nil {
			t.Fatal(err)
		}
	}
	forge(memory)

	dir := t.TempDir()
	profile := filepath.Join(dir, "profile")
	for name, b := range v.profile {
		filetest.Write(t, filepath.Join(profile, name), b)
	}
	params := v.c.params
	var reads, heap atomic.Int64
	params.Profile = profile
	params.Places = places.By(func(context.Context, string, bool) (store.Store, error) { return counting{memory, &reads, &heap}, nil })
	a, err := core.Open(ctx, params)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // a test's profile

	filetest.Write(t, filepath.Join(dir, "around/outside/file"), []byte("not to be touched"))
	around := filesOf(t, filepath.Join(dir, "around"))
	runtime.GC()
	before := heapNow()
	action := func(name string, err error) bool {
		t.Helper()
		n, most := reads.Swap(0), max(heap.Swap(0), heapNow())-before
		if n > forgedReads || most > forgedHeap || err != nil && !named(err) {
			t.Errorf("%s, after %d reads, with %d MiB on the heap: %v", name, n, most>>20, err)
		}
		return err == nil
	}
	r, err := a.Reader(ctx)
	if !action("opening", err) {
		t.FailNow()
	}
	defer r.Close() //nolint:errcheck // only read from
	all, err := r.Snapshots(ctx)
	action("snapshots", err)
	if _, err := json.Marshal(all); err != nil {
		t.Errorf("the list of backups has no JSON: %v", err)
	}
	for i, s := range all {
		v.browse(t, r, s.ID, action)
		target := filepath.Join(dir, "around", fmt.Sprint("target", i))
		_, err := r.Restore(ctx, core.RestoreRequest{Snapshot: s.ID, Target: target, Conflict: core.ConflictRename}, nil)
		action("restore", err)
		if err := removeTree(target); err != nil {
			t.Fatal(err)
		}
	}
	if now := filesOf(t, filepath.Join(dir, "around")); !maps.EqualFunc(now, around, bytes.Equal) {
		t.Error("something was written outside of the target")
	}
	_, err = r.Find(ctx, "a")
	action("find", err)
	_, err = r.Versions(ctx, "src/a")
	action("versions", err)
	for i := range all {
		err := r.Diff(ctx, all[i].ID, all[(i+1)%len(all)].ID, func(core.Difference) error { return nil })
		action("diff", err)
	}
	_, err = r.Verify(ctx, core.VerifyRequest{DataPercent: 100}, nil)
	action("verify", err)
	_, err = a.Upkeep().Drill(ctx, core.DrillRequest{Percent: 100}, nil)
	action("drill", err)
	for _, path := range []string{"src/a", "a"} {
		_, err = a.Upkeep().Erase(ctx, core.EraseRequest{Paths: []string{path}}, nil)
		action("erase", err)
	}
	_, err = a.Upkeep().Prune(ctx, core.PruneRequest{DryRun: true}, nil)
	action("preview", err)
	report, err := a.Backup(ctx, nil)
	good := action("backup", err)
	for range 2 {
		_, err = a.Upkeep().Prune(ctx, core.PruneRequest{}, nil)
		action("prune", err)
	}
	_, err = a.Upkeep().Repair(ctx, core.RepairRequest{Data: true}, nil)
	action("repair", err)
	_, err = a.Upkeep().Prune(ctx, core.PruneRequest{}, nil)
	action("prune of what was repaired", err)
	if good {
		v.restores(t, a, report.Snapshot, filepath.Join(dir, "whole"), action)
	}
}

// browse looks into a hundred folders of a backup.
func (v *victim) browse(t *testing.T, r *core.Reader, id string, action func(string, error) bool) {
	open := []string{""}
	for range 100 {
		if len(open) == 0 {
			return
		}
		at := open[0]
		open = open[1:]
		entries, err := r.List(context.Background(), id, at)
		action("ls", err)
		for _, e := range entries {
			if !repo.ValidName(e.Name) {
				t.Errorf("the name %q was let through", e.Name)
			}
			if e.Kind == core.EntryFolder {
				open = append(open, e.Path)
			}
		}
		if _, err := json.Marshal(entries); err != nil {
			t.Errorf("the folder %q has no JSON: %v", at, err)
		}
	}
}

// restores holds the backup that was made beside the forgeries to what was backed up.
func (v *victim) restores(t *testing.T, a *core.App, id, target string, action func(string, error) bool) {
	r, err := a.Reader(context.Background())
	if !action("opening again", err) {
		return
	}
	defer r.Close() //nolint:errcheck // only read from
	report, err := r.Restore(context.Background(), core.RestoreRequest{Snapshot: id, Target: target}, nil)
	if !action("restore of an honest backup", err) || len(report.Problems) > 0 {
		t.Fatalf("an honest backup: %v %v", err, report.Problems)
	}
	filetest.EqualTrees(t, filetest.Tree(t, v.c.src), filetest.Tree(t, filepath.Join(target, "src")))
}

// removeTree removes a folder in which folders may be closed to their owner.
func removeTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}

// named reports whether an error is one that callers decide on.
func named(err error) bool {
	return slices.ContainsFunc([]error{
		core.ErrDamaged, core.ErrNoSnapshot, core.ErrNoEntry, core.ErrOlderState, core.ErrTargetFull, core.ErrTarget,
	}, func(e error) bool { return errors.Is(err, e) })
}

func FuzzHostile(f *testing.F) {
	v := newVictim(f)
	random := filetest.Noise(1, 400*40)
	f.Add([]byte{})
	for i := range 40 {
		f.Add(random[400*i:][:400])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v.try(t, func(s store.Store) {
			(&forgery{draws: &draws{b}, f: newForger(t, s), lens: make(map[repo.ID]int64)}).write()
		})
	})
}

// TestBombs: what is small at the destination and has no end, or no bounds, to who follows it.
func TestBombs(t *testing.T) {
	v := newVictim(t)
	folder := func(name string, tree int) repo.Node {
		return repo.Node{Kind: repo.NodeDir, Name: name,
			Content: repo.Content{Extents: []repo.Extent{{Chunk: forgedID(1, tree), Length: forgedBlock}}}}
	}
	file := func(depth int, size int64, extents ...repo.Extent) repo.Node {
		return repo.Node{Kind: repo.NodeFile, Name: "a", Size: size, Content: repo.Content{Depth: depth, Extents: extents}}
	}
	tree := func(n int, nodes ...repo.Node) forgedChunk {
		return forgedChunk{id: forgedID(1, n), kind: 1, content: forgedTree(nodes, forgedBlock)}
	}
	var doubled, lists, wide []forgedChunk
	for i := range 40 {
		doubled = append(doubled, tree(i, folder("a", i+1), folder("b", i+1)))
	}
	doubled = append(doubled, tree(40))
	lists = append(lists, forgedChunk{id: forgedID(0, 0), content: []byte("x")})
	below, length, size := forgedID(0, 0), int64(1), int64(1)
	for i := range 4 {
		b := forgedList(slices.Repeat([]repo.Extent{{Chunk: below, Length: length}}, 200))
		below, length, size = forgedID(2, i), int64(len(b)), 200*size
		lists = append(lists, forgedChunk{id: below, kind: 2, content: b, packed: true})
	}
	lists = append(lists, tree(0, file(4, size, repo.Extent{Chunk: below, Length: length})))
	var bytesOfMany []repo.Extent
	zeros, _ := longRecords()
	for i := range 80 {
		id := repo.ID{0xf0, 9, byte(i)}
		wide = append(wide, forgedChunk{id: id, content: longZeros[:repo.MaxChunk], record: zeros})
		bytesOfMany = append(bytesOfMany, repo.Extent{Chunk: id, Length: 1})
	}
	wide = append(wide, forgedChunk{id: forgedID(1, 0), kind: 1, content: forgedTree([]repo.Node{file(0, 80, bytesOfMany...)}, 2*forgedBlock)})
	for name, chunks := range map[string][]forgedChunk{
		"a folder that holds itself twice":           {tree(0, folder("a", 0), folder("b", 0))},
		"folders that hold the next one twice":       doubled,
		"lists that name one list two hundred times": lists,
		"eighty bytes of eighty chunks of eight MiB": wide,
		"a hole as long as there are numbers":        {tree(0, file(0, 1<<62, repo.Extent{Hole: true, Length: 1 << 62}))},
		"holes that add up to more than there may be": {tree(0, file(1, 5, repo.Extent{Chunk: forgedID(2, 0), Length: 1})),
			{id: forgedID(2, 0), kind: 2, content: []byte{1, 0, 1, 0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			v.try(t, func(s store.Store) {
				f := newForger(t, s)
				f.object("index", forgedIndex(nil, f.pack(chunks)))
				g := &forgery{draws: &draws{}, f: f}
				root := chunks[slices.IndexFunc(chunks, func(c forgedChunk) bool { return c.id == forgedID(1, 0) })]
				f.object("snapshot", g.snapshotOf(binary.AppendUvarint(bytes.Clone(root.id[:]), uint64(len(root.content)))))
			})
		})
	}
}

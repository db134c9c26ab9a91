// Package drill reads a sample of a snapshot's files back, every byte checked, as a restore would, and writes nothing.
package drill

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// A drill reads at least this many bytes of files, so that a small backup is
// proven whole each time; and this share when none is asked for.
const (
	least          = 64 << 20
	defaultPercent = 5
	batchFiles     = 256
)

// Options say what to read.
type Options struct {
	Repository *repo.Repository // its index must have been loaded
	Snapshot   *repo.Snapshot
	// Percent of the snapshot's bytes, 0 to 100; 0 is 5, and at least 64 MiB.
	Percent float64
	// After is the path of the last file of the drill before, "" for the beginning. All round is enough.
	After string
	// Fault is called with each file that does not come back, or folder that cannot be read, by its path in the snapshot.
	Fault func(path string, err error)
}

// Drill is one sample. Its counters may be read while it runs.
type Drill struct {
	// Target is how many bytes it is going to read, about.
	Target       int64
	Files, Bytes atomic.Int64 // that were read so far

	o       Options
	proof   *repo.Proof
	all     bool   // read everything
	until   string // where the drill began
	last    string // path of the last file that was picked
	batch   []*repo.Node
	paths   []string
	planned int64 // bytes of files that were picked
}

// New prepares a drill.
func New(o Options) *Drill {
	share := o.Percent
	if share == 0 {
		share = defaultPercent
	}
	d := &Drill{o: o, proof: o.Repository.NewProof()}
	d.Target = min(o.Snapshot.Bytes, max(int64(float64(o.Snapshot.Bytes)*share/100), least))
	d.all = d.Target == o.Snapshot.Bytes
	return d
}

var errDone = errors.New("enough was tried")

// Run reads files in the order of the tree, from the first one after Options.After on, and from the beginning when it
// comes to the end. last is the path to go on after the next time. Errors are those of the place; a fault of a file is none.
func (d *Drill) Run(ctx context.Context) (last string, err error) {
	after := d.o.After
	if d.all {
		after = ""
	}
	s := d.o.Snapshot
	err = d.folder(ctx, repo.NewDescent(s), s.Root, "", after)
	if err == nil && after != "" {
		d.until = after
		err = d.folder(ctx, repo.NewDescent(s), s.Root, "", "")
	}
	if err != nil && !errors.Is(err, errDone) {
		return d.last, err
	}
	return d.last, d.flush(ctx)
}

// folder visits the entries of a folder that come after a path.
func (d *Drill) folder(ctx context.Context, at *repo.Descent, c repo.Content, prefix, after string) error {
	if err := at.Enter(c); err != nil {
		d.o.Fault(prefix, err)
		return nil
	}
	defer at.Leave()
	first, rest, deeper := strings.Cut(after, "/")
	err := d.o.Repository.Tree(ctx, c, func(n *repo.Node) error {
		if n.Name < first || n.Name == first && !deeper && n.Kind != repo.NodeDir {
			return nil
		}
		path := prefix + n.Name
		switch n.Kind {
		case repo.NodeDir:
			below := ""
			if n.Name == first {
				below = rest
			}
			return d.folder(ctx, at, n.Content, path+"/", below)
		case repo.NodeFile:
			return d.file(ctx, n, path)
		}
		return nil
	})
	if errors.Is(err, repo.ErrDamaged) {
		d.o.Fault(prefix, err)
		return nil
	}
	return err
}

func (d *Drill) file(ctx context.Context, n *repo.Node, path string) error {
	if d.until != "" && treeOrder(path) > treeOrder(d.until) {
		return errDone
	}
	d.batch, d.paths = append(d.batch, n), append(d.paths, path)
	d.planned += n.Size
	d.last = path
	if len(d.batch) >= batchFiles || d.planned-d.Bytes.Load() > 4*least {
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	if d.planned >= d.Target && !d.all {
		return errDone
	}
	return nil
}

// treeOrder turns a path into what sorts as a walk meets it.
func treeOrder(path string) string { return strings.ReplaceAll(path, "/", "\x00") }

func (d *Drill) flush(ctx context.Context) error {
	faults, err := d.proof.Files(ctx, d.batch)
	if err != nil {
		return err
	}
	for i, fault := range faults {
		if fault != nil {
			d.o.Fault(d.paths[i], fault)
		}
		d.Files.Add(1)
		d.Bytes.Add(d.batch[i].Size)
	}
	d.batch, d.paths = d.batch[:0], d.paths[:0]
	return nil
}

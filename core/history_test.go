package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
)

func TestHistoryOfFiles(t *testing.T) {
	c := newComputer(t)
	file := func(name string) string { return filepath.Join(c.src, name) }
	filetest.Write(t, file("a/Report.txt"), []byte("one"))
	filetest.Write(t, file("b/same"), []byte("same"))
	c.setup(newKey(t))
	var ids []string
	back := func() { ids = append(ids, c.backup().Snapshot) }
	back()
	back()
	filetest.Write(t, file("a/Report.txt"), []byte("two, longer"))
	back()
	if err := os.Rename(file("a"), file("moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file("b/same"), 0o600); err != nil {
		t.Fatal(err)
	}
	back()
	c.must(func(a *core.App) error {
		ctx := context.Background()
		r, err := a.Reader(ctx)
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // only read from
		found, err := r.Find(ctx, "report")
		if err != nil {
			return err
		}
		var got []string
		for _, v := range found {
			got = append(got, fmt.Sprintf("%s %d %d", v.Entry.Path, v.Entry.Size, v.Backups))
		}
		if want := []string{"src/a/Report.txt 11 1", "src/a/Report.txt 3 2", "src/moved/Report.txt 11 1"}; !slices.Equal(got, want) {
			t.Errorf("found %q", got)
		}
		versions, err := r.Versions(ctx, "src/a/Report.txt")
		if err != nil || len(versions) != 2 || versions[0].Last.ID != ids[2] || versions[1].First.ID != ids[0] || versions[1].Last.ID != ids[1] {
			t.Errorf("versions: %+v, %v", versions, err)
		}
		if folder, err := r.Versions(ctx, filepath.Join(c.src, "b")); err != nil || len(folder) != 2 {
			t.Errorf("of a folder by its path on the computer: %+v, %v", folder, err)
		}
		var diff []string
		if err := r.Diff(ctx, ids[2], ids[3], func(d core.Difference) error {
			diff = append(diff, string(d.Kind)+" "+d.Path)
			return nil
		}); err != nil {
			return err
		}
		want := []string{"removed src/a", "removed src/a/Report.txt", "metadata src/b/same", "added src/moved", "added src/moved/Report.txt"}
		if !slices.Equal(diff, want) {
			t.Errorf("differences: %q", diff)
		}
		return nil
	})
}

// What goes through all backups is measured on as many as HOLDFAST_BENCH_SNAPSHOTS says, 100 otherwise.
func BenchmarkHistory(b *testing.B) {
	c := newComputer(b)
	snapshots := 100
	_, _ = fmt.Sscan(os.Getenv("HOLDFAST_BENCH_SNAPSHOTS"), &snapshots) // otherwise 100
	for i := range 5000 {
		filetest.Write(b, filepath.Join(c.src, fmt.Sprint(i%100), fmt.Sprintf("file %d", i)), fmt.Append(nil, "content ", i))
	}
	c.setup(newKey(b))
	begin := time.Now()
	for i := range snapshots {
		filetest.Write(b, filepath.Join(c.src, fmt.Sprint(i%100), "changing"), fmt.Append(nil, "version ", i))
		c.backup()
	}
	b.Logf("%d backups of 5,000 files in %v", snapshots, time.Since(begin))
	with := func(name string, fn func(ctx context.Context, a *core.App, r *core.Reader) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.must(func(a *core.App) error {
					r, err := a.Reader(context.Background())
					if err != nil {
						return err
					}
					defer r.Close() //nolint:errcheck // only read from
					return fn(context.Background(), a, r)
				})
			}
		})
	}
	with("find", func(ctx context.Context, _ *core.App, r *core.Reader) error {
		_, err := r.Find(ctx, "changing")
		return err
	})
	with("versions", func(ctx context.Context, _ *core.App, r *core.Reader) error {
		_, err := r.Versions(ctx, "src/7/changing")
		return err
	})
	with("diff", func(ctx context.Context, _ *core.App, r *core.Reader) error {
		all, err := r.Snapshots(ctx)
		if err != nil {
			return err
		}
		return r.Diff(ctx, all[len(all)-1].ID, all[0].ID, func(core.Difference) error { return nil })
	})
	with("prune-preview", func(ctx context.Context, a *core.App, _ *core.Reader) error {
		_, err := a.Upkeep().Prune(ctx, core.PruneRequest{DryRun: true, Grace: -1}, nil)
		return err
	})
}

package repo_test

// What a hostile or failing destination can do to a repository, and that
// verify notices each and no wrong byte is ever returned. Covered, for every
// object of a small repository, with and without encryption: every single bit
// flip, every truncation, growth, removal, renaming within and across kinds, duplication,
// swapping of two objects' contents. Not covered here: replaying a whole older state
// (the app remembers, core/app_test.go), a header that says "not encrypted" (likewise).

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/check"
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/repotest"
)

// checkNoticed asserts that a tampered repository is found out: it does not
// open, or verify reports something; and that every file that still reads,
// reads right. It returns how many files were still readable.
func checkNoticed(t testing.TB, what string, o repotest.Objects, key *backupkey.Key, known repo.Name,
	files []repotest.File) (readable int) {
	t.Helper()
	ctx := context.Background()
	s := o.Store(t)
	r, err := repo.Open(ctx, s, repo.By(key))
	if err != nil {
		return 0
	}
	if _, err := r.LoadIndex(ctx); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if snap, err := r.Snapshot(ctx, known); err == nil {
		for _, f := range files {
			got, err := repotest.ReadFile(r, snap, f.Name)
			switch {
			case err == nil && !bytes.Equal(got, f.Content):
				t.Fatalf("%s: %s came back with wrong bytes", what, f.Name)
			case err == nil:
				readable++
			case !errors.Is(err, repo.ErrDamaged):
				t.Fatalf("%s: %s: %v", what, f.Name, err)
			}
		}
	}
	fresh, err := repo.Open(ctx, s, repo.By(key))
	if err != nil {
		t.Fatalf("%s: opens only once: %v", what, err)
	}
	v, err := check.Verify(ctx, fresh, check.VerifyOptions{DataPercent: 100, Known: []repo.Name{known}})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(v.Damage)+len(v.Notes) == 0 {
		t.Fatalf("%s: verify noticed nothing", what)
	}
	if readable < len(files) && len(v.Damage) == 0 {
		t.Fatalf("%s: files are lost and verify says only %v", what, v.Notes)
	}
	return readable
}

func tamperCases(t *testing.T, fn func(t *testing.T, base repotest.Objects, key *backupkey.Key, known repo.Name)) {
	for _, key := range []*backupkey.Key{nil, repotest.Key(t)} {
		t.Run(fmt.Sprintf("encrypted=%v", key != nil), func(t *testing.T) {
			t.Parallel()
			r, m := repotest.New(t, key)
			snap := repotest.WriteSnapshot(t, r, tamperFiles, nil)
			fn(t, repotest.Dump(t, m), key, snap.Name)
		})
	}
}

var tamperFiles = []repotest.File{{Name: "a.txt", Content: bytes.Repeat([]byte("words "), 12)},
	{Name: "b.bin", Content: repotest.Noise(3, 150)}}

func TestEveryBitFlipIsNoticed(t *testing.T) {
	tamperCases(t, func(t *testing.T, base repotest.Objects, key *backupkey.Key, known repo.Name) {
		for _, name := range slices.Sorted(maps.Keys(base)) {
			b := base[name]
			for bit := 0; bit < 8*len(b); bit += bitStep {
				flipped := bytes.Clone(b)
				flipped[bit/8] ^= 1 << (bit % 8)
				checkNoticed(t, fmt.Sprintf("%s bit %d", name, bit), base.With(name, flipped), key, known, tamperFiles)
			}
		}
	})
}

func TestEveryTruncationAndGrowthIsNoticed(t *testing.T) {
	tamperCases(t, func(t *testing.T, base repotest.Objects, key *backupkey.Key, known repo.Name) {
		for name, b := range base {
			for n := 0; n < len(b); n += bitStep {
				checkNoticed(t, fmt.Sprintf("%s cut to %d", name, n), base.With(name, bytes.Clone(b[:n])), key, known, tamperFiles)
			}
			for _, more := range []int{1, 16, 32, 1000} {
				checkNoticed(t, fmt.Sprintf("%s grown by %d", name, more), base.With(name, append(bytes.Clone(b), make([]byte, more)...)), key, known,
					tamperFiles)
			}
		}
	})
}

func TestEveryRemovalIsNoticed(t *testing.T) {
	tamperCases(t, func(t *testing.T, base repotest.Objects, key *backupkey.Key, known repo.Name) {
		for name := range base {
			checkNoticed(t, name+" removed", base.With(name, nil), key, known, tamperFiles)
		}
	})
}

func TestEverySwapRenamingAndDuplicateIsNoticed(t *testing.T) {
	tamperCases(t, func(t *testing.T, base repotest.Objects, key *backupkey.Key, known repo.Name) {
		names := slices.Sorted(maps.Keys(base))
		for _, a := range names {
			for _, b := range names {
				if a < b {
					checkNoticed(t, a+" swapped with "+b, base.With(a, base[b]).With(b, base[a]), key, known, tamperFiles)
				}
				if a != b {
					checkNoticed(t, a+" over "+b, base.With(b, base[a]), key, known, tamperFiles)
				}
			}
			for _, other := range otherNames(a) {
				if _, taken := base[other]; taken {
					continue
				}
				readable := checkNoticed(t, a+" copied to "+other, base.With(other, base[a]), key, known, tamperFiles)
				if readable != len(tamperFiles) {
					t.Fatalf("a copy at %s makes files unreadable", other)
				}
				checkNoticed(t, a+" renamed to "+other, base.With(other, base[a]).With(a, nil), key, known, tamperFiles)
			}
		}
	})
}

// otherNames are names that somebody may give an object.
func otherNames(name string) []string {
	last := name[strings.LastIndex(name, "/")+1:]
	if len(last) != 64 {
		return []string{"keyring-7", "keyring-01", "copy.json"}
	}
	flipped := []byte(last)
	if flipped[63] == '0' {
		flipped[63] = '1'
	} else {
		flipped[63] = '0'
	}
	return []string{
		"packs/" + last[:2] + "/" + last, "packs/zz/" + last, "packs/" + string(flipped[:2]) + "/" + string(flipped),
		"indexes/" + last, "indexes/" + string(flipped), "snapshots/" + last, "snapshots/" + string(flipped), "snapshots/x",
	}
}

// TestDamageStaysLocal: of several files only those whose chunks are hit are lost.
func TestDamageStaysLocal(t *testing.T) {
	key := repotest.Key(t)
	r, m := repotest.New(t, key)
	files := []repotest.File{{Name: "a", Content: repotest.Noise(10, 100)}, {Name: "b", Content: repotest.Noise(11, 100)},
		{Name: "c", Content: repotest.Noise(12, 100)}}
	snap := repotest.WriteSnapshot(t, r, files, nil)
	base := repotest.Dump(t, m)
	loc := func(i int) (string, int) {
		e := repotest.Open(t, m, key)
		at, ok := e.Engine().Index.Find(e.Engine().Writes.NewHasher().ID(files[i].Content))
		if !ok {
			t.Fatal("chunk not found")
		}
		return format.KindPack.Path(e.Engine().Index.PackName(at.Pack)), int(at.Offset) + 20
	}
	for i, f := range files {
		name, at := loc(i)
		b := bytes.Clone(base[name])
		b[at] ^= 1
		o := base.With(name, b)
		if got := checkNoticed(t, f.Name, o, key, snap.Name, files); got != len(files)-1 {
			t.Errorf("damage to %s: %d of %d files still read", f.Name, got, len(files))
		}
		v := repotest.Verify(t, repotest.Open(t, o.Store(t), key), snap.Name)
		if v.Lost != 1 || len(v.LostFiles) != 1 || !strings.HasSuffix(v.LostFiles[0], "/docs/"+f.Name) {
			t.Errorf("lost files: %v", v.LostFiles)
		}
	}
}

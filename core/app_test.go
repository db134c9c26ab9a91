package core_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// elsewhere is a computer without a profile and without vaults.
var elsewhere core.Elsewhere

// computer is one profile with its folders, as one computer of a person.
type computer struct {
	t      testing.TB
	params core.Params
	src    string
	dest   string
}

func newComputer(t testing.TB) *computer {
	t.Helper()
	dir := t.TempDir()
	return &computer{
		t: t, src: filepath.Join(dir, "src"), dest: filepath.Join(dir, "dest"),
		params: core.Params{
			Profile: filepath.Join(dir, "profile"), Keyring: keyring.File{Path: filepath.Join(dir, "profile", "device.key")}, PackBytes: 1 << 20,
		},
	}
}

func (c *computer) open() *core.App {
	c.t.Helper()
	a, err := core.Open(context.Background(), c.params)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// do opens the profile for one piece of work.
func (c *computer) do(fn func(a *core.App) error) error {
	c.t.Helper()
	a := c.open()
	return errors.Join(fn(a), a.Close())
}

func (c *computer) must(fn func(a *core.App) error) {
	c.t.Helper()
	if err := c.do(fn); err != nil {
		c.t.Fatal(err)
	}
}

func (c *computer) setup(key *backupkey.Key) {
	c.t.Helper()
	c.must(func(a *core.App) error {
		return a.Setup(context.Background(), core.SetupRequest{Destination: c.dest, Sources: []string{c.src}, Key: key})
	})
}

func (c *computer) backup() (report core.BackupReport) {
	c.t.Helper()
	c.must(func(a *core.App) (err error) {
		report, err = a.Backup(context.Background(), nil)
		return err
	})
	return report
}

// restoreElsewhere restores with the place and the key alone, as on a new computer.
func restoreElsewhere(t testing.TB, dest string, key *backupkey.Key, snapshot string) (string, core.RestoreReport) {
	t.Helper()
	ctx := context.Background()
	r, err := elsewhere.OpenReader(ctx, dest, key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read from
	target := filepath.Join(t.TempDir(), "out")
	report, err := r.Restore(ctx, core.RestoreRequest{Snapshot: snapshot, Target: target, DevicesAndSetuid: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.Path, p.Reason)
	}
	return target, report
}

func newKey(t testing.TB) *backupkey.Key {
	t.Helper()
	k, err := backupkey.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEverythingComesBackOnANewComputer(t *testing.T) {
	for _, key := range []*backupkey.Key{nil, newKey(t)} {
		t.Run(fmt.Sprintf("encrypted=%v", key != nil), func(t *testing.T) {
			c := newComputer(t)
			filetest.Hard(t, c.src)
			c.setup(key)
			report := c.backup()
			if report.Errors != 0 || report.FilesNew != report.Files {
				t.Errorf("first report: %+v", report)
			}
			out, _ := restoreElsewhere(t, c.dest, key, "latest")
			filetest.Equal(t, c.src, filepath.Join(out, "src"))

			again := c.backup()
			if again.FilesNew+again.FilesChanged+again.BytesRead+again.BytesNew != 0 || again.Files != report.Files {
				t.Errorf("an unchanged folder was read again: %+v", again)
			}
			out, _ = restoreElsewhere(t, c.dest, key, again.Snapshot[:10])
			filetest.Equal(t, c.src, filepath.Join(out, "src"))
		})
	}
}

func TestGoSourceTreeComesBack(t *testing.T) {
	src := filepath.Join(runtime.GOROOT(), "src") //nolint:staticcheck // the tree of the Go that runs the test
	c := newComputer(t)
	c.src = src
	key := newKey(t)
	c.setup(key)
	c.backup()
	out, report := restoreElsewhere(t, c.dest, key, "latest")
	if report.Files < 5000 {
		t.Errorf("only %d files", report.Files)
	}
	filetest.Equal(t, src, filepath.Join(out, "src"))
}

func TestWithoutTheCacheNothingIsStoredTwice(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(newKey(t))
	first := c.backup()
	if err := os.RemoveAll(filepath.Join(c.params.Profile, "cache")); err != nil {
		t.Fatal(err)
	}
	second := c.backup()
	if second.BytesNew != 0 || second.BytesRead != first.BytesRead {
		t.Errorf("without a cache: %+v", second)
	}
}

func TestOnlyWhatChangedIsRead(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	key := newKey(t)
	c.setup(key)
	c.backup()
	filetest.Write(t, filepath.Join(c.src, "notes/1/new.txt"), []byte("new"))
	filetest.Write(t, filepath.Join(c.src, "notes/2/file-02.txt"), []byte("changed"))
	if err := os.Remove(filepath.Join(c.src, "notes/3/file-03.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(c.src, "photo.jpg"), filepath.Join(c.src, "picture.jpg")); err != nil {
		t.Fatal(err)
	}
	r := c.backup()
	if r.FilesNew != 2 || r.FilesChanged != 1 || r.BytesNew > 4096 || r.BytesRead != 3_000_000+10 {
		t.Errorf("%+v", r)
	}
	out, _ := restoreElsewhere(t, c.dest, key, "latest")
	filetest.Equal(t, c.src, filepath.Join(out, "src"))
}

func TestTwoComputersShareOneBackup(t *testing.T) {
	ctx := context.Background()
	key := newKey(t)
	a, b := newComputer(t), newComputer(t)
	b.dest = a.dest
	filetest.Small(t, a.src, 1)
	filetest.Small(t, b.src, 1)
	filetest.Write(t, filepath.Join(b.src, "only-here.txt"), []byte("second computer"))
	a.setup(key)
	b.must(func(app *core.App) error {
		return app.Setup(ctx, core.SetupRequest{Destination: b.dest, Sources: []string{b.src}, Key: key, Existing: true})
	})
	reports := make(chan core.BackupReport, 2)
	fail := make(chan error, 2)
	for _, c := range []*computer{a, b} {
		app := c.open()
		go func() {
			r, err := app.Backup(ctx, nil)
			reports <- r
			fail <- errors.Join(err, app.Close())
		}()
	}
	for range 2 {
		if err := <-fail; err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		r := <-reports
		out, _ := restoreElsewhere(t, a.dest, key, r.Snapshot)
		src := a.src
		if _, err := os.Stat(filepath.Join(out, "src/only-here.txt")); err == nil {
			src = b.src
		}
		filetest.Equal(t, src, filepath.Join(out, "src"))
	}
	// Whoever comes later stores nothing that is there.
	if r := a.backup(); r.BytesNew != 0 {
		t.Errorf("a third run stored %d bytes", r.BytesNew)
	}
	if v := a.verify(); len(v.Damage) > 0 {
		t.Errorf("verify: %v", v.Damage)
	}
}

func (c *computer) verify() (v core.VerifyReport) {
	c.t.Helper()
	c.must(func(a *core.App) (err error) {
		v, err = a.Upkeep().Verify(context.Background(), core.VerifyRequest{DataPercent: 100}, nil)
		return err
	})
	return v
}

// eachObject calls fn for every file at a destination.
func eachObject(t testing.TB, dest string, fn func(path string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(dest, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dest, path)
		fn(rel, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingInTheClear: no name, content, size or count is found at the
// destination, and every object but the header looks random.
func TestNothingInTheClear(t *testing.T) {
	c := newComputer(t)
	const secretName, secretText = "diary-of-alice", "meet me at the harbour at nine"
	for i := range 300 {
		filetest.Write(t, filepath.Join(c.src, fmt.Sprintf("folder-%s/%s-%d.txt", secretName, secretName, i)),
			[]byte(strings.Repeat(secretText, 5+i)))
	}
	filetest.Write(t, filepath.Join(c.src, "size"), bytes.Repeat([]byte("q"), 1_234_567))
	if err := os.Symlink("target-of-link", filepath.Join(c.src, "a-link")); err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	c.setup(key)
	report := c.backup()
	host, _ := os.Hostname()
	raw := key.Bytes()
	known := [][]byte{
		[]byte(secretName), []byte(secretText), []byte("harbour"), []byte("target-of-link"), []byte("a-link"), []byte("qqqqqqqq"),
		[]byte(c.src), []byte(host + "\x00"), raw, []byte(hex.EncodeToString(raw)), []byte(hex.EncodeToString(raw)[:16]),
		// sizes, zstd's magic
		{0x00, 0x12, 0xd6, 0x87}, []byte("1234567"), []byte(fmt.Sprint(report.Bytes)), []byte("KLUv/"), {0x28, 0xb5, 0x2f, 0xfd},
	}
	objects := 0
	eachObject(t, c.dest, func(path string, content []byte) {
		objects++
		for _, k := range known {
			if len(k) == 4 && len(content) > 1<<20 {
				continue // four bytes turn up by chance in megabytes
			}
			if bytes.Contains(content, k) || strings.Contains(path, string(k)) {
				t.Errorf("%s holds %q", path, k)
			}
		}
		if filepath.Base(path) == repo.HeaderPath {
			return
		}
		if e := entropy(content); e < expectedEntropy(len(content)) {
			t.Errorf("%s (%d bytes) has an entropy of %.3f bits a byte", path, len(content), e)
		}
	})
	if objects < 5 {
		t.Errorf("only %d objects", objects)
	}
}

// entropy is Shannon's, of single bytes, in bits.
func entropy(b []byte) (e float64) {
	var count [256]float64
	for _, v := range b {
		count[v]++
	}
	for _, n := range count {
		if n > 0 {
			p := n / float64(len(b))
			e -= p * math.Log2(p)
		}
	}
	return e
}

// expectedEntropy is what n random bytes have at least: the exact mean (each
// value's count is binomial) less seven standard deviations, for which 20/n,
// at most 0.08, is an upper bound from 64 bytes on.
func expectedEntropy(n int) float64 {
	const p = 1.0 / 256
	size, sum := float64(n), 0.0
	chance := math.Pow(1-p, size) // of a count of j
	for j := 1; j <= n && j <= 40+n/64; j++ {
		chance *= (size - float64(j) + 1) / float64(j) * p / (1 - p)
		sum += chance * float64(j) * math.Log2(float64(j))
	}
	if n > 20_000 { // beyond, the powers above vanish and the bias is next to nothing
		return 7.98
	}
	return math.Log2(size) - 256*sum/size - 7*min(0.08, 20/size)
}

func TestExpectedEntropyIsOfRandomBytes(t *testing.T) {
	for _, n := range []int{64, 200, 400, 1000, 4096, 19_999, 30_000} {
		for seed := range uint64(200) {
			if e := entropy(filetest.Noise(seed, n)); e < expectedEntropy(n) || e > expectedEntropy(n)+1.2 {
				t.Fatalf("%d random bytes have %.3f bits, expected at least %.3f", n, e, expectedEntropy(n))
			}
		}
		if e := entropy(bytes.Repeat([]byte("a plain text of some words, "), 1+n/28)[:n]); e > expectedEntropy(n) {
			t.Errorf("%d bytes of text pass for random", n)
		}
	}
}

func TestRestoreChoices(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	for _, name := range []string{"a/one.txt", "a/two.md", "b/one.txt", "b/c/three.txt"} {
		filetest.Write(t, filepath.Join(c.src, name), []byte(name))
	}
	c.setup(nil)
	c.backup()
	c.must(func(a *core.App) error {
		r, err := a.Reader(ctx)
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // only read from
		for _, k := range []struct {
			req  core.RestoreRequest
			want []string
			err  error
		}{
			{req: core.RestoreRequest{Paths: []string{"src/a"}}, want: []string{"src/a/one.txt", "src/a/two.md"}},
			{req: core.RestoreRequest{Paths: []string{"/src/b/c/three.txt"}}, want: []string{"src/b/c/three.txt"}},
			{req: core.RestoreRequest{Include: []string{"*.md"}}, want: []string{"src/a/two.md"}},
			{req: core.RestoreRequest{Include: []string{"one.txt"}, Paths: []string{"src/b"}}, want: []string{"src/b/one.txt"}},
			{req: core.RestoreRequest{Include: []string{"src/b/"}}, want: []string{"src/b/one.txt", "src/b/c/three.txt"}},
			{req: core.RestoreRequest{Include: []string{"src/*/c/*"}}, want: []string{"src/b/c/three.txt"}},
			{req: core.RestoreRequest{Include: []string{"*.zip"}}, err: core.ErrNoEntry},
			{req: core.RestoreRequest{Paths: []string{"src/nothing"}}, err: core.ErrNoEntry},
			{req: core.RestoreRequest{Snapshot: "ffffffffff"}, err: core.ErrNoSnapshot},
			{req: core.RestoreRequest{Conflict: "whatever"}, err: core.ErrInvalid},
			{req: core.RestoreRequest{Include: []string{"[bad"}}, err: core.ErrInvalid},
		} {
			k.req.Target = filepath.Join(t.TempDir(), "out")
			if k.req.Snapshot == "" {
				k.req.Snapshot = "latest"
			}
			_, err := r.Restore(ctx, k.req, nil)
			if !errors.Is(err, k.err) {
				t.Errorf("%+v: %v, want %v", k.req, err, k.err)
			}
			if k.err != nil {
				continue
			}
			var got []string
			for path, what := range filetest.Tree(t, k.req.Target) {
				if strings.Contains(what, "content") {
					got = append(got, path)
				} else if !slices.ContainsFunc(k.want, func(want string) bool { return strings.HasPrefix(want, path+"/") }) && path != "." {
					t.Errorf("%+v: a folder %s was made for nothing", k.req, path)
				}
			}
			slices.Sort(got)
			slices.Sort(k.want)
			if !slices.Equal(got, k.want) {
				t.Errorf("%+v: restored %v", k.req, got)
			}
		}
		return nil
	})
}

func TestRestoreOverExistingFiles(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Write(t, filepath.Join(c.src, "f.txt"), []byte("from the backup"))
	filetest.Write(t, filepath.Join(c.src, "g.txt"), []byte("also"))
	c.setup(nil)
	c.backup()
	for conflict, want := range map[core.Conflict]map[string]string{
		core.ConflictKeep:      {"f.txt": "mine", "g.txt": "also"},
		core.ConflictOverwrite: {"f.txt": "from the backup", "g.txt": "also"},
		core.ConflictRename:    {"f.txt": "mine", "f (restored).txt": "from the backup", "g.txt": "also"},
	} {
		target := t.TempDir()
		filetest.Write(t, filepath.Join(target, "src/f.txt"), []byte("mine"))
		c.must(func(a *core.App) error {
			r, err := a.Reader(ctx)
			if err != nil {
				return err
			}
			_, err = r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: target, Conflict: conflict}, nil)
			return errors.Join(err, r.Close())
		})
		got := map[string]string{}
		eachObject(t, filepath.Join(target, "src"), func(path string, content []byte) { got[path] = string(content) })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", conflict, got, want)
		}
	}
}

// TestADestinationThatClaimsLessIsRefused: who controls the place puts an
// unencrypted backup there, under the same id, to be handed the files.
func TestADestinationThatClaimsLessIsRefused(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(newKey(t))
	c.backup()
	evil := t.TempDir()
	s, err := store.OpenFolder(evil, store.FolderOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Create(ctx, s, nil, nil); err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(evil, repo.HeaderPath))
	if err != nil {
		t.Fatal(err)
	}
	own, err := elsewhere.Inspect(ctx, c.dest)
	if err != nil {
		t.Fatal(err)
	}
	evilID, err := elsewhere.Inspect(ctx, evil)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"another unencrypted backup": header,
		"with our id":                bytes.ReplaceAll(header, []byte(evilID.RepositoryID), []byte(own.RepositoryID)),
	} {
		if err := os.WriteFile(filepath.Join(c.dest, repo.HeaderPath), b, 0o600); err != nil {
			t.Fatal(err)
		}
		before := countObjects(t, c.dest)
		err := c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err })
		if !errors.Is(err, core.ErrDowngraded) {
			t.Errorf("%s: %v", what, err)
		}
		if got := countObjects(t, c.dest); got != before {
			t.Errorf("%s: something was written", what)
		}
	}
}

func countObjects(t testing.TB, dest string) (n int) {
	eachObject(t, dest, func(string, []byte) { n++ })
	return n
}

func TestAnOlderStateIsTold(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(newKey(t))
	c.backup()
	second := c.backup()
	if err := os.Remove(filepath.Join(c.dest, "snapshots", second.Snapshot)); err != nil {
		t.Fatal(err)
	}
	if v := c.verify(); len(v.Damage) != 1 || !strings.Contains(v.Damage[0], second.Snapshot) {
		t.Errorf("verify: %v", v.Damage)
	}
	if r := c.backup(); !r.OlderState {
		t.Error("the backup after it did not tell")
	}
	if r := c.backup(); r.OlderState {
		t.Error("told twice")
	}
}

func TestOneProcessAProfile(t *testing.T) {
	c := newComputer(t)
	a := c.open()
	defer a.Close() //nolint:errcheck // the end of the test
	if _, err := core.Open(context.Background(), c.params); !errors.Is(err, core.ErrProfileInUse) {
		t.Errorf("second open: %v", err)
	}
}

func TestBadSetupsChangeNothing(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	other := newComputer(t)
	filetest.Small(t, other.src, 1)
	other.setup(newKey(t))
	file := filepath.Join(t.TempDir(), "a-file")
	filetest.Write(t, file, []byte("x"))
	for _, k := range []struct {
		req  core.SetupRequest
		want error
	}{
		{core.SetupRequest{}, core.ErrInvalid},
		{core.SetupRequest{Destination: c.dest}, core.ErrInvalid},
		{core.SetupRequest{Destination: c.dest, Sources: []string{c.src + "-missing"}}, core.ErrNoSource},
		{core.SetupRequest{Destination: filepath.Join(c.src, "inside"), Sources: []string{c.src}}, core.ErrInvalid},
		{core.SetupRequest{Destination: c.dest, Sources: []string{c.src, filepath.Join(c.src, "notes")}}, core.ErrInvalid},
		{core.SetupRequest{Destination: c.dest, Sources: []string{c.src}, Excludes: []string{"[x"}}, core.ErrInvalid},
		{core.SetupRequest{Destination: c.dest, Sources: []string{c.src}, Excludes: []string{"preset:nonsense"}}, core.ErrInvalid},
		{core.SetupRequest{Destination: "gdrive:backup", Sources: []string{c.src}}, core.ErrInvalid},
		{core.SetupRequest{Destination: other.dest, Sources: []string{c.src}, Key: newKey(t)}, core.ErrExistingBackup},
		{core.SetupRequest{Destination: other.dest, Sources: []string{c.src}, Existing: true}, core.ErrKeyNeeded},
		{core.SetupRequest{Destination: other.dest, Sources: []string{c.src}, Existing: true, Key: newKey(t)}, core.ErrWrongKey},
		{core.SetupRequest{Destination: c.dest + "-none", Sources: []string{c.src}, Existing: true}, core.ErrDestinationGone},
	} {
		before := countObjects(t, other.dest)
		err := c.do(func(a *core.App) error { return a.Setup(ctx, k.req) })
		if !errors.Is(err, k.want) {
			t.Errorf("%+v: %v, want %v", k.req, err, k.want)
		}
		c.must(func(a *core.App) error {
			if a.Status().SetUp {
				t.Errorf("%+v: set up all the same", k.req)
			}
			return nil
		})
		if countObjects(t, other.dest) != before {
			t.Errorf("%+v: changed the other backup", k.req)
		}
	}
	if err := c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err }); !errors.Is(err, core.ErrNotSetUp) {
		t.Errorf("backup before set-up: %v", err)
	}
}

func TestAVanishedDestinationIsNotMadeAnew(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(newKey(t))
	c.backup()
	if err := os.Rename(c.dest, c.dest+".unplugged"); err != nil {
		t.Fatal(err)
	}
	err := c.do(func(a *core.App) error { _, err := a.Backup(ctx, nil); return err })
	if !errors.Is(err, core.ErrDestinationGone) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(c.dest); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder was made anew")
	}
	c.must(func(a *core.App) error {
		runs := a.Activity()
		if runs[0].Outcome != core.OutcomeFailed || runs[0].Code != core.Code(core.ErrDestinationGone) {
			t.Errorf("history: %+v", runs[0])
		}
		if !errors.Is(core.ErrorOf(runs[0].Code), core.ErrDestinationGone) {
			t.Error("the code does not lead back")
		}
		return nil
	})
	if err := os.Rename(c.dest+".unplugged", c.dest); err != nil {
		t.Fatal(err)
	}
	c.backup()
}

func TestKeyChange(t *testing.T) {
	ctx := context.Background()
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	old, fresh := newKey(t), newKey(t)
	c.setup(old)
	first := c.backup()
	before := filetest.Tree(t, c.src)
	c.must(func(a *core.App) error { return a.Encryption().ChangeKey(ctx, fresh, nil) })
	filetest.Write(t, filepath.Join(c.src, "later.txt"), []byte("after the change"))
	second := c.backup()
	if second.BytesNew > 8192 {
		t.Errorf("the key change stored %d bytes anew", second.BytesNew)
	}
	if _, err := elsewhere.OpenReader(ctx, c.dest, old); !errors.Is(err, core.ErrWrongKey) {
		t.Errorf("the old key: %v", err)
	}
	out, _ := restoreElsewhere(t, c.dest, fresh, first.Snapshot)
	filetest.EqualTrees(t, before, filetest.Tree(t, filepath.Join(out, "src")))
	out, _ = restoreElsewhere(t, c.dest, fresh, second.Snapshot)
	filetest.Equal(t, c.src, filepath.Join(out, "src"))
	c.must(func(a *core.App) error {
		k, err := a.Encryption().Key(ctx)
		if err == nil && !k.Equal(fresh) {
			t.Error("another key is shown")
		}
		return err
	})
	if v := c.verify(); len(v.Damage)+len(v.Notes) > 0 {
		t.Errorf("verify: %v %v", v.Damage, v.Notes)
	}
}

func TestCancelAndPause(t *testing.T) {
	c := newComputer(t)
	filetest.Small(t, c.src, 1)
	c.setup(newKey(t))
	ctx, cancel := context.WithCancel(context.Background())
	err := c.do(func(a *core.App) error {
		paused := make(chan struct{})
		c.params.Places = places.Places{}
		a.Pause() // nothing runs: nothing happens
		go func() {
			<-paused
			cancel()
		}()
		first := true
		_, err := a.Backup(ctx, func(p core.Progress) {
			if first {
				first = false
				a.Pause()
				a.Resume()
				close(paused)
			}
		})
		return err
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	c.backup()
	if v := c.verify(); len(v.Damage) > 0 {
		t.Errorf("verify: %v", v.Damage)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// restoreTo restores the newest backup into a folder.
func (c *computer) restoreTo(ctx context.Context, target string, conflict core.Conflict) (report core.RestoreReport, err error) {
	c.t.Helper()
	r, err := elsewhere.OpenReader(ctx, c.dest, nil)
	check(c.t, err)
	defer r.Close() //nolint:errcheck // only read from
	return r.Restore(ctx, core.RestoreRequest{Snapshot: "latest", Target: target, Conflict: conflict}, nil)
}
